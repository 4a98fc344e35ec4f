"""Each layout of data is read as Hugging Face `datasets` reads it, or differs from it as the catalogue states."""

from __future__ import annotations

import datetime
import decimal
import io
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.tasks.layouts import formats, pictures, splits, values
from tests.tasks.layouts.catalogue import Layout, Read, Refused

from bench_suite.contracts import Data, DataInvalid
from bench_suite.data import own_data
from bench_suite.data.hub import causes
from bench_suite.data.sources import Sources
from bench_suite.tasks import files

ROOMS = (formats, splits, values, pictures)
LAYOUTS = [entry for room in ROOMS for entry in vars(room).values() if isinstance(entry, Layout)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets

    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(datasets.data_files, "resolve_pattern", remembered(datasets.data_files.resolve_pattern))
    datasets.disable_progress_bars()
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that answers the second reader as it answered the first.

    `datasets` tries 66 patterns in each folder; that is half of the time of these tests.
    """
    answers: dict[str, Any] = {}

    def answer(*arguments: Any, **options: Any) -> Any:
        key = repr((arguments, options))
        if key not in answers:
            try:
                answers[key] = function(*arguments, **options)
            except FileNotFoundError as error:
                answers[key] = error
        if isinstance(answers[key], FileNotFoundError):
            raise answers[key]
        return answers[key]

    return answer


# ── the two readers ─────────────────────────────────────────────────────────────────────────────


class Ours:
    """What the task `files` reads: the typed columns of each split of the files, and what models receive."""

    def __init__(self, layout: Layout, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        results = {name: keep_result(monkeypatch, own_data, name) for name in ("read_types", "read_labels")}
        options = {"path": str(folder / layout.path), "label": "y", "config": layout.config, **layout.options}
        chosen = files.Options(**options)
        files.check(chosen)
        self.data: Data = files.assemble(chosen, Sources(offline=True)).data
        (typed,), (labels,) = results["read_types"], results["read_labels"]
        self.types: dict[str, str] = {name: column.type for name, column in typed.columns.items()}
        self.label = chosen.label
        self.classes: tuple[str, ...] = labels.classes or ()
        home = home_of(layout, folder)
        splits = {
            split: {name: [plain(value, home) for value in table[name].to_pylist()] for name in table.column_names}
            for split, table in typed.tables.items()
        }
        if labels.classes is not None:
            for split, targets in zip(splits, labels.targets.values()):
                splits[split][self.label] = [None if t < 0 else labels.classes[t] for t in targets.tolist()]
        self.read = Read(splits, self.classes)

    def convert(self, column: str, value: Any) -> Any:
        """Return a value that `datasets` reads as ours are: moments in one form, names of classes and categories."""
        if value is None:
            return None
        if self.types[column] in ("category", "text") or (column == self.label and self.classes):
            return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if isinstance(value, datetime.time):
            return value.hour * 3600.0 + value.minute * 60 + value.second
        return float(value) if isinstance(value, decimal.Decimal) else value


def keep_result(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[Any]:
    """Return a list to which each call of a function of a module appends its result."""
    function, results = getattr(module, name), []

    def keep(*arguments: Any) -> Any:
        results.append(function(*arguments))
        return results[-1]

    monkeypatch.setattr(module, name, keep)
    return results


def read_by_us(layout: Layout, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ours | Refused:
    try:
        return Ours(layout, folder, monkeypatch)
    except DataInvalid as error:
        return Refused(str(error), type(error).__name__)


class Theirs:
    """What `datasets` reads."""

    def __init__(self, layout: Layout, folder: Path, cache: Path) -> None:
        import datasets

        home = home_of(layout, folder)
        loaded: Any = (
            datasets.load_from_disk(str(home))
            if layout.saved
            else datasets.load_dataset(str(home), layout.config, cache_dir=str(cache))
        )
        self.loaded: dict[str, Any] = dict(loaded) if isinstance(loaded, dict) else {"train": loaded}
        splits, classes = {}, ()
        for split, part in self.loaded.items():
            table = part.data.table
            columns = {n: [plain(value, home) for value in table[n].to_pylist()] for n in table.column_names}
            for name, feature in part.features.items():
                if isinstance(feature, datasets.ClassLabel):
                    classes = tuple(feature.names)
                    columns[name] = [None if value is None else feature.int2str(value) for value in columns[name]]
            splits[str(split)] = columns
        self.read = Read(splits, classes)


def read_by_datasets(layout: Layout, folder: Path, cache: Path) -> Theirs | Refused:
    try:
        return Theirs(layout, folder, cache)
    except Exception as error:  # noqa: BLE001 - `datasets` raises many types
        return Refused("\n".join(str(cause) for cause in causes(error)), type(error).__name__)


def home_of(layout: Layout, folder: Path) -> Path:
    """Return the folder of the data, in which a file lies that the suite names."""
    return folder / layout.path if (folder / layout.path).is_dir() else folder


def plain(value: Any, home: Path) -> Any:
    """Return a value in the form in which both readers' values are compared; pictures as paths below a folder."""
    if isinstance(value, dict) and {*value} == {"bytes", "path"}:
        path = value["path"]
        return os.path.relpath(path, os.path.realpath(home)) if path is not None and os.path.isabs(path) else path
    if isinstance(value, datetime.datetime):
        moment = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.date().isoformat() if moment.time() == datetime.time() else moment.isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value


def pixels_of_ours(data: Data) -> list[tuple[tuple[int, ...], bytes]]:
    parts = [split.take(np.arange(len(split)))["image"] for split in data.splits.values()]
    return sorted((image.shape, image.tobytes()) for part in parts for image in part)


def pixels_of_theirs(theirs: Theirs, channels: int) -> list[tuple[tuple[int, ...], bytes]]:
    arrays = []
    for image in (image for part in theirs.loaded.values() for image in part["image"]):
        decoded = Image.open(io.BytesIO(image["bytes"])) if isinstance(image, dict) else image
        pixels = np.asarray(decoded.convert("L" if channels == 1 else "RGB"))
        arrays.append(pixels.reshape(*pixels.shape[:2], channels))
    return sorted((array.shape, array.tobytes()) for array in arrays)


# ── the comparison ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_is_read_as_datasets_reads_it_or_differs_as_stated(
    layout: Layout, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.write(folder)
    theirs = read_by_datasets(layout, folder, tmp_path / "cache")
    ours = read_by_us(layout, folder, monkeypatch)
    if layout.difference:
        check_result(layout.datasets, theirs)
        check_result(layout.ours, ours)
    else:
        assert isinstance(theirs, Theirs)
        assert isinstance(ours, Ours)
        check_same(ours, theirs)
        assert "settings of the README that are not applied" not in ours.data.source.notes
    if isinstance(ours, Ours):
        check_number_of_rows(ours)
        for key, part in layout.notes.items():
            assert part in str(ours.data.source.notes[key])


def check_result(expected: Read | Refused | None, result: Ours | Theirs | Refused) -> None:
    if isinstance(expected, Read):
        assert not isinstance(result, Refused), result.message
        assert result.read == expected
    else:
        assert expected is not None
        assert isinstance(result, Refused)
        assert expected.message in result.message
        assert result.error == expected.error


def check_same(ours: Ours, theirs: Theirs) -> None:
    converted = {
        split: {name: [ours.convert(name, value) for value in values] for name, values in columns.items()}
        for split, columns in theirs.read.splits.items()
    }
    assert ours.read.splits == converted
    assert all(len(values) > 0 for columns in converted.values() for values in columns.values())
    if theirs.read.classes:
        assert ours.classes == theirs.read.classes
    elif ours.classes:
        known = {value for columns in converted.values() for value in columns[ours.label]} - {None}
        assert {*ours.classes} == known
    if "shape" in ours.data.spec:
        assert pixels_of_ours(ours.data) == pixels_of_theirs(theirs, ours.data.spec["shape"][-1])


def check_number_of_rows(ours: Ours) -> None:
    """Check that models receive each row that has a label, once."""
    rows = {
        split: sum(value is not None for value in columns[ours.label]) for split, columns in ours.read.splits.items()
    }
    received = {split: len(part) for split, part in ours.data.splits.items()}
    assert sum(received.values()) == sum(rows.values())
    if len(rows) > 1 and all(rows.values()):
        assert [*received.values()] == [*rows.values()]


def test_the_catalogue_states_both_results_of_each_difference() -> None:
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)
    for layout in LAYOUTS:
        stated = [layout.datasets is not None, layout.ours is not None, bool(layout.difference)]
        assert len({*stated}) == 1, layout.name


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_that_is_rewritten_under_its_time_stamp_is_read_anew_which_datasets_does_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    file, results = folder / f"train.{ending}", []
    for classes in (["p", "q"], ["r", "s"]):
        columns = {"n": [*range(10)], "y": classes * 5}
        if ending == "csv":
            file.write_text("n,y\n" + "".join(f"{n},{y}\n" for n, y in zip(*columns.values())))
        else:
            pq.write_table(pa.table(columns), file)
        os.utime(file, ns=(0, 0))
        layout = Layout("rewritten", lambda _: None)
        with monkeypatch.context() as patched:
            ours = read_by_us(layout, folder, patched)
        results.append((ours, read_by_datasets(layout, folder, tmp_path / "cache")))
    read = [
        [result.read.splits["train"]["y"][:2] for result in pair if not isinstance(result, Refused)] for pair in results
    ]
    assert read == [[["p", "q"], ["p", "q"]], [["r", "s"], ["p", "q"]]]
