"""Write a page: one HTML file that needs nothing else.

Everything that comes from outside is escaped by the template. The page's content security policy allows the style sheet
and the program in it, by their hashes, and pictures in the page, and nothing else.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import json
import os
import re
import shlex
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from bench_suite._version import __version__
from bench_suite.contracts import Record
from bench_suite.reports import across_tasks, leaderboard, provenance
from bench_suite.reports.failures import outcome
from bench_suite.reports.gate_verdicts import verdicts_of, with_changes
from bench_suite.reports.html import beside as example_file
from bench_suite.reports.html import content, example_page
from bench_suite.reports.html.boards import board, legend, shared_remarks
from bench_suite.reports.html.content import DETAILS, Detail, Detailed
from bench_suite.reports.html.coverage import coverage
from bench_suite.reports.html.figures import Pictures
from bench_suite.reports.html.trivial import majority
from bench_suite.reports.html.verdicts import between_runs, gate_verdicts, side_by_side
from bench_suite.reports.html.view import Board, Grid
from bench_suite.reports.metric_texts import MetricText, metric_texts
from bench_suite.reports.table import Table, tables
from bench_suite.store.commands import bench, results_option
from bench_suite.store.runs import Run

MAX_BYTES = 980_000
"Characters of a page at most: with the few that need two bytes it stays under 1 MB."
MAX_CELLS = 20_000
"Cells whose numbers can be traced in the page; more would make it larger than 1 MB."
PICTURE_BYTES = 240_000
"Characters that the pictures of a page have room for, if there are so many: then fewer charts are shown."
_FOLDER = Path(__file__).parent


def write_page(
    runs: Sequence[Run], target: Path, *, reference: str | None = None, examples: int = example_page.PER_TASK
) -> Path:
    """Write the page of some runs and return its path; examples that it has no room for are in a page beside it.

    Args:
        runs: the runs, in the order in which they are shown.
        target: the file.
        reference: the model that the others are compared with, or `best`; default: that of the suite.
        examples: number of test examples of a task that can be browsed; 0 for none.

    Raises:
        ReportError: a file cannot be written.
    """
    beside = example_file.beside(target)
    if examples and example_file.is_foreign(beside):
        raise leaderboard.ReportError(
            f"{beside} exists, and is no page of examples: choose another --output, or write none with --examples 0"
        )
    own, other = _pages(runs, target, beside.name, reference, examples)
    leaderboard.write(target, own.encode("utf-8", "replace"))
    if other:
        leaderboard.write(beside, other.encode("utf-8", "replace"))
    else:
        example_file.remove_stale(beside)  # no page links to it any more
    return target


def page(
    runs: Sequence[Run], folder: Path = Path(), *, reference: str | None = None, live: bool = False, version: str = ""
) -> str:
    """Return the page of some runs as HTML, without examples to browse.

    Args:
        runs: the runs, in the order in which they are shown.
        folder: where the page will be; addresses of files of the runs are relative to it.
        reference: as for `write_page`.
        live: whether `bench view` serves it, and the page asks for news.
        version: if it is live, the version of the results that it shows: it asks for a new page if that changes.
    """
    return _pages(runs, folder / "page.html", "", reference, 0, live=live, version=version)[0]


def examples_page(run: Run, *, reference: str | None = None) -> str:
    """Return the page of the examples of the cells of a run that have ended, for `bench view`.

    Args:
        run: the run; addresses of its files are relative to its folder.
        reference: as for `write_page`.
    """
    parts = [example_page.RunPart(run, tables([run], reference), "", "./")]
    read = example_page.read_examples(parts, example_page.PER_TASK)
    (shown,) = example_page.within(read, example_page.BESIDE_BYTES, _packed, _written, beside=False)
    title = str(run.info.get("title") or run.info["suite"])
    return _page_of_examples(title, [(shown.page, "examples", "Examples")], "./", live=True)


def _pages(
    runs: Sequence[Run], target: Path, beside: str, reference: str | None, examples: int, *, live: bool = False,
    version: str = "",
) -> tuple[str, str]:  # fmt: skip
    """Return the page of some runs, and that of the examples beside it, which is empty if they fit into the first."""
    folder = target.parent
    several = len(runs) > 1
    ids = content.identities()
    described = [
        _describe(run, folder, reference, ids, f"run-{number}-" if several else "", several=several)
        for number, run in enumerate(runs)
    ]
    parts = [example_page.RunPart(one.run, one.tables, one.prefix, one.address) for one in described]
    read = example_page.read_examples(parts, examples)
    browsed = any(one.views for one in read)
    values = {
        "title": " and ".join(dict.fromkeys(one.values["title"] for one in described)),
        "several": several,
        "between": between_runs(runs) if several else [],
        "side_by_side": side_by_side(runs, [one.tables for one in described]) if several else None,
        "policy": policy(live=live, examples=browsed),
        "style": Markup(_style(live)),
        "programs": [Markup(program) for program in _programs(live, browsed)],
        "data": _packed({"boards": [board for one in described for board in one.data], "live": live}),
        "version": __version__,
        "live": live,
        "version_shown": version,
        "export": bench("export", runs[0].name, "--format", "csv", results=runs[0].path.parent),
    }
    pictures = Pictures({one.run.path: one.address for one in described})
    # A page of many runs or tasks keeps its charts, and has fewer examples.
    for limit in (example_page.EXAMPLES_BYTES, example_page.EXAMPLES_BYTES // 3):
        shown = example_page.within(read, limit, _packed, _written, beside=bool(beside))
        has_more = any(one.beside is not None for one in shown)
        values |= {
            "examples": {one.prefix: own.page for one, own in zip(described, shown)},
            "beside": beside if has_more else "",
        }
        number, text = _fitting(values, described, pictures)
        if not browsed or number < len(DETAILS) - 1:
            break
    other = _beside(values, described, shown, target.name) if has_more else ""
    return pictures.filled(text, MAX_BYTES), other


def _fitting(values: Mapping[str, Any], described: Sequence[_Described], pictures: Pictures) -> tuple[int, str]:
    """Return the page without its pictures, in as much detail as fits, and the position of that detail."""
    texts: dict[int, str] = {}

    def fits(number: int) -> bool:
        texts[number] = _rendered(values, described, pictures, DETAILS[number])
        return len(texts[number]) + min(pictures.size_in(texts[number]), PICTURE_BYTES) <= MAX_BYTES

    number = bisect.bisect_left(range(len(DETAILS) - 1), True, key=fits)
    if number not in texts:
        texts[number] = _rendered(values, described, pictures, DETAILS[number])
    return number, texts[number]


def _written(block: example_page.Block) -> str:
    """Return the examples of a run as a section of the page."""
    macros: Any = _ENVIRONMENT.get_template("examples.html.j2").module
    return str(macros.examples(block, "examples", "", lambda level, id, text: ""))


def _beside(
    values: Mapping[str, Any], described: Sequence[_Described], shown: Sequence[example_page.Shown], report: str
) -> str:
    """Return the page of all chosen examples, which links to the page `report`."""
    blocks = [
        (own.beside or own.page, f"{one.prefix}examples", f"Examples{f', {one.run.name}' if len(shown) > 1 else ''}")
        for one, own in zip(described, shown)
    ]
    return _page_of_examples(values["title"], blocks, report, live=False)


def _page_of_examples(
    title: str, blocks: Sequence[tuple[example_page.Block, str, str]], report: str, *, live: bool
) -> str:
    return _ENVIRONMENT.get_template("beside.html.j2").render(
        title=title, policy=examples_policy(), style=Markup(_style(False)), program=Markup(_asset("examples.js")),
        blocks=blocks, report=report, version=__version__, live=live, marker=Markup(example_file.MARKER),
    )  # fmt: skip


@dataclass(frozen=True)
class _Described:
    """What the template needs about one run, but for the sections, which have more or less detail."""

    run: Run
    prefix: str
    address: str
    "Address of the run's folder, relative to the page, with a slash at its end."
    values: Mapping[str, Any]
    data: Sequence[dict[str, Any]]
    "The data of its boards."
    tables: Sequence[Table]
    detailed: Sequence[Detailed]


def _rendered(values: Mapping[str, Any], described: Sequence[_Described], pictures: Pictures, detail: Detail) -> str:
    """Return the page without its pictures, in some detail."""
    runs = [
        {**one.values, "sections": content.sections(one.run, one.detailed, pictures, detail, one.prefix)}
        for one in described
    ]
    template = _ENVIRONMENT.get_template("page.html.j2")
    return template.render(**values, runs=runs, reduced=detail is not DETAILS[0])


def _describe(run: Run, folder: Path, reference: str | None, ids: Any, prefix: str, *, several: bool) -> _Described:
    info, records = run.info, run.records()
    run_tables = tables([run], reference)
    verdicts = verdicts_of(run)
    if verdicts.comparison is not None:
        run_tables = with_changes(run_tables, verdicts.comparison)
    name = run.name if several else ""
    texts = metric_texts(run, [column for table in run_tables for column in table.columns])
    boards, data = _boards(run, run_tables, ids, name, records, texts)
    boards, shared = shared_remarks(boards)
    summary = across_tasks.across_tasks(run_tables)
    git = info.get("git") or {}
    commands, remark = provenance.reproduction(run)
    address = os.path.relpath(run.path, folder.resolve()).replace(os.sep, "/") + "/"
    without = content.without_predictions(run, records)
    for one in data:
        one |= {
            "address": address, "name": shlex.quote(run.name), "option": results_option(run.path.parent),
            "without": without,
        }  # fmt: skip
    described = {
        "prefix": prefix,
        "name": run.name,
        "show_cell": bench("show", "cell", "ID", "--run", run.name, results=run.path.parent),
        "title": str(info.get("title") or info["suite"]),
        "description": str(info.get("description") or ""),
        "smoke": bool(info.get("smoke")),
        "outcome": outcome(run, records),
        "started": str(info.get("started", ""))[:16].replace("T", " ") + " UTC",
        "commit": str(git.get("commit") or "")[:12] + (" with changes" if git.get("dirty") else ""),
        "command": str(info.get("command") or commands[-2]),
        "verdicts": gate_verdicts(run, verdicts),
        "findings": content.findings(run),
        "remarks": content.reader_notes(run, records, prefix),
        "boards": boards,
        "shared": shared,
        "across": None if summary is None else _across(summary),
        "legend": legend(run_tables),
        "reading": leaderboard.reading(run_tables) if run_tables else "",
        "failures": content.failures(run, records),
        "problems": content.problem_lines(run, records),
        "coverage": coverage(run, records),
        "facts": provenance.facts(run, run_tables),
        "coded": provenance.CODED,
        "data": Grid(list(provenance.DATA_HEADER), provenance.data_rows(run_tables)),
        "notes": list(dict.fromkeys(note for record in records for note in record.notes)),
        "commands": commands,
        "remark": remark,
        "text": str(info.get("text") or ""),
        "cells": content.cell_lines(records, run, address),
        "cell_count": len(records),
        "predicted": without is not True and not info.get("smoke"),
    }
    return _Described(run, prefix, address, described, data, run_tables, content.detailed(run_tables))


def _boards(
    run: Run,
    run_tables: Sequence[Table],
    ids: Any,
    name: str,
    records: Sequence[Record],
    texts: Mapping[str, MetricText],
) -> tuple[list[Board], list[dict[str, Any]]]:
    boards, data = [], []
    for table in run_tables:
        shown, own = board(table, next(ids), name, texts, majority(run, table))
        boards.append(shown)
        if len(records) > MAX_CELLS:
            for row in own["rows"]:
                row[7:10] = [[], [], []]
        data.append(own)
    return boards, data


def _across(summary: across_tasks.AcrossTasks) -> dict[str, Any]:
    header, lines, notes = across_tasks.table_of(summary)
    return {"about": across_tasks.about(summary), "grid": Grid(header, lines, notes), "reading": across_tasks.READING}


def policy(*, live: bool = False, examples: bool = False) -> str:
    """Return the content security policy of a page: what is in it, by hash; its server if it is live; nothing else."""
    return "; ".join([_policy(_style(live), _programs(live, examples)), *(["connect-src 'self'"] if live else [])])


def examples_policy() -> str:
    """Return the content security policy of a page of examples alone."""
    return _policy(_style(False), [_asset("examples.js")])


def _policy(style: str, programs: Sequence[str]) -> str:
    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return "; ".join([
        "default-src 'none'", f"style-src {hashed(style)}", f"script-src {' '.join(map(hashed, programs))}",
        "img-src data:", "base-uri 'none'", "form-action 'none'",
    ])  # fmt: skip


def _style(live: bool) -> str:
    return _asset("page.css") + (_asset("live.css") if live else "")


def _programs(live: bool, examples: bool) -> list[str]:
    names = ["page.js", *(["live.js"] if live else []), *(["examples.js"] if examples else [])]
    return [_asset(name) for name in names]


def _packed(data: Mapping[str, Any]) -> str:
    """Return data as compressed JSON in base64, which the browser unpacks when it needs them."""
    text = json.dumps(_all_visible(data), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(packer.compress(text.encode()) + packer.flush()).decode()


def _all_visible(value: Any) -> Any:
    """Return data whose texts have only characters that can be seen."""
    if isinstance(value, Mapping):
        return {_visible(name): _all_visible(entry) for name, entry in value.items()}
    return [_all_visible(entry) for entry in value] if isinstance(value, list | tuple) else _visible(value)


def _asset(name: str) -> str:
    return (_FOLDER / "assets" / name).read_text("utf-8")


def _visible(value: Any) -> Any:
    """Return a text on one line, whose characters can all be seen; anything else as it is."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    if value.isprintable():
        return value
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def _lines(text: str) -> Markup:
    """Return a text of several lines, escaped, whose characters can all be seen."""
    plain = "".join(c if c.isprintable() or c in "\t\n" else "\ufffd" for c in text.replace("\r\n", "\n"))
    return Markup.escape(plain)


def _breakable(text: str) -> Markup:
    """Return a name, escaped, that may be broken after each underscore."""
    return Markup("_<wbr>").join(Markup.escape(part) for part in _visible(text).split("_"))


def _unbroken(text: str) -> Markup:
    """Return a value, escaped, that may be broken before its brackets only."""
    return Markup(" ").join(Markup("<span>{}</span>").format(part) for part in _BRACKETS.split(_visible(text)))


def _coded(text: Any) -> Markup:
    """Return a text, escaped, whose parts in backticks are code elements."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(Markup.escape(_visible(text)))))


_CODE = re.compile(r"`([^`]+)`")
_BRACKETS = re.compile(r" (?=[\[(])")
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER / "assets"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=_visible,
    undefined=jinja2.StrictUndefined,
)
_ENVIRONMENT.filters["lines"] = _lines
_ENVIRONMENT.filters["breakable"] = _breakable
_ENVIRONMENT.filters["unbroken"] = _unbroken
_ENVIRONMENT.filters["coded"] = _coded
