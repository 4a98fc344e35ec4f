"""`bench data show SUITE`: how each task's data were read: files, types of columns, splits, classes, examples."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_suite.cli.arguments import JSON, ONLY, SET, SUITE, run_arguments, shared_options
from bench_suite.cli.data_sources import plan_and_sources
from bench_suite.cli.output import say
from bench_suite.components import discovery
from bench_suite.contracts import DataInvalid, DataUnavailable

if TYPE_CHECKING:
    from bench_suite.contracts import Data, Split
    from bench_suite.data.own_data import Assembled
    from bench_suite.data.sources import Sources
    from bench_suite.suite.plan import Cell, Plan

MAX_CLASSES = 12
"Classes that are listed with their counts."
MAX_GROUPS = 8
EXAMPLES = 3
"Examples of train that are printed."
SHEET = 24
"Pictures of a sheet."
WIDTH = 60
MIN_WIDTH = 20
"Characters of the last column of a table, at least, however narrow the terminal is."


@click.command(short_help="Show how the data of SUITE were read: files, columns, splits, classes.")
@shared_options(SUITE, SET, ONLY)
@click.option(
    "--pictures", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write a sheet of pictures of the first task of images, as models receive them (PNG).",
)  # fmt: skip
@click.option("--offline", is_flag=True, help="Do not contact the hub.")
@click.option("--trust", is_flag=True, help="Run the code of files that the suite names.")
@JSON
def command(
    suite: str, overrides: tuple[str, ...], only: tuple[str, ...], pictures: Path | None, offline: bool, trust: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Show how the data of each task of SUITE were read. Nothing is trained.

    For each task: where the data came from, which files were read and which were not, the type of each
    column and what decided it, missing values, the splits and how they were made, classes and groups with
    their counts, and some examples. The exit status is 3 if data cannot be read.

    \b
      bench data show mine.toml
      bench data show mine.toml --only task=photos --pictures sheet.png
      bench data show mine.toml --json
    """
    from bench_suite.data.splits import modalities_in
    from bench_suite.suite.expansion import models_for

    plan, sources = plan_and_sources(suite, overrides, only, offline=offline, trust=trust)
    entries: list[dict[str, Any]] = []
    failed = False
    misfits: list[str] = []
    first: dict[str, Cell] = {}  # of a task with folds: the first fold
    for cell in plan.cells:
        first.setdefault(cell.task.label, cell)
    for cell in first.values():
        say(f"… {cell.task.label}", err=True)
        try:
            data, assembled = _load(cell, sources)
        except (DataUnavailable, DataInvalid) as error:
            failed = True
            entries.append({"task": cell.task.label, "error": str(error)})
            if not as_json:
                say(f"\n{cell.task.label}: cannot be read")
                say(f"  {error}")
            continue
        entries.append(describe(cell.task.label, data, assembled))
        unable = _unable(plan, cell.task.label, data)
        if unable:
            entries[-1] |= {"unable": unable, "able": list(models_for(data.problem, modalities_in(data)))}
            misfits.append(cell.task.label)
        if pictures is not None and _write_sheet(data, pictures):
            say(f"pictures of {cell.task.label}: {pictures}", err=True)
            pictures = None
        if not as_json:
            for line in _lines(entries[-1]):
                say(line)
    if as_json:
        click.echo(json.dumps({"schema": 1, "tasks": entries}, indent=2))
        return 3 if failed else 0
    if pictures is not None:
        say("no task of images, so no sheet of pictures was written", err=True)
    arguments = run_arguments(suite, overrides, only, trust=trust)
    correct = failed or bool(misfits)
    say(f"\nnext: bench data show {arguments}   after a correction" if correct else f"\nnext: bench run {arguments}")
    return 3 if failed else 0


def _load(cell: Cell, sources: Sources) -> tuple[Data, Assembled | None]:
    """Return the data of a cell's task as the task returns them, and how columns were read if the task can tell."""
    from bench_suite.data.positive import with_positive

    module: Any = discovery.load(cell.task.component)
    options = discovery.make_options(cell.task.component, cell.options["task"])
    if hasattr(module, "assemble"):
        assembled = module.assemble(options, sources)
        data = assembled.data
    else:
        assembled, data = None, module.load(options, sources)
    return with_positive(data, cell.options["task"]["positive"], cell.task.label), assembled


