"""`bench plan`: the cells of a suite, and the time, downloads and packages that a run needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_suite.cli.arguments import (
    ADDRESS,
    CLUSTER,
    EXECUTOR,
    JOBS,
    JSON,
    KEYWORD,
    ONLY,
    RESULTS,
    SEEDS,
    SET,
    SUITE,
    run_arguments,
    shared_options,
    with_executor,
)
from bench_suite.cli.gate_forecast import Forecast, forecast_lines, foresee
from bench_suite.cli.output import printable, say
from bench_suite.cli.selection import select_cells
from bench_suite.components.options import show
from bench_suite.execution.more_seeds import seeded
from bench_suite.execution.selection import selectors_match
from bench_suite.execution.sharing import check_devices, layout_of, sharing_of
from bench_suite.execution.time_estimates import TimeEstimate, estimate_times
from bench_suite.store.runs import Store
from bench_suite.suite.durations import format_duration
from bench_suite.suite.option_checks import check_plan_options
from bench_suite.suite.packages import MissingPackage, advice, describe, missing_packages
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Cell, Plan, make_plan, name

if TYPE_CHECKING:
    from bench_suite.data.requirements import Need


@click.command()
@shared_options(SUITE, SET, ONLY, KEYWORD, SEEDS)
@click.option(
    "--trust", is_flag=True, help="No effect, because a plan runs no code; accepted so that the options of run work."
)
@shared_options(EXECUTOR, JOBS, ADDRESS, CLUSTER, RESULTS, JSON)
def command(
    suite: str, overrides: tuple[str, ...], only: tuple[str, ...], keyword: str, seeds: str | None, trust: bool,
    executor: str | None, jobs: str | None, address: str | None, cluster: str | None, results: Path, as_json: bool,
) -> None:  # fmt: skip
    """Show the cells of SUITE, a file or the name of a built-in suite, without running them.

    It shows the expected time, the downloads and the missing packages too. The time comes from earlier records
    of the same cells in --results on this machine; for other cells it is unknown. For each gate with a tolerance,
    it shows what a comparison could find, by the spread in the newest run of the suite. The options that a run refuses
    are refused. No data are loaded, and no code but the program's own runs, so a suite that names its own Python
    files needs no --trust here; its checks are made by a run.

    \b
      bench plan quickstart
      bench plan mine.toml --only model=mlp --json
      bench plan mine.toml -k 'mnist and not cnn'
    """
    from bench_suite.data.requirements import downloads

    del trust
    overrides = with_executor(overrides, executor, jobs, address, cluster)
    plan = select_cells(make_plan(seeded(read_suite(suite, overrides), seeds), only), keyword)
    check_plan_options(plan)
    times, needs, lacking = estimate_times(plan, Store(results)), downloads(plan), missing_packages(plan)
    forecast = foresee(plan, Store(results))
    if as_json:
        click.echo(json.dumps(as_document(plan, times, needs, lacking, forecast), indent=2, default=list))
        return
    same = run_arguments(suite, overrides, only, keyword=keyword, trust=bool(plan.suite.external), results=results)
    same += f" --seeds {seeds}" if seeds is not None else ""
    # A name may hold the end of a line: an id of a hub, say.
    say("\n".join(printable(line, keep="") for line in lines(plan, times, needs, lacking, forecast, same)))


def as_document(
    plan: Plan, times: Mapping[str, TimeEstimate], needs: Sequence[Need], lacking: Sequence[MissingPackage],
    forecast: Forecast,
) -> dict[str, Any]:  # fmt: skip
    """Return the plan as JSON values."""
    return {
        "schema": 1,
        "suite": plan.suite.name,
        "cells": [
            {
                "id": cell.id, "unit": cell.unit, "cell": cell.labels,
                "probes": {
                    label: {"applies": reason is None, "reason": reason, "unfit": cell.unfit.get(label, {})}
                    for label, reason in cell.probes.items()
                },
            }
            for cell in plan.cells
        ],
        "left_out": [{"task": task, "model": model, "reason": reason} for task, model, reason in _left_out(plan)],
        "executor": {"name": "inline"} if plan.suite.executor is None else plan.suite.executor.to_json(),
        "trust": [component.use for component in plan.suite.external],
        "time": {
            "seconds": _total_seconds(times), "unknown_cells": sum(time.seconds is None for time in times.values()),
            "cells": {id: vars(time) for id, time in times.items()},
        },
        "needs": [need.to_json() for need in needs],
        "not_installed": [
            {"package": missing.package, "used_by": missing.used_by, "command": missing.command} for missing in lacking
        ],
        **forecast.to_json(),
    }  # fmt: skip


def lines(
    plan: Plan, times: Mapping[str, TimeEstimate], needs: Sequence[Need], lacking: Sequence[MissingPackage],
    forecast: Forecast, again: str,
) -> list[str]:  # fmt: skip
    """Return the lines of the plan for a person; `again` are the words after `bench run`."""
    cells, units = plan.cells, plan.units
    shared = f", {len(units)} training{'s' if len(units) != 1 else ''}" if len(units) != len(cells) else ""
    text = [f"{plan.suite.title}: {len(cells)} cell{'s' if len(cells) != 1 else ''}{shared}", ""]
    for cell in cells:
        applied = [label for label, reason in cell.probes.items() if reason is None]
        estimate = times[cell.id]
        least = "≥ " if estimate.basis == "training" else ""
        time = f"  ({least}{format_duration(estimate.seconds)})" if estimate.seconds is not None else ""
        text.append(f"  {cell.id[:8]}  {name(cell)}{time}")
        text.append(f"            {', '.join(applied) or 'no probe'}")
    if inapplicable := inapplicable_lines(cells):
        text += ["", "not applicable:", *(f"  {line}" for line in inapplicable)]
    if left_out := _left_out(plan):
        text += ["", "left out, because they do not fit:"]
        text += [f"  {task} × {model}: {reason}" for task, model, reason in left_out]
    if plan.suite.external:
        text += ["", "code from files that the suite names, run only with --trust:"]
        text += [f"  {component.kind[:-1]} {component.use}" for component in plan.suite.external]
    text += ["", *_executor(plan), *_time(times), *_downloads(needs), *forecast_lines(forecast)]
    if lacking:
        text += ["not installed, so the run would stop before it trains:"]
        text += [line for missing in lacking for line in describe(missing)]
        text += advice(plan, lacking)
        commands = dict.fromkeys(missing.command for missing in lacking)
        return [*text, "", f"next: {' && '.join(commands)} && bench run {again}"]
    return [*text, "", f"next: bench run {again}     (first try it in seconds: --smoke)"]


def _executor(plan: Plan) -> Iterator[str]:
    """Yield the trackers and where the units run, if the suite states them; its own executor is not run to ask it."""
    if plan.suite.log:
        yield f"log: {', '.join(tracker.name for tracker in plan.suite.log)}"
    use = plan.suite.executor
    if use is None:
        check_devices(plan)
        return
    stated = "".join(f", {option} {value}" for option, value in use.stated.items())
    yield f"executor: {use.label}{stated}"
    if not use.component.external:
        sharing = sharing_of(plan)
        layout = layout_of(plan, sharing)
        yield from (f"  {line}" for line in (layout, *sharing.notes) if line)


def _left_out(plan: Plan) -> list[tuple[str, str, str]]:
    """Return the pairs that do not fit, with the reason, as far as `--only` and `-k` ask for their task and model."""
    return [pair for pair in plan.left_out if _asked_for(plan.only, {"task": pair[0], "model": pair[1]})]


def _asked_for(only: Sequence[str], labels: Mapping[str, str]) -> bool:
    """Return whether selectors take a pair of task and model; selectors of other axes are ignored."""
    selectors = [text for text in only if text.startswith("-k ") or text.partition("=")[0] in labels]
    return selectors_match(selectors, labels)


def inapplicable_lines(cells: Sequence[Cell]) -> list[str]:
    """Return a line for each probe, and each value of its options, that does not apply to some cells."""
    pairs_by_reason: dict[tuple[str, str], dict[str, None]] = {}
    for cell in cells:
        for label, reason in _inapplicable(cell):
            pairs_by_reason.setdefault((label, reason), {})[f"{cell.task.label}/{cell.model.label}"] = None
    return [f"{label}: {reason} ({', '.join(pairs)})" for (label, reason), pairs in pairs_by_reason.items()]


def _inapplicable(cell: Cell) -> Iterator[tuple[str, str]]:
    """Yield the probes that do not apply to a cell, and the choices of options that do not, each with the reason."""
    yield from ((label, reason) for label, reason in cell.probes.items() if reason)
    for label, options in cell.unfit.items():
        for option, reasons in options.items():
            for choice, reason in reasons.items():
                yield f"{label}, {option} {choice if isinstance(choice, str) else show(choice)}", reason


def _total_seconds(times: Mapping[str, TimeEstimate]) -> float | None:
    """Return the sum of the known times; None if none is known."""
    known = [time.seconds for time in times.values() if time.seconds is not None]
    return sum(known) if known else None


def _time(times: Mapping[str, TimeEstimate]) -> list[str]:
    """Return the lines on the time of all cells, and how much of it earlier records can tell."""
    total = _total_seconds(times)
    if total is None:
        return ["time: unknown; no earlier record of these cells, or of any that cost the same, on this machine"]
    known = [time for time in times.values() if time.seconds is not None]
    records, cells = sum(time.records for time in known), len(times)
    like, trained = (sum(time.basis == basis for time in known) for basis in ("like", "training"))
    parts = [f"{like} of {cells} cells by others that cost the same"] if like else []
    parts += [f"{trained} of {cells} cells without their probes, which have changed"] if trained else []
    parts += [f"{cells - len(known)} of {cells} cells unknown"] if len(known) < cells else []
    bound = "about" if len(known) == cells and not trained else "≥"
    lines = [f"time: {bound} {format_duration(total)}, from {records} earlier record{'s' if records != 1 else ''}"]
    return [*lines, *(f"  {part}" for part in parts)]


def _downloads(needs: Sequence[Need]) -> Iterator[str]:
    """Yield the lines on what a run would download, and on what is missing here."""
    fetched, unread = [need for need in needs if need.is_download], [need for need in needs if need.error]
    missing = [need for need in needs if need.is_missing and not need.error]
    if not fetched and not missing and not unread:
        yield "downloads: none" + (", all data are here" if needs else "")
    if fetched:
        yield f"downloads, of sizes that only the hub knows: {len(fetched)}"
    for need in fetched:
        yield f"  {need.name}, {need.what} of {', '.join(need.used_by)}"
        yield from [f"      {need.hint}"] if need.hint else []
    if unread:
        yield "cannot be read, so its cells would fail:"
    for need in unread:
        yield f"  {need.name}, {need.what} of {', '.join(need.used_by)}"
        yield from (f"      {line.strip()}" for line in need.error.splitlines())
    for of_probes, effect in ((False, "its cells would be unavailable"), (True, "its metrics would have no value")):
        lacking = [need for need in missing if need.of_probes == of_probes]
        if lacking:
            yield f"not available here, so {effect}:"
        for need in lacking:
            yield f"  {need.name}, {need.what} of {', '.join(need.used_by)}"
            yield f"      to get it: {need.command}"
            yield from [f"      {need.hint}"] if need.hint else []
