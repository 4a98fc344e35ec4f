"""Runs on disk: created completely or not at all, found, driven by one process, and read back."""

import errno
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Artifact, ArtifactRow, History, MetricRow, Predictions, ProbeRow, Record
from bench_suite.store.atomic import StoreError, StoreFull
from bench_suite.store.runs import Checkpoint, Run, Store, cell_overrides


def record(id: str = "9c1e", **changes: Any) -> Record:
    facts: dict[str, Any] = {
        "run": "r",
        "suite": "nlp",
        "id": id,
        "weights_key": "41d0",
        "cell": {"task": "imdb", "model": "minilm", "seed": 0},
        "options": {},
        "status": "ok",
        "probes": {"quality": ProbeRow("ok", "k")},
        "metrics": (MetricRow("quality/accuracy", 0.9, "fraction", "higher"),),
    }
    return Record(**{**facts, **changes})


def everything_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# ── runs ────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_run_is_a_folder_with_its_facts(store: Store, run: Run) -> None:
    assert run.path.parent == store.root
    assert run.path.name == run.name
    date, suite, number = run.name.split("-")
    assert (len(date), suite, len(number)) == (16, "nlp", 4)
    assert run.info["report"] == {"sort": "quality/accuracy"}
    assert {"schema", "run", "suite", "started"} <= run.info.keys()
    assert run.records() == []


def test_runs_are_listed_newest_first_and_other_folders_are_no_runs(store: Store) -> None:
    assert store.runs() == []
    names = []
    for number in range(3):
        names.append(store.create(f"suite {number}", {}).name)
        time.sleep(0.002)
    (store.root / "baselines").mkdir()
    (store.root / "README.md").write_text("")
    (store.root / "half").mkdir()
    (store.root / "half" / "run.json").write_text('{"run": ')
    with store.open(names[1]).writer() as writer:
        writer.write(record("a"))
        writer.write(record("b"))
    assert [info.run for info in store.runs()] == names[::-1]
    assert [info.records for info in store.runs()] == [0, 2, 0]


def test_a_run_is_opened_by_id_prefix_path_or_as_the_latest(store: Store, run: Run) -> None:
    for name in (run.name, run.name[:-2], run.path, str(run.path), "latest"):
        assert store.open(name).name == run.name


def test_a_run_that_is_not_there_is_an_error_with_the_nearest(store: Store) -> None:
    with pytest.raises(StoreError, match="no runs yet"):
        store.open("latest")
    run = store.create("nlp", {})
    with pytest.raises(StoreError, match=f"did you mean {run.name}"):
        store.open(run.name[:-1] + "_")
    with pytest.raises(StoreError, match="bench results"):
        store.open("zzz")
    with pytest.raises(StoreError, match="bench results"):
        store.open("")
    other = store.create("nlp", {})
    with pytest.raises(StoreError) as error:
        store.open(other.name[:2])
    head, *names = str(error.value).splitlines()
    assert head == f"2 runs begin with {other.name[:2]!r}; write more of the id:"
    assert sorted(names) == sorted([f"  {run.name}", f"  {other.name}"])