def _unable(plan: Plan, task: str, data: Data) -> list[str]:
    """Return the models that the plan pairs with a task and that cannot do its problem."""
    models = {cell.model.label: cell.model.component for cell in plan.cells if cell.task.label == task}
    return [label for label, component in models.items() if data.problem not in component.words("PROBLEMS")]


def describe(label: str, data: Data, assembled: Assembled | None) -> dict[str, Any]:
    """Return what is known of a task's data, for JSON: plain values only."""
    import numpy as np

    from bench_suite.data.splits import column

    entry: dict[str, Any] = {
        "task": label, "source": data.source.origin, "name": data.source.name, "problem": data.problem,
        "revision": data.source.revision, "licence": data.source.licence, "fingerprint": data.source.fingerprint,
        "splits": {name: len(split) for name, split in data.splits.items()},
        "notes": dict(data.source.notes),
    }  # fmt: skip
    if assembled is not None:
        entry["files"] = {split: list(names) for split, names in assembled.files.items()}
        entry["modality"] = assembled.modality
        entry["columns"] = [
            {
                "name": name, "use": _use(name, assembled, data), "type": known.type, "why": known.why,
                "missing": assembled.missing.get(name, 0),
            }
            for name, known in assembled.columns.items()
        ]  # fmt: skip
        entry["columns"] += [
            {"name": name, "use": "not read", "type": "", "why": why, "missing": 0}
            for name, why in assembled.unused.items()
        ]
    classes = data.spec.get("classes")
    targets = {name: np.asarray(column(split, "target")) for name, split in data.splits.items()}
    if classes is not None:
        counts = {name: np.bincount(target, minlength=len(classes)).tolist() for name, target in targets.items()}
        entry["classes"] = {str(known): {name: counts[name][n] for name in counts} for n, known in enumerate(classes)}
        if len(classes) == 2:
            entry["positive"] = str(classes[data.spec.get("positive", 1)])
    else:
        entry["target"] = {
            name: {"min": float(np.min(t)), "mean": float(np.mean(t)), "max": float(np.max(t))}
            for name, t in targets.items()
            if t.dtype.kind == "f" and len(t)
        }
    entry["groups"] = {
        group: {name: _counts(split.groups[group]) for name, split in data.splits.items() if group in split.groups}
        for group in dict.fromkeys(group for split in data.splits.values() for group in split.groups)
    }
    entry["examples"] = _examples(data)
    return entry


def _use(name: str, assembled: Assembled, data: Data) -> str:
    if name in assembled.inputs:
        return "input"
    groups = {group for split in data.splits.values() for group in split.groups}
    return "group" if name in groups else "label" if name == assembled.label else "split"


def _counts(values: Any) -> dict[str, int]:
    import numpy as np

    words, counts = np.unique(np.asarray(values).astype(str), return_counts=True)
    return dict(zip(words.tolist(), counts.tolist()))


def _examples(data: Data) -> list[dict[str, str]]:
    """Return examples of train, each column in short text: the first of each class, then the first others."""
    import numpy as np

    from bench_suite.data.splits import classes_of

    train: Split = data.splits["train"]
    targets = classes_of(train)
    rows = np.arange(min(EXAMPLES, len(train)))
    if targets is not None:
        firsts = np.sort(np.unique(targets, return_index=True)[1])
        rows = np.concatenate([firsts, np.setdiff1d(rows, firsts)])[: len(rows)]
    taken = train.take(rows)
    classes = data.spec.get("classes")
    examples = []
    for row in range(len(rows)):
        example = {}
        for name, values in taken.items():
            value = values[row]
            if name == "target" and classes is not None:
                example[name] = str(classes[int(value)])
            elif name == "table":
                names = data.spec.get("columns", range(len(value)))
                known = [f"{column} {float(number):g}" for column, number in zip(names, value) if number]
                example[name] = _short(", ".join(known))
            elif name == "image":
                example[name] = (
                    f"{'×'.join(map(str, np.shape(value)))}, values {int(np.min(value))}…{int(np.max(value))}"
                )
            else:
                example[name] = _short(str(value))
        examples.append(example)
    return examples


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= WIDTH else words[: WIDTH - 1] + "…"


# ── lines for people ────────────────────────────────────────────────────────────────────────────


