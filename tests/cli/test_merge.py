"""`bench merge` on real runs of parts of a suite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench_suite.cli import bench
from bench_suite.comparison.compare import compare
from bench_suite.store.runs import Run, Store

SUITE = """
[[tasks]]
use = "digits"
[[tasks]]
use = "breast_cancer"
[[models]]
use = "logistic_regression"
[matrix]
threads = 1
[probes.quality]
resamples = 100
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the suite and `results`: a run of each task, and one of both."""
    folder = tmp_path_factory.mktemp("merge")
    (folder / "m.toml").write_text(SUITE)
    for words in (["--only", "task=digits"], ["--only", "task=breast_cancer"], []):
        call(folder, "run", str(folder / "m.toml"), *words)
    return folder


def call(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(bench, [*words, "--results", str(folder / "results")])


def runs(folder: Path) -> list[Run]:
    """The runs, oldest first."""
    return [Run(info.path) for info in reversed(Store(folder / "results").runs())]


def merge(folder: Path, *parts: Run, words: tuple[str, ...] = ()) -> Result:
    return call(folder, "merge", *(part.name for part in parts), "--suite", str(folder / "m.toml"), *words)


def test_a_merged_run_is_as_if_one_run_had_made_it(folder: Path) -> None:
    digits, cancer, whole = runs(folder)[:3]
    result = merge(folder, digits, cancer)
    assert "2 of 2 cells from 2 runs" in result.output, result.output
    merged = runs(folder)[-1]
    assert (merged.info["only"], merged.info["cells"], merged.info["merged"]) == ([], 2, [digits.name, cancer.name])
    comparison = compare(whole, merged)
    assert not comparison.uncompared
    assert {row.method for row in comparison.rows if row.metric == "quality/accuracy"} == {"same predictions"}
    assert all(record.run == merged.name and merged.environment(record.environment) for record in merged.records())


def test_missing_cells_are_named_unless_a_part_is_wanted(folder: Path) -> None:
    digits, cancer, _ = runs(folder)[:3]
    empty = Store(folder / "results").create(
        "m", {key: cancer.info[key] for key in ("text", "overrides", "version", "git")}
    )
    result = merge(folder, digits, empty)
    assert "1 of 2 cells are in none of the runs" in str(result.exception)
    assert "breast_cancer, logistic_regression" in str(result.exception)
    assert "1 of 2 cells from 2 runs" in merge(folder, digits, empty, words=("--partial",)).output
    codes = {cell.reason_code for cell in compare(runs(folder)[2], runs(folder)[-1]).uncompared}
    assert codes == {"missing"}


def test_parts_that_do_not_belong_together_are_refused(folder: Path) -> None:
    digits, cancer, whole = runs(folder)[:3]
    assert "a merge would have to choose one" in str(merge(folder, digits, whole).exception)
    assert "two different runs" in str(merge(folder, digits, digits).exception)
    other = Store(folder / "results").create("m", {**cancer.info, "overrides": ["train.epochs=5"]})
    assert "the overrides (--set)" in str(merge(folder, digits, other).exception)
    commit = {"commit": "c" * 40, "branch": None, "dirty": False}
    assert "the code of" in str(
        merge(folder, digits, Store(folder / "results").create("m", {**cancer.info, "git": commit})).exception
    )
    number = len(runs(folder))
    assert len(runs(folder)) == number


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    digits, cancer, _ = runs(folder)[:3]
    (secret := tmp_path / "secret").write_text("x")
    cell = digits.path / "cells" / digits.records()[0].id
    (cell / "link").symlink_to(secret)
    try:
        merge(folder, digits, cancer)
        merged = runs(folder)[-1]
        assert (merged.path / "cells" / cell.name).is_dir()
        assert not (merged.path / "cells" / cell.name / "link").exists()
        assert json.loads((merged.path / "run.json").read_text())["merged"]
    finally:
        (cell / "link").unlink()
