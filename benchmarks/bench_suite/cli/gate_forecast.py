"""What `bench plan` says of the gates of a suite: what they could find, how often they could not tell, and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench_suite.suite.cell import group_name
from bench_suite.suite.durations import format_duration
from bench_suite.suite.gate_section import GateWarning, gate_warnings
from bench_suite.suite.plan import make_plan
from bench_suite.suite.seed_range import with_seeds

if TYPE_CHECKING:
    from bench_suite.comparison.gate_power import GatePower
    from bench_suite.store.runs import Run, Store
    from bench_suite.suite.plan import Plan


@dataclass(frozen=True)
class Forecast:
    """What is known of the gates of a plan before it is run."""

    warnings: tuple[GateWarning, ...] = ()
    tolerances: int = 0
    "Number of gates with a tolerance."
    run: str | None = None
    "The run that shows how much seeds and examples differ; None if there is none with these cells."
    powers: tuple[GatePower, ...] = ()
    "One for each gate with a tolerance; empty without a run."
    seconds: float | None = None
    """With `[gate] seeds`: seconds of the cells of both sides until a comparison of equally good models ends, by the
    records of the run; else None."""

    def to_json(self) -> dict[str, Any]:
        """Return warnings and gates as JSON values."""
        return {
            "warnings": [asdict(warning) for warning in self.warnings],
            "gates": {
                "run": self.run, "powers": [asdict(power) for power in self.powers], "seconds": self.seconds,
            },
        }  # fmt: skip


def foresee(plan: Plan, store: Store) -> Forecast:
    """Return what the gates of a plan could find, by the newest run of its suite that has any of its cells.

    Args:
        plan: the plan.
        store: the results.
    """
    gates = plan.suite.gates
    warnings = tuple(gate_warnings(gates, plan.cells))
    count = sum("tolerance" in gate.rules for gate in gates)
    run = store.newest(plan.suite.name, plan.suite.overrides) if count else None
    ids = {cell.id for cell in plan.cells}
    if plan.suite.gate_seeds is not None and run is not None:  # the run may have got more seeds than it begins with
        wanted = {group_name(cell.labels) for cell in plan.cells}
        every = make_plan(with_seeds(plan.suite, plan.suite.gate_seeds.most)).cells
        ids |= {cell.id for cell in every if group_name(cell.labels) in wanted}
    if run is None or not any(record.id in ids and record.status == "ok" for record in run.planned_records()):
        return Forecast(warnings, count)
    from bench_suite.comparison.ratios.power import powers_of_all

    powers = tuple(powers_of_all(gates, run, sorted(ids), seed_range=plan.suite.gate_seeds))
    return Forecast(warnings, count, run.name, powers, _seconds(powers, plan, run))


def _seconds(powers: Sequence[GatePower], plan: Plan, run: Run) -> float | None:
    """Return how long the cells of both sides take until gates that add seeds have decided; None without such gates.

    Cells without such a gate are run with the first seeds.
    """
    from bench_suite.comparison.gates import by_seed

    if plan.suite.gate_seeds is None:
        return None
    total = 0.0
    for where, records in by_seed(run.planned_records()).items():
        known = [float(record.seconds.get("total", 0.0)) for record in records if record.status == "ok"]
        expected = max((power.seeds_by_group.get(where, 0.0) for power in powers), default=0.0)
        if known:
            total += 2 * max(expected, plan.suite.gate_seeds.first) * sum(known) / len(known)
    return total


def forecast_lines(forecast: Forecast) -> Iterator[str]:
    """Yield the lines on gates for a person; none for a suite without gates."""
    if forecast.tolerances and forecast.run is None:
        yield "gates: what a comparison could find is unknown; one run of this suite shows it"
    if forecast.powers:
        yield f"gates, by the spread of seeds and examples in {forecast.run}:"
    for power in forecast.powers:
        yield f"  {power.name}{_scope(power)}, tolerance {power.tolerance}: {_power_text(power)}"
        if power.cells:
            yield f"      {_basis(power)}"
    if forecast.seconds is not None and forecast.powers:
        time = format_duration(forecast.seconds)
        yield f"  a comparison of equally good models takes about {time} of training and measuring, both sides together"
    for warning in forecast.warnings:
        yield f"note: {warning.message}"


def _scope(power: GatePower) -> str:
    from bench_suite.comparison.gates import ALL_CELLS

    return "" if power.scope == ALL_CELLS else f" ({power.scope})"


def _power_text(power: GatePower) -> str:
    """Return the least loss that is found, and how often equally good models are not told apart from a loss."""
    from bench_suite.reports.formatting import plain_number, scale_for

    if not power.cells and power.ratio_to:
        return "not forecast; this needs a run of both models, with timings of processes or two seeds with predictions"
    if not power.cells:
        return "unknown; the run has no value with a spread"
    most = "" if power.paired else "at most "
    if power.smallest is None:
        loss = "no loss is found reliably"
    else:
        scale = scale_for([power.smallest], power.unit)
        number = power.smallest * 100 if power.relative else power.smallest / scale.divisor
        unit = " %" if power.relative else f" {scale.unit}" if scale.unit else ""
        bound = "" if power.paired else " or less"
        loss = f"95 of 100 comparisons find a loss of {plain_number(number, 2)}{unit}{bound}"
    if power.expected_seeds is not None and power.seed_range is not None:
        seeds = f"about {power.expected_seeds:.0f} seeds a side, and {most}{round(power.undecided * 100)} of 100 cannot"
        return f"{loss}; without a change it takes {seeds} tell with {power.seed_range.most}"
    return f"{loss}; without a change, {most}{round(power.undecided * 100)} of 100 cannot tell"


def _basis(power: GatePower) -> str:
    """Return the cells in which this holds, and how it was computed if not from pairs of seeds."""
    seeds = "one seed" if power.seeds == 1 else f"{power.seeds} seeds"
    seeds = f"{power.folds} folds" if power.folds else seeds
    others = power.cells + power.left
    worst = f", the least decisive of {power.cells}" if power.cells > 1 else ""
    left = f"; {power.left} of {others} were not looked at, to save time" if power.left else ""
    how = "" if power.paired else "; worst case: as if the two models erred independently of each other"
    how += "; other random numbers are not in it" if power.seeds == 1 else ""
    return f"{power.where}, {seeds}{worst}{left}{how}"