def _lines(entry: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"{entry['task']}: {entry['problem']}, from {entry['source']}"
    for split, names in entry.get("files", {}).items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"  files of {split}: {', '.join(names[:3])}{more}"
    if entry.get("unable"):
        yield f"  CANNOT RUN: {', '.join(entry['unable'])} cannot do {entry['problem']}"
        yield f"    models that can: {', '.join(entry['able']) or 'none in this package'}"
        if entry["problem"] == "regression":
            yield '    or, if the label holds classes: problem = "classification"'
    yield "  splits: " + ", ".join(f"{name} {count:,}" for name, count in entry["splits"].items())
    if entry.get("columns"):
        yield "  columns"
        yield from _table(
            ["", "column", "type", "missing", "why"],
            [
                [c["use"], c["name"], c["type"], f"{c['missing']:,}" if c["missing"] else "", c["why"]]
                for c in entry["columns"]
            ],
            shutil.get_terminal_size().columns if sys.stdout.isatty() else None,
        )
    if entry.get("classes"):
        yield f"  classes: {len(entry['classes'])}"
        splits = list(entry["splits"])
        shown = list(entry["classes"].items())[:MAX_CLASSES]
        rows = [
            [name, *(f"{counts[s]:,}" for s in splits), "positive" if name == entry.get("positive") else ""]
            for name, counts in shown
        ]
        yield from _table(["class", *splits, ""], rows)
        if len(entry["classes"]) > MAX_CLASSES:
            yield f"    … {len(entry['classes']) - MAX_CLASSES} more"
    for split, facts in entry.get("target", {}).items():
        yield f"  target of {split}: from {facts['min']:g} to {facts['max']:g}, mean {facts['mean']:.4g}"
    for group, by_split in entry["groups"].items():
        yield f"  group {group}"
        words = list(dict.fromkeys(word for counts in by_split.values() for word in counts))
        rows = [[word, *(f"{counts.get(word, 0):,}" for counts in by_split.values())] for word in words[:MAX_GROUPS]]
        yield from _table(["value", *by_split], rows)
        if len(words) > MAX_GROUPS:
            yield f"    … {len(words) - MAX_GROUPS} more"
    if entry["notes"]:
        yield "  notes"
        yield from (f"    {key}: {value}" for key, value in entry["notes"].items())
    yield "  examples of train"
    for example in entry["examples"]:
        yield "    " + "; ".join(f"{name}: {value}" for name, value in example.items())


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> Iterator[str]:
    """Yield the lines of a table of text, its columns aligned; the last is folded if there is a width."""
    cells = [[*(_short(str(cell)) for cell in row[:-1]), str(row[-1])] for row in rows]
    widths = [max(len(row[number]) for row in [list(header), *cells]) for number in range(len(header))]
    indent = 4 + sum(size + 2 for size in widths[:-1])
    for row in [list(header), *cells]:
        folded = [row[-1]] if width is None else textwrap.wrap(row[-1], max(MIN_WIDTH, width - indent)) or [""]
        aligned = [cell.ljust(size) for cell, size in zip(row[:-1], widths)]
        yield ("    " + "  ".join([*aligned, folded[0]])).rstrip()
        yield from (" " * indent + more for more in folded[1:])


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


def _write_sheet(data: Data, target: Path) -> bool:
    """Write a sheet of train's pictures, as many of each class as fit, with their classes; False without pictures."""
    import numpy as np

    train = data.splits["train"]
    if "image" not in train.take(np.arange(1)):
        return False
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    from bench_suite.data.splits import column

    classes = data.spec.get("classes")
    targets = np.asarray(column(train, "target"))
    order = np.arange(len(targets))
    if classes is not None:  # the first picture of each class, then the second
        rank = np.zeros(len(targets), dtype=np.int64)
        for number in range(len(classes)):
            of_class = np.flatnonzero(targets == number)
            rank[of_class] = np.arange(len(of_class))
        order = np.lexsort((targets, rank))
    rows = order[: min(SHEET, len(train))]
    images = train.take(rows)["image"]
    columns = 6
    figure, axes = plt.subplots(
        -(-len(rows) // columns), columns, figsize=(9, 1.7 * -(-len(rows) // columns)), squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, row in zip(axes.flat, images, rows.tolist()):
        axis.imshow(image.squeeze(), cmap="gray" if image.shape[-1] == 1 else None, vmin=0, vmax=255)
        known = str(classes[int(targets[row])]) if classes is not None else f"{targets[row]:.4g}"
        axis.set_title(known[:18].replace("$", r"\$"), fontsize=8)
    figure.tight_layout()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, format="png", dpi=100)
    plt.close(figure)
    return True