def test_a_run_whose_id_is_taken_gets_another_of_the_same_suite(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs of one second drew the same random number."""
    drawn = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda size: next(drawn) if size == 2 else "c0ffee")
    frozen = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    monkeypatch.setattr("bench_suite.store.runs.datetime", SimpleNamespace(now=lambda _: frozen))
    first, second = store.create("nlp", {}), store.create("nlp", {"a": 1})
    assert (first.name, second.name) == ("20260102T030405Z-nlp-aaaa", "20260102T030405Z-nlp-bbbb")
    assert (second.info["suite"], second.info["a"]) == ("nlp", 1)


def test_the_newest_run_to_resume_is_of_that_suite_and_no_smoke_run(store: Store) -> None:
    assert store.newest("nlp") is None
    store.create("nlp", {})
    time.sleep(0.002)
    wanted = store.create("nlp", {"smoke": False})
    time.sleep(0.002)
    store.create("nlp", {"smoke": True})
    store.create("vision", {})
    newest = store.newest("nlp")
    assert newest is not None
    assert newest.name == wanted.name


def test_results_that_are_a_file_are_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("mine")
    for root in (tmp_path / "results", tmp_path / "results" / "deeper"):
        with pytest.raises(StoreError, match="not a folder") as caught:
            Store(root).create("nlp", {})
        assert caught.value.exit_status == 2
        assert Store(root).runs() == []
    assert everything_under(tmp_path) == ["results"]
    assert (tmp_path / "results").read_text() == "mine"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
@pytest.mark.parametrize("fails", ["mkdir", "write"])
def test_where_results_cannot_be_written_nothing_half_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, fails: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    if fails == "mkdir":
        monkeypatch.setattr(Path, "mkdir", refuse)
    else:
        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StoreError, match=os.strerror(code)) as caught:
        Store(tmp_path / "new" / "results").create("nlp", {})
    assert isinstance(caught.value, StoreFull) == (code == errno.ENOSPC)
    assert everything_under(tmp_path) == []


def test_a_read_only_folder_is_one_clear_message(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may write to read-only folders")
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        Store(tmp_path / "results").create("nlp", {})
    tmp_path.chmod(0o700)
    assert everything_under(tmp_path) == []


def test_a_new_run_has_its_folder_of_records_and_the_time_in_utc(run: Run) -> None:
    assert (run.path / "records").is_dir()
    assert run.info["schema"] == 2
    started = datetime.fromisoformat(run.info["started"])
    assert run.info["started"].endswith("Z")
    assert f"{started:%Y%m%dT%H%M%SZ}" == run.name.split("-")[0]
    assert abs(started.timestamp() - time.time()) < 60
    assert run.torn == 0


def test_a_run_is_found_by_its_whole_id_even_if_another_begins_with_it(store: Store, run: Run) -> None:
    longer = run.path.with_name(f"{run.name}-2")
    longer.mkdir()
    (longer / "run.json").write_text(json.dumps({**run.info, "run": longer.name}))
    assert store.open(run.name).name == run.name
    assert store.open(longer.name).name == longer.name
    with pytest.raises(StoreError, match=r"^2 runs begin with"):
        store.open(run.name[:-1])


def test_a_name_like_no_run_gets_no_suggestion(store: Store, run: Run) -> None:
    with pytest.raises(StoreError) as caught:
        store.open("zzz")
    assert str(caught.value) == f"no run 'zzz' in {store.root}\n  list them with: bench results --results {store.root}"


def test_runs_of_one_moment_are_listed_by_their_id(store: Store, run: Run) -> None:
    for name in ("b", "a"):
        (store.root / name).mkdir()
        (store.root / name / "run.json").write_text(
            json.dumps({**run.info, "run": name, "started": "2020", "smoke": True})
        )
    assert [info.run for info in store.runs()] == [run.name, "b", "a"]
    assert [info.smoke for info in store.runs()] == [False, True, True]
    (store.root / "c").mkdir()
    assert [info.run for info in store.runs()] == [run.name, "b", "a"]


def test_overrides_that_belong_to_no_cell_do_not_keep_a_run_from_being_resumed(store: Store) -> None:
    overrides = [
        "train.epochs=3",
        "gate.x.min=1",
        "title=a=b",
        " report .sort=x",
        "description=d",
        "gates.x=1",
        "a=b.c",
    ]
    assert cell_overrides(overrides) == ["a=b.c", "gates.x=1", "train.epochs=3"]
    plain = store.create("nlp", {})
    changed = store.create("nlp", {"overrides": ["train.epochs=3", "gate.x.min=1"]})

    def newest(*overrides: str) -> str | None:
        newest_run = store.newest("nlp", overrides)
        return newest_run and newest_run.name

    assert newest("train.epochs=3") == newest("title=x", "train.epochs=3") == changed.name
    assert newest() == newest("report.sort=y") == plain.name
    assert newest("train.epochs=4") is None


def test_a_change_of_nothing_leaves_run_json_as_it_was(run: Run) -> None:
    before = (run.path / "run.json").read_bytes()
    run.update({})
    assert (run.path / "run.json").read_bytes() == before
    run.update({"only": ["a"]})
    assert run.info["only"] == Run(run.path).info["only"] == ["a"]
    assert Run(run.path).info["report"] == run.info["report"]


def test_records_of_cells_that_are_not_planned_are_left_out_if_a_plan_is_known(run: Run) -> None:
    with run.writer() as writer:
        writer.write(record("a"))
        writer.write(record("b"))
    assert [record.id for record in run.planned_records()] == ["a", "b"]
    run.update({"planned": {"b": "imdb, minilm"}})
    assert [record.id for record in run.planned_records()] == ["b"]


# ── records ─────────────────────────────────────────────────────────────────────────────────────


def test_records_are_read_back_merged(run: Run) -> None:
    with run.writer() as writer:
        writer.write(record("a"))
        writer.write(record("b", status="failed", reason="oh"))
    with run.writer() as writer:
        writer.write(record("b"))
        writer.write(record("a", probes={"late": ProbeRow("ok", "k")}, metrics=()))
    records = Run(run.path).records()
    assert [(record.id, record.status, sorted(record.probes)) for record in records] == [
        ("a", "ok", ["late", "quality"]),
        ("b", "ok", ["quality"]),
    ]


def test_the_tenth_writer_is_later_than_the_ninth(run: Run) -> None:
    for number in range(12):
        with run.writer() as writer:
            writer.write(record("a", reason=str(number)))
    assert [record.reason for record in run.records()] == ["11"]


def test_records_as_they_were_written_are_found_by_their_line(run: Run) -> None:
    for reason in ("first", "second"):
        with run.writer() as writer:
            writer.write(record("a", reason=reason))
            writer.write(record("b"))
    assert [record.id for record in run.unmerged_records(lambda line: True)] == ["a", "b", "a", "b"]
    lines: list[bytes] = []

    def wanted(line: bytes) -> bool:
        lines.append(line)
        return b'"id":"a"' in line

    assert [record.reason for record in run.unmerged_records(wanted)] == ["first", "second"]
    assert len(lines) == 4
    assert all(json.loads(line)["run"] == "r" for line in lines)


# ── files beside records ────────────────────────────────────────────────────────────────────────


def test_predictions_and_artifacts_are_found_by_their_rows(run: Run) -> None:
    written = Predictions("shift:x", np.arange(3), {"predictions": np.arange(3)}, {"sex": np.array(["f", "m", "f"])})
    row = run.write_predictions("9c1e", "shift:x", written)
    assert (row.name, row.kind) == ("predictions/shift:x", "predictions")
    assert (run.path / row.file).parent == (run.path / "cells" / "9c1e")
    np.testing.assert_array_equal(run.read_predictions(row)["predictions"], np.arange(3))
    for id, folder in (("9c1e", "cells/9c1e"), (None, "summaries")):
        shown: dict[Any, Any] = {"image": np.zeros((2, 3), np.uint8), "text": "hello"}
        for kind, data in shown.items():
            row = run.write_artifact(id, "explain_text", Artifact("a/b", kind, data, "A caption"))
            assert row == ArtifactRow("explain_text/a/b", kind, row.file, "A caption")
            assert row.file.startswith(f"{folder}/explain_text/")
            read = run.read_artifact(row)
            assert (read.name, read.caption) == ("a/b", "A caption")
            assert np.array_equal(read.data, data)


def test_the_predictions_of_a_record_are_read_by_their_split(run: Run) -> None:
    row = run.write_predictions("a", "test", Predictions("test", np.arange(3), {"predictions": np.arange(3)}))
    record = Record("r", "s", "a", "k", {}, {}, "ok", artifacts=(row,))
    stored = run.predictions_of(record, "test")
    assert stored is not None
    assert stored["predictions"].tolist() == [0, 1, 2]
    assert run.predictions_of(record, "shift:x") is None


def test_a_damaged_or_missing_file_is_an_error_that_names_it(run: Run) -> None:
    row = run.write_predictions("a", "test", Predictions("test", np.arange(3), {"predictions": np.arange(3)}))
    content = (run.path / row.file).read_bytes()
    (run.path / row.file).write_bytes(content[:50])
    with pytest.raises(StoreError, match=row.file):
        run.read_predictions(row)
    (run.path / row.file).unlink()
    with pytest.raises(StoreError, match=row.file):
        run.read_predictions(row)
    picture = run.write_artifact("a", "p", Artifact("x", "image", np.zeros((2, 2)), ""))
    (run.path / picture.file).write_bytes(b"no picture")
    with pytest.raises(StoreError, match="cannot be read"):
        run.read_artifact(picture)


@pytest.mark.parametrize("relative", ["../out.txt", "/etc/out.txt", "cells/../../out.txt", "a\0b"])
def test_no_path_leads_out_of_the_run(run: Run, relative: str) -> None:
    with pytest.raises(StoreError, match="not inside"):
        run.write_text(relative, "x")
    with pytest.raises(StoreError, match="not inside"):
        run.read_artifact(ArtifactRow("a/b", "text", relative))


@pytest.mark.parametrize("label", ["../../etc", "a\0b", "x" * 5000, "böß 模型", ".", "", "CON", "a/b", "\ud800"])
def test_hostile_labels_stay_inside_the_cells_folder(run: Run, label: str) -> None:
    row = run.write_artifact(label, label, Artifact(label, "text", "x", label))
    assert (run.path / row.file).resolve().is_relative_to((run.path / "cells").resolve())
    assert run.read_artifact(row).data == "x"
    file = run.write_traceback(label, label, f"Traceback {label}")
    assert (run.path / file).is_file()
    predictions = Predictions("test", np.arange(1), {"predictions": np.arange(1)})
    run.write_predictions(label, label, predictions)
    with run.writer() as writer:
        writer.write(record(label, artifacts=(row,)))
    assert run.records() == [record(label, artifacts=(row,))]
    assert {path.name for path in run.path.parent.iterdir()} == {run.name}


def test_labels_that_differ_in_one_dash_do_not_share_a_file(run: Run) -> None:
    rows = [
        run.write_artifact("a", probe, Artifact(name, "text", probe, ""))
        for probe, name in (("a-b", "c"), ("a", "b-c"), ("a b", "c"), ("a.b", "c"))
    ]
    assert len({row.file for row in rows}) == 4


def test_weights_are_used_again_only_under_the_same_reuse(run: Run) -> None:
    history = History(steps=3)
    assert run.read_weights("unit", "41d0") is None
    run.write_weights("unit", "41d0", {"weight": torch.ones(2)}, history)
    stored = run.read_weights("unit", "41d0")
    assert stored is not None
    assert torch.equal(stored[0]["weight"], torch.ones(2))
    assert stored[1] == history
    assert run.read_weights("unit", "other") is None
    path = next((run.path / "weights").iterdir())
    path.write_bytes(path.read_bytes()[:-3])
    assert run.read_weights("unit", "41d0") is None


def test_an_unfinished_training_is_found_again_by_its_identity(run: Run) -> None:
    saved = run.checkpoint("a unit", "41d0")
    assert (saved.exists(), saved.load()) == (False, None)
    saved.remove()
    saved.save(b"weights\nof two lines\xff")
    assert (saved.exists(), saved.load()) == (True, b"weights\nof two lines\xff")
    assert saved.path.parent == run.path / "weights"
    assert saved.path.suffix == ".checkpoint"
    assert run.checkpoint("a unit", "41d0").load() == saved.load()
    assert run.checkpoint("other", "41d0").load() is None
    other = run.checkpoint("a unit", "beef")
    assert (other.exists(), other.load()) == (False, None)
    saved.save(b"")
    assert (saved.exists(), saved.load()) == (True, b"")
    other = run.checkpoint("a unit", "any X")
    other.save(b"content")
    assert (other.exists(), other.load(), saved.exists()) == (True, b"content", False)
    saved.path.write_bytes(b"\xff\xfe\n")
    assert (saved.exists(), saved.load()) == (False, None)
    saved.remove()
    assert not saved.path.exists()
    assert Checkpoint(run.path, "41d0").exists() is False


def test_texts_are_written_in_utf_8_whatever_they_hold(run: Run) -> None:
    path = run.write_text("cells/a/note.txt", "böß \ud800")
    assert path.read_bytes() == "böß \\ud800".encode()
    assert run.write_traceback("a", "b c", "x").startswith("cells/a/traceback-b-c-")


def test_an_artifact_whose_row_names_no_probe_keeps_its_name(run: Run) -> None:
    row = run.write_artifact("a", "probe", Artifact("curve", "text", "x", "c"))
    assert run.read_artifact(replace(row, name="curve")).name == "curve"
    assert run.read_artifact(row).name == "curve"


def test_the_store_imports_nothing_heavy() -> None:
    code = (
        "import sys, bench_suite.store.runs; print({'torch', 'numpy', 'pandas', 'pyarrow', 'PIL'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def test_runs_keep_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    store = Store(tmp_path)
    names = [store.create("s", {}).name for _ in range(40)]
    assert [info.run for info in reversed(store.runs())] == names
