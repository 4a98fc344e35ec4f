"""Recipes of the documentation that need the reader's own files, followed as the text says."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"


def block(page: str, heading: str, language: str) -> str:
    """Return the first block of a language under a heading."""
    _, _, text = (DOCS / page).read_text(encoding="utf-8").partition(f"## {heading}\n")
    match = re.search(rf"^```{language}\n(.*?)^```$", text.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    assert match is not None, f"{page}: no block of {language} under {heading}"
    return match[1]


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if name != "BENCH_RESULTS"}
    known |= {"BENCH_DATA": str(folder / "data"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench_suite", *arguments]
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True)


def applicants(path: Path, count: int) -> None:
    """Write a file with the columns of the documentation; applicants with much money left repay."""
    head, *_ = block("guides/own-data.md", HEADING, "text").splitlines()
    assert head == "applied,income,debt,zip,region,sex,repaid"
    random = np.random.default_rng(count)
    lines = [head]
    start = np.datetime64("2025-01-01")
    for income, debt in zip(random.normal(3000, 800, count), random.normal(1000, 500, count), strict=True):
        applied, code = start + random.integers(365), random.choice(["01067", "10115", "80331"])
        region, sex = random.choice(["north", "south"]), random.choice(["female", "male"])
        money = f"{income:.0f},{debt:.0f}" if random.random() > 0.02 else f"{income:.0f},"
        repaid = "yes" if income - debt > 2000 else "no"
        lines.append(f"{applied},{money},{code},{region},{sex},{repaid}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


HEADING = "From a CSV file to a leaderboard"


@pytest.mark.parametrize("own_test", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_csv_file_of_ones_own_is_learnt_from_as_the_documentation_says(tmp_path, own_test):
    pytest.importorskip("fairlearn", reason="the extra `fairness` is not installed")
    applicants(tmp_path / "applicants.csv", 400)
    suite = block("guides/own-data.md", HEADING, "toml")
    if own_test:
        applicants(tmp_path / "test.csv", 90)
        suite = suite.replace('"applicants.csv"', '{ train = "applicants.csv", test = "test.csv" }')
    (tmp_path / "mine.toml").write_text(suite, encoding="utf-8")
    commands = [line.split("#")[0].split()[1:] for line in block("guides/own-data.md", HEADING, "sh").splitlines()]
    assert [command[0] for command in commands] == ["data", "run", "leaderboard"]
    for command in commands:
        ended = bench(tmp_path, *command)
        assert ended.returncode == 0, ended.stderr
    assert "applicants" in ended.stdout
    report = next(tmp_path.glob("results/*/report.md")).read_text(encoding="utf-8")
    assert "demographic_parity_difference, attribute=sex" in report
    drawn = "test: 80 of the 400 examples of"
    assert (drawn in report) is not own_test
    assert f"{90 if own_test else 80} test examples" in report


def test_how_the_file_of_the_documentation_is_read_is_what_it_shows(tmp_path):
    applicants(tmp_path / "applicants.csv", 400)
    (tmp_path / "mine.toml").write_text(block("guides/own-data.md", HEADING, "toml"), encoding="utf-8")
    page = (DOCS / "guides" / "own-data.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```text\n(applicants: classification.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert shown in bench(tmp_path, "data", "show", "mine.toml").stdout


@pytest.mark.slow
def test_the_engine_of_the_guide_trains_beside_native(tmp_path):
    engine = block("guides/engine.md", "A minimal engine", "python")
    (tmp_path / "my_engine.py").write_text(engine, encoding="utf-8")
    axis = block("guides/engine.md", "Start", "toml")
    rest = '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[train]\nepochs = 5\nlearning_rate = 0.1\n'
    (tmp_path / "both.toml").write_text(f"{rest}[probes.quality]\n{axis}threads = 1\n", encoding="utf-8")
    assert bench(tmp_path, "show", "engine", "./my_engine.py").returncode == 0
    ended = bench(tmp_path, "run", "both.toml", "--trust")
    assert ended.returncode == 0, ended.stderr
    reached = [float(value) for value in re.findall(r"seed 0, threads 1: accuracy (0\.\d+)", ended.stderr)]
    assert len(reached) == 2
    assert min(reached) > 0.9


@pytest.mark.slow
def test_the_lightning_module_of_the_guide_runs(tmp_path):
    (tmp_path / "litnet.py").write_text(
        block("guides/lightning.md", "Write the model's file", "python"), encoding="utf-8"
    )
    (tmp_path / "lit.toml").write_text(block("guides/lightning.md", "Run it", "toml"), encoding="utf-8")
    commands = [line.split("#")[0].split()[1:] for line in block("guides/lightning.md", "Run it", "sh").splitlines()]
    for command in commands:
        ended = bench(tmp_path, *command, "--set", "matrix.seed=0")
        assert ended.returncode == 0, ended.stderr
    (reached,) = re.findall(r"seed 0: accuracy (0\.\d+)", ended.stderr)
    assert float(reached) > 0.7


@pytest.mark.slow
def test_the_comparison_that_the_documentation_shows_comes_out_of_the_suite_that_it_shows(tmp_path):
    page = (DOCS / "explanation" / "comparing.md").read_text(encoding="utf-8")
    (suite,) = re.findall(r"`digits\.toml`:\n\n<!-- needs a file -->\n\n```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "digits.toml").write_text(suite, encoding="utf-8")
    assert bench(tmp_path, "new", "model", "net").returncode == 0
    assert bench(tmp_path, "run", "digits.toml", "--trust").returncode == 0
    assert bench(tmp_path, "baseline", "set").returncode == 0
    model = (tmp_path / "net.py").read_text(encoding="utf-8")
    broken = re.sub(r"(self\.scale\(table if .*? else image\))", r"\1.clamp(-0.2, 0.2)", model)
    assert broken != model
    (tmp_path / "net.py").write_text(broken, encoding="utf-8")
    ended = bench(tmp_path, "run", "digits.toml", "--trust", "--against", "baseline")
    assert ended.returncode == 1, ended.stderr
    shown = re.search(r"^(regressed: quality/accuracy, digits, net, threads 1)$", page, re.MULTILINE)
    assert shown is not None
    assert shown[1] in ended.stdout
    assert "2 gated metrics: 1 regressed, 1 not worse than the tolerance" in ended.stdout


def test_every_import_that_the_pages_show_works() -> None:
    pages = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
    shown = {
        match.groups()
        for page in pages
        for match in re.finditer(r"^from (bench_suite[\w.]*) import ([\w, ]+)$", page.read_text(encoding="utf-8"), re.M)
    }
    assert len(shown) > 10
    wrong = [
        f"from {module} import {name.strip()}"
        for module, names in sorted(shown)
        for name in names.split(",")
        if not hasattr(importlib.import_module(module), name.strip())
        and not (
            hasattr(importlib.import_module(module), "__path__")
            and importlib.util.find_spec(f"{module}.{name.strip()}")
        )
    ]
    assert wrong == []


def test_exported_files_are_read_as_the_guide_says(tmp_path, capsys, monkeypatch):
    paths = sorted(path.parent for path in (DOCS.parent / "results").glob("*-quickstart-*/run.json"))
    if not paths:
        pytest.skip("the repository's folder results/ has no run of the suite quickstart")
    ignored = shutil.ignore_patterns("report*", "index", "cells", "weights")
    shutil.copytree(paths[-1], tmp_path / "results" / paths[-1].name, ignore=ignored)
    page = (DOCS / "guides" / "export.md").read_text(encoding="utf-8")
    table, card = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for arguments in (("--output", "run.parquet"), ("--set", "model=cnn", "--output", "README.md")):
        assert f"bench export {' '.join(arguments)[:18]}" in page
        ended = bench(tmp_path, "export", *arguments)
        assert ended.returncode == 0, ended.stderr
    monkeypatch.chdir(tmp_path)
    for text, shown in ((table, "gradient_boosting"), (card, "mnist-5k quality/accuracy 0.9")):
        exec(text, {})
        assert shown in capsys.readouterr().out
