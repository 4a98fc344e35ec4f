"""The examples of a page within its limit, and the page beside it for those that do not fit."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench_suite.reports.html.attributions import attributions
from bench_suite.reports.html.example_view import Card, ExamplesView
from bench_suite.reports.html.examples import TaskExamples, choose, task_examples
from bench_suite.reports.html.item_data import DataReader
from bench_suite.reports.html.items import read_items
from bench_suite.reports.table import Table
from bench_suite.store.runs import Run

PER_TASK = 200
"Examples of a task, unless the reader asks for another number."
MAX_TASKS = 10
"Tasks of a page whose examples are shown: the first ones."
EXAMPLES_BYTES = 185_000
"Characters of a page that its examples may have, besides their program; the others are in a page beside it."
BESIDE_BYTES = 8_000_000
"Characters that the examples of the page beside it may have."
LISTED = 12
"Examples of a task that can be read without JavaScript; fewer if there are many tasks."
Pack = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class TaskBlock:
    """The examples of one task, as the template writes them."""

    id: str
    task: str
    heading: str
    about: str
    explained_by: str
    "How many examples are explained, and what the colours of a map mean; empty if none is."
    regression: bool
    files: Sequence[tuple[str, str, str]]
    reason: str
    "Why the items are not shown; empty if they are."
    cards: Sequence[Card]
    count: int
    "Number of examples in `data`."
    total: int
    "Number of examples that were asked for, or that the task has."
    data: str
    "The examples, packed for the browser."


@dataclass(frozen=True)
class Block:
    """The examples of one run."""

    tasks: Sequence[TaskBlock]
    unread: Sequence[str] = ()
    "Tasks whose examples cannot be shown, with the reason."

    @property
    def count(self) -> int:
        """The number of examples."""
        return sum(task.count for task in self.tasks)

    @property
    def total(self) -> int:
        """The number of examples that were asked for."""
        return sum(task.total for task in self.tasks)


def views(
    run: Run, tables: Sequence[Table], count: int, address: str, reader: DataReader
) -> tuple[list[ExamplesView], list[str]]:
    """Return the examples of the tables of a run, and the reasons why some tables have none.

    Args:
        run: the run.
        tables: its tables.
        count: the number of examples of a task.
        address: address of the folder of the run, relative to the page, with a slash at its end.
        reader: reads the data of the tasks.
    """
    shown, unread = [], []
    for table in tables[:MAX_TASKS] if count else ():
        if table.smoke:
            continue  # its predictions mean nothing
        examples = task_examples(run, table)
        if isinstance(examples, str):
            unread += [f"{table.task}: {examples}"] if examples else []
            continue
        shown.append(_view(run, examples, count, address, reader))
    return shown, unread


def _view(run: Run, examples: TaskExamples, count: int, address: str, reader: DataReader) -> ExamplesView:
    explained = attributions(run, examples)
    choice = choose(examples, count, tuple(explained))
    data = reader.read(run, examples.models[0].record)
    items = read_items(data, [int(examples.ids[row]) for row in choice.rows])
    return ExamplesView(examples, choice, items, examples.classes or data.classes, explained, address)


def block(
    shown: Sequence[ExamplesView], unread: Sequence[str], prefix: str, limit: int, pack: Pack,
    written: Callable[[Block], str],
) -> Block:  # fmt: skip
    """Return the examples of a run, as many of each task as fit into a limit.

    Args:
        shown: its examples by task.
        unread: why some tasks have none.
        prefix: of the identities in the page.
        limit: the characters that all of them may have.
        pack: packs data for the browser.
        written: the block as text.
    """
    listed = max(1, min(LISTED, 4 * LISTED // max(1, len(shown))))
    ids = [f"{prefix}examples-{number}" for number in range(len(shown))]
    bare = Block([_task(view, id, listed, 0, pack) for view, id in zip(shown, ids)], unread)
    while len(written(bare)) > limit // 2 and listed > 1:
        listed //= 2
        bare = Block([_task(view, id, listed, 0, pack) for view, id in zip(shown, ids)], unread)
    room = max(0, limit - len(written(bare)))
    tasks: list[TaskBlock] = []
    # A task that needs less than its share leaves room for the others: so those with the least data come first.
    whole = {id: _task(view, id, listed, len(view.choice.rows), pack) for view, id in zip(shown, ids)}
    for number, (id, view) in enumerate(sorted(zip(ids, shown), key=lambda one: len(whole[one[0]].data))):
        share = room // (len(shown) - number)
        own = whole[id] if len(whole[id].data) <= share else _fitting(view, id, listed, share, pack)
        room -= len(own.data)
        tasks.append(own)
    return Block(sorted(tasks, key=lambda task: ids.index(task.id)), unread)


def _fitting(view: ExamplesView, id: str, listed: int, limit: int, pack: Pack) -> TaskBlock:
    """Return as many examples of a task as fit: a choice of fewer is a part of that of more."""
    fits = bisect.bisect_left(
        range(1, len(view.choice.rows) + 1),
        True,
        key=lambda count: len(_task(view, id, listed, count, pack).data) > limit,
    )
    return _task(view, id, listed, fits, pack)


def _task(view: ExamplesView, id: str, listed: int, count: int, pack: Pack) -> TaskBlock:
    examples = view.examples
    own = view if count in (0, len(view.choice.rows)) else _part(view, count)
    return TaskBlock(
        id, examples.task, examples.heading, own.about, own.explained_by, examples.regression, view.files,
        view.items.reason, own.cards(listed), count, len(view.choice.rows), pack(own.data()) if count else "",
    )  # fmt: skip


def _part(view: ExamplesView, count: int) -> ExamplesView:
    return replace(view, choice=choose(view.examples, count, tuple(view.explained)))


# ── all runs of a page ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Shown:
    """The examples of a run in its page and, if they do not fit into it, in the page beside it."""

    page: Block
    beside: Block | None


@dataclass(frozen=True)
class RunPart:
    """What the examples of one run need to know about its page."""

    run: Run
    tables: Sequence[Table]
    prefix: str
    address: str


@dataclass(frozen=True)
class RunExamples:
    """The examples of one run, before it is known how many of them a page has room for."""

    prefix: str
    views: Sequence[ExamplesView]
    unread: Sequence[str]


def read_examples(parts: Sequence[RunPart], count: int) -> list[RunExamples]:
    """Read the examples of each run of a page.

    Args:
        parts: the runs.
        count: number of examples of a task; 0 for none.
    """
    reader = DataReader()
    return [RunExamples(part.prefix, *views(part.run, part.tables, count, part.address, reader)) for part in parts]


def within(
    runs: Sequence[RunExamples], limit: int, pack: Pack, written: Callable[[Block], str], *, beside: bool
) -> list[Shown]:
    """Return the examples of each run of a page, as many as fit.

    Args:
        runs: the examples of the runs.
        limit: the characters that all of them may have in the page.
        pack: packs data for the browser.
        written: a block as text.
        beside: whether there may be a page beside it.
    """
    limits = [one // len(runs) for one in (limit, BESIDE_BYTES)][: 1 + beside]
    shown = []
    for run in runs:
        own, *more = (block(run.views, run.unread, run.prefix, one, pack, written) for one in limits)
        shown.append(Shown(own, more[0] if more and own.count < own.total else None))
    return shown
