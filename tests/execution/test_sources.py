"""Claims about the files that decide a training: their hashes are in the record, and a changed one is noticed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bench_suite
from bench_suite.components import discovery
from bench_suite.contracts import BenchError
from bench_suite.execution import sources
from bench_suite.reports.leaderboard import leaderboard

SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "./fixed.py"
answer = "./answer"
[matrix]
threads = 1
seed = [SEEDS]
[probes.quality]
resamples = 100
metrics = ["accuracy"]
"""
MODEL = '''
"""The class that a file names, for every example."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)
PATHS = ("answer",)


@dataclass(frozen=True)
class Options:
    answer: str
    "A folder with the file `class`."


class Fixed:
    def __init__(self, answer):
        self.answer = answer

    def fit(self, data, options, report):
        pass

    def predict(self, split):
        return {"predictions": np.full(len(split), self.answer)}


def build(data, options):
    return Fixed(int(Path(options.answer, "class").read_text()))
'''

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that writes the suite for some seeds, and runs it in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    Path("fixed.py").write_text(MODEL)
    Path("answer").mkdir()
    Path("answer/class").write_text("0")

    def running(seeds: str = "0", **options: Any) -> Any:
        Path("suite.toml").write_text(SUITE.replace("SEEDS", seeds))
        outcome = bench_suite.run("suite.toml", trust=True, **options)
        assert {record.status for record in outcome.records} == {"ok"}, outcome.records[0].reason
        return outcome

    return running


def test_the_record_has_the_hash_of_each_file(run: Run) -> None:
    (record,) = run().records
    assert record.sources["task"] == discovery.find("tasks", "loans", Path()).source_hash
    assert record.sources["model"] == discovery.find("models", "./fixed.py", Path.cwd()).source_hash
    assert record.sources["problem"] == discovery.find("problems", "classification", Path()).source_hash
    assert set(record.sources) == {"task", "model", "problem", "model.answer"}
    assert bench_suite.load().records()[0].sources == record.sources


def test_a_changed_file_in_paths_is_stale_and_its_seeds_are_not_averaged(run: Run) -> None:
    first = run("0, 1")
    Path("answer/class").write_text("1")
    with pytest.raises(BenchError, match=r"weights(.|\n)*have changed since(.|\n)*loans, fixed, seed 0(.|\n)*--stale"):
        run("0, 1", resume="newest")
    second = run("1, 2")
    assert {record.id for record in first.records} & {record.id for record in second.records}
    text = leaderboard([second.run, first.run])
    assert text.count("| fixed (files=") == 2
    assert "differ in the files of the option model.answer, so they are not averaged together" in text
    compared = bench_suite.compare(first.run, second.run)
    assert any(note.startswith("the files of the option model.answer changed (fixed)") for note in compared.notes)
    redone = run("0, 1", resume=first.run.name, stale="redo")
    assert len({record.sources["model.answer"] for record in redone.records}) == 1


def test_a_changed_component_is_a_row_of_its_own(run: Run) -> None:
    first = run("0")
    Path("fixed.py").write_text(MODEL.replace("read_text())", "read_text()) + 1"))
    second = run("1")
    text = leaderboard([second.run, first.run])
    assert text.count("| fixed (files=") == 2
    assert "differ in the file of the model, so they are not averaged together" in text


def test_a_copy_of_the_files_with_other_times_is_not_stale(run: Run) -> None:
    first = run()
    os.utime("answer/class", (1, 1))
    os.utime("fixed.py", (1, 1))
    assert run(resume="newest").run.name == first.run.name


def test_a_folder_counts_with_the_names_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "a").write_text("1")
    hashes = [sources._hash_of_path(folder), sources._hash_of_path(folder / "a")]
    (folder / "a").rename(folder / "b")
    hashes.append(sources._hash_of_path(folder))
    (folder / "deeper").mkdir()
    (folder / "deeper" / "c").write_text("2")
    hashes += [sources._hash_of_path(folder), sources._hash_of_path(folder / "none")]
    assert len(set(hashes)) == 5
    assert hashes[-1] == "missing"


@pytest.mark.parametrize("file", ["data/splits.py", "training/images.py", "pretrained/builder.py"])
def test_the_rooms_that_decide_a_training_count(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sources.source_of_program()
    package = tmp_path / "bench_suite"
    for room in (*sources.ROOMS, "execution"):
        shutil.copytree(discovery.PACKAGE / room, package / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "PACKAGE", package)
    assert sources.source_of_program() == before
    with (package / file).open("a") as changed:
        changed.write("# changed\n")
    assert sources.source_of_program() != before
