"""What a page consists of: typed values that the template writes, without any layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup


@dataclass(frozen=True)
class Grid:
    """A table of texts; the first column names the rows."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Figure:
    """A chart or a picture with its caption and the table of its numbers."""

    caption: str
    content: Markup
    "The chart as SVG, or the picture."
    table: Grid | None = None
    kind: str = "chart"
    "`chart`, `picture`, `table` or `text`: how wide it is."
    row: str = ""
    "The row of the board that it is about; empty if it is about several."
    directed: bool = True
    "Whether one of its metrics has a better direction; the others come last."
    about: str = ""
    "What its metric means."


@dataclass(frozen=True)
class BoardCell:
    """One value of a board."""

    text: str
    note: str = ""
    "Marks of the footnotes."
    best: bool = False
    "Whether no other row is better beyond what chance explains."


@dataclass(frozen=True)
class BoardRow:
    """One row of a board."""

    number: int
    "Its position among all rows of the board, from 0."
    rank: str
    label: str
    note: str
    bar: Markup
    "The interval of the metric that ranks, as a small chart."
    cells: Sequence[BoardCell]
    seeds: str
    axes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BoardColumn:
    """One column of a board."""

    title: str
    "The metric, with its coordinates and its unit."
    probe: str
    metric: str
    about: str
    "Unit, coordinates and reference, in words."
    better: str
    "`higher`, `lower` or `none`."
    sorts: bool = False
    plain: str = ""
    "The metric in plain words; empty if its name is plain."


@dataclass(frozen=True)
class Meaning:
    """What a metric of a board means."""

    name: str
    "`probe/metric`"
    plain: str
    "Its name in plain words; empty if its name is plain."
    text: str
    "Its definition, direction, unit and range, in a line."


@dataclass(frozen=True)
class Coverage:
    """Which pairs of task and model ran."""

    summary: str
    grid: Grid
    open: bool
    "Whether a pair that applies has no result, so that the grid is not folded."


@dataclass(frozen=True)
class TrivialRow:
    """What a trivial predictor would reach, below a board; it is no model and has no rank."""

    label: str
    about: str
    cells: Sequence[str]


@dataclass(frozen=True)
class Board:
    """The ranked rows of one task."""

    id: str
    run: str
    "The run, if the page shows several; otherwise empty."
    task: str
    heading: str
    about: str
    columns: Sequence[BoardColumn]
    rows: Sequence[BoardRow]
    "The rows that the page contains without JavaScript."
    count: int
    "Number of all rows."
    notes: Sequence[str]
    "Footnotes."
    remarks: Sequence[str]
    "What a reader must know about the board, such as which columns are left out."
    ranked: bool
    folds: bool
    meanings: Sequence[Meaning] = ()
    "What each metric of its columns means, once."
    trivial: TrivialRow | None = None
    winner: str = ""
    "Which row is best by the metric that ranks, in a sentence; empty if the rows are not ranked."


@dataclass(frozen=True)
class Part:
    """What one question's section shows about one task."""

    id: str
    task: str
    heading: str
    figures: Sequence[Figure]
    more: Sequence[Figure]
    "Further charts, which are folded away."
    grid: Grid | None
    gallery: Sequence[Figure]
    unread: str = ""
    "How many artifacts could not be read, and why; empty if all could."
    doubtful: bool = False
    "Whether timings are doubtful: the machine was busy, or a rate was throttled or never became steady."
    statements: Sequence[str] = ()
    "What its charts show, in sentences."


@dataclass(frozen=True)
class Section:
    """A section of the page."""

    id: str
    heading: str
    short: str
    "Its name in the navigation."
    parts: Sequence[Part]

    @property
    def doubtful(self) -> bool:
        """Whether the timings of all of its tasks are doubtful, and there are several."""
        of_tasks = [part for part in self.parts if part.task]
        return len(of_tasks) > 1 and all(part.doubtful for part in of_tasks)


@dataclass(frozen=True)
class Remark:
    """What a reader must know."""

    severity: str
    "`error`, `warning`, or `data` for what changes the meaning of numbers."
    text: str
    target: str = ""
    "Identity of the section that says more; empty without one."
    link: str = ""
    "Text of the link to it."


@dataclass(frozen=True)
class Failure:
    """Cells or probes that ended with one reason."""

    what: str
    status: str
    reason: str
    cells: str
    traceback: str = ""


@dataclass(frozen=True)
class CellLine:
    """One cell, for the table of all cells."""

    id: str
    name: str
    status: str
    seconds: str
    files: Sequence[tuple[str, str]]
    "Name and address of each file."


@dataclass(frozen=True)
class Verdicts:
    """What the gates of a suite say about a run, or how two runs differ."""

    heading: str
    status: str
    "`good`, `bad`, `unknown` or `none`."
    summary: str
    grid: Grid | None = None
    notes: Sequence[str] = ()
    command: str = ""


Facts = Mapping[str, str]
Data = Mapping[str, Any]
