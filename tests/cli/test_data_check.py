"""`bench data check` prints findings with their rows and mending lines, and `[data] fail_on` decides its status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SUITE = """
[[tasks]]
use = "hub"
name = "mine"
id = "me/mine"
inputs = ["age", "pay", "site"]
[[models]]
use = "mlp"
train = { epochs = 1 }
[probes.quality]
[matrix]
threads = 1
"""


@pytest.fixture
def suite(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A suite with a table whose column `site` is constant, and whose test split repeats three rows of train."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    random = np.random.default_rng(0)
    rows = [f"{age:.4f},{pay:.4f},9,{'yes' if pay + age > 0 else 'no'}" for age, pay in random.normal(size=(300, 2))]
    folder = tmp_path / "data" / "me" / "mine"
    folder.mkdir(parents=True)
    head = ["age,pay,site,label"]
    (folder / "train.csv").write_text("\n".join(head + rows[:200]) + "\n")
    (folder / "test.csv").write_text("\n".join(head + rows[197:]) + "\n")
    (tmp_path / "mine.toml").write_text(SUITE)
    return "mine.toml"


def test_findings_have_rows_and_the_line_that_mends_them(bench, suite: str) -> None:
    ended = bench("data", "check", suite)
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == "mine  train 200, test 103  (folder:me/mine)"
    assert "  D001 warning: 3 of 103 (2.9 %) examples of test have an equal one in train" in lines
    assert "    rows of train: 197, 198, 199 (from 0)" in lines
    assert "    rows of test: 0, 1, 2 (from 0)" in lines
    assert '    mend: inputs = ["age", "pay"]' in lines
    assert "2 findings: 1 warning, 1 note" in lines
    assert lines[-1] == "next: bench data check mine.toml --all   the costly checks too"


def test_the_line_that_mends_a_finding_mends_it(bench, suite: str) -> None:
    ended = bench("data", "check", suite, "--code", "D005", "--set", 'tasks.mine.inputs=["age","pay"]')
    assert ended.status == 0
    assert "no finding" in ended.out


def test_codes_in_fail_on_decide_the_status(bench, suite: str) -> None:
    assert bench("data", "check", suite, "--set", 'data.fail_on=["D002"]').status == 0
    ended = bench("data", "check", suite, "--set", 'data.fail_on=["D001","D002"]')
    assert ended.status == 1
    assert "FAILED: [data] fail_on names D001" in ended.out


def test_a_costly_check_is_run_if_fail_on_names_its_code(bench, suite: str) -> None:
    named = "splits that a classifier tells apart"
    assert named in bench("data", "check", suite).out
    ended = bench("data", "check", suite, "--set", 'data.fail_on=["D006"]')
    assert named not in ended.out
    assert "labels that held-out predictions contradict" in ended.out


def test_an_unknown_code_is_refused_with_the_nearest(bench, suite: str) -> None:
    ended = bench("data", "check", suite, "--set", 'data.fail_on=["D01"]')
    assert ended.status == 2
    assert "did you mean" in ended.err
    assert bench("data", "check", suite, "--code", "D01").status == 2


def test_json_has_all_fields_of_a_finding(bench, suite: str) -> None:
    document = json.loads(bench("data", "check", suite, "--json", "--code", "D001").out)
    (task,) = document["tasks"]
    (finding,) = task["findings"]
    assert document["status"] == 0
    assert {*task["inapplicable"]} == {
        "near duplicates among pictures", "near duplicates among texts", "repeated identifiers in two splits",
    }  # fmt: skip
    assert finding["subject"] == "train/test"
    assert finding["severity"] == "warning"
    assert finding["evidence"][1] == {
        "split": "test", "count": 3, "rows": [0, 1, 2], "ids": finding["evidence"][1]["ids"],
    }  # fmt: skip


def test_data_that_are_not_available_are_status_3(bench, suite: str, tmp_path: Path) -> None:
    (tmp_path / "data" / "me" / "mine" / "train.csv").unlink()
    (tmp_path / "data" / "me" / "mine" / "test.csv").unlink()
    ended = bench("data", "check", suite)
    assert ended.status == 3
    assert "mine: " in ended.err
    assert "NOT CHECKED, since their data could not be read: mine" in ended.out.splitlines()
    assert "--all" not in ended.out


def test_folds_are_checked_once(bench, suite: str, tmp_path: Path) -> None:
    (tmp_path / "data" / "me" / "mine" / "test.csv").unlink()
    ended = bench("data", "check", suite, "--set", "tasks.mine.split={folds=4}", "--code", "D005")
    assert ended.status == 0, ended.err
    assert [line for line in ended.out.splitlines() if line.startswith("mine")] == [
        "mine  train 150, test 50  (folder:me/mine)  fold 0 of 4"
    ]


def test_equal_rows_of_a_table_are_kept_and_the_line_says_how_to_drop_them(bench, suite: str) -> None:
    ended = bench("data", "check", suite, "--code", "D001")
    assert 'mend: duplicates = "drop"' in ended.out


def test_the_help_fits_a_terminal_and_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; sys.argv = ['bench', 'data', 'check', '--help']\n"
        "from bench_suite.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert max(map(len, ended.stdout.splitlines())) <= 80
