"""The engines `lightning` and `hf`: they take the native engine's steps, and stop, resume and end as it does."""

from __future__ import annotations

import copy
import importlib
import logging
import math
import os
import signal
import warnings
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Batch, BenchError, Data, Placement, TrainingFailed, TrainOptions, Window
from bench_suite.data.splits import column
from bench_suite.models import cnn, mlp
from bench_suite.problems import regression
from bench_suite.training import checkpoints

pytestmark = pytest.mark.parametrize("engine", ["lightning", "hf"])

PLACE = Placement("cpu", 1, "32-true")


def accuracy(ended: Any, data: Data) -> float:
    return float((ended.scores.argmax(axis=1) == column(data.splits["test"], "target")).mean())


def check_equal(ended: Any, native: Any, tolerance: float = 1e-6) -> None:
    """Check that two trainings took the same steps and ended in the same way."""
    assert len(ended.losses) == len(native.losses) > 0
    assert np.abs(np.array(ended.losses) - np.array(native.losses)).max() <= tolerance
    for row, expected in zip(ended.history.epochs, native.history.epochs, strict=True):
        assert row == pytest.approx(dict(expected), abs=max(tolerance, 1e-6))
    for name in ("steps", "samples", "best_epoch", "stopped", "loss_of"):
        assert getattr(ended.history, name) == getattr(native.history, name), name
    assert torch.equal(ended.state, native.state), "it drew other numbers of the global generator"


# ── the same steps ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("windows_of_one_step")
@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm", "bert"])
def test_its_losses_are_the_native_engines(engine: str, name: str, model_of: Any, run: Any) -> None:
    model, data, chosen = model_of(name)
    options = TrainOptions(epochs=2, batch_size=64, schedule="cosine", warmup=0.2, gradient_clip=1.0, weight_decay=0.01)
    native, ended = (run(named, data, options, model=model, **chosen) for named in ("native", engine))
    check_equal(ended, native)
    assert np.abs(ended.scores - native.scores).max() <= 1e-6
    assert accuracy(ended, data) == accuracy(native, data)


@pytest.mark.slow
@pytest.mark.usefixtures("windows_of_one_step")
@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm", "bert"])
def test_two_hundred_losses_are_the_native_engines(engine: str, name: str, model_of: Any, run: Any) -> None:
    model, data, chosen = model_of(name)
    options = TrainOptions(epochs=20 if name in ("mlp", "cnn") else 40, batch_size=64, schedule="linear", warmup=0.1)
    native, ended = (run(named, data, options, model=model, **chosen) for named in ("native", engine))
    assert len(native.losses) == 200
    check_equal(ended, native)
    assert accuracy(ended, data) == accuracy(native, data)


def noisy(batch: Batch, generator: torch.Generator) -> Batch:
    """Add noise to images, drawn from the engine's generator."""
    noise = 8.0 * torch.randn(batch.inputs["image"].shape, generator=generator)
    return Batch({"image": batch.inputs["image"] + noise}, batch.targets)


def halved(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return 0.5 * torch.nn.functional.cross_entropy(outputs, targets)


@pytest.mark.usefixtures("windows_of_one_step")
@pytest.mark.parametrize(
    "stated",
    [
        {"optimizer": "sgd", "nesterov": True, "learning_rate": 0.05},
        {"optimizer": "muon", "schedule": "linear", "gradient_clip": 0.5, "weight_decay": 0.1},
        {"augment": ("shift", "mixup"), "label_smoothing": 0.1},
        {"class_weights": {str(digit): 1.0 + digit for digit in range(10)}, "sampler": "balanced"},
        {"own_augment": noisy, "own_loss": halved},
        {"gradient_clip": 0.0},
        {"batch_size": 639},
        {"placement": Placement("cpu", 1, "bf16-mixed")},
        {"placement": Placement("cpu", 1, "32-true", deterministic=True)},
    ],
    ids=[
        "sgd",
        "muon",
        "augment",
        "classes",
        "own functions",
        "clip to 0",
        "joined batch",
        "bfloat16",
        "deterministic",
    ],
)
def test_it_honours_an_option_as_the_native_engine_does(engine: str, stated: Any, pictures: Data, run: Any) -> None:
    if stated.get("optimizer") == "muon" and not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    more = {name: stated[name] for name in ("own_augment", "own_loss", "placement") if name in stated}
    options = TrainOptions(epochs=2, **{name: value for name, value in stated.items() if name not in more})
    chosen: dict[str, Any] = {"hidden": (32, 32), "dropout": 0.2, "model": mlp}
    if stated.get("batch_size") == 639:  # batch normalisation: the last batch of one example joins the one before
        chosen = {"channels": (4,), "model": cnn}
    native, ended = (run(named, pictures, options, **chosen, **more) for named in ("native", engine))
    check_equal(ended, native, 1e-3 if "placement" in stated and more["placement"].precision != "32-true" else 1e-6)


@pytest.mark.usefixtures("windows_of_one_step")
def test_it_trains_a_regression(engine: str, run: Any, table: Data) -> None:
    native, ended = (run(named, table, TrainOptions(epochs=2), problem=regression) for named in ("native", engine))
    check_equal(ended, native)
    assert np.abs(ended.scores - native.scores).max() <= 1e-6


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(engine: str, pictures: Data, run: Any) -> None:
    compiled = Placement("cpu", 1, "32-true", compiled=True)
    native, ended = (run(named, pictures, TrainOptions(epochs=2), placement=compiled) for named in ("native", engine))
    assert ended.history.compile_seconds > 0
    for row, expected in zip(ended.history.epochs, native.history.epochs, strict=True):
        assert row == pytest.approx(dict(expected), abs=1e-4)


# ── windows, early stopping, targets, the end ───────────────────────────────────────────────────


def test_windows_cover_the_training_and_the_first_is_left_out(engine: str, pictures: Data, run: Any) -> None:
    windows: list[Window] = []
    options = TrainOptions(epochs=15)
    ended = run(engine, pictures, options, report=lambda window: windows.append(window) is None)
    assert list(ended.history.windows) == windows[1:]
    assert all(window.seconds >= 0.05 and 0.0 < window.stalled < window.seconds for window in windows)
    assert ended.history.seconds >= sum(window.seconds for window in windows)
    assert ended.history.samples == 15 * 640


def test_early_stopping_keeps_the_weights_of_the_best_epoch(engine: str, pictures: Data, run: Any) -> None:
    options = TrainOptions(epochs=40, learning_rate=0.02, patience=2)
    native, ended = (run(named, pictures, options) for named in ("native", engine))
    assert ended.history.stopped == "no lower validation loss in 2 epochs"
    assert ended.history.best_epoch == native.history.best_epoch < len(native.history.epochs)
    assert np.abs(ended.scores - native.scores).max() <= 1e-5


def test_training_ends_in_the_first_epoch_that_reaches_the_target(engine: str, pictures: Data, run: Any) -> None:
    options = TrainOptions(epochs=30, learning_rate=0.01, target={"quality/accuracy": 0.8})
    native, ended = (run(named, pictures, options) for named in ("native", engine))
    assert ended.history.stopped == "quality/accuracy reached"
    assert ended.history.target["reached"] is True
    assert ended.history.target["samples"] == native.history.target["samples"] == ended.history.samples
    assert ended.history.target["seconds"] == ended.history.seconds > 0


@pytest.mark.usefixtures("windows_of_one_step")
def test_a_report_that_says_no_ends_the_training_at_once(engine: str, pictures: Data, run: Any) -> None:
    ended = run(engine, pictures, TrainOptions(epochs=5), report=lambda window: window.step < 14)
    assert ended.history.stopped == "interrupted"
    assert ended.history.steps == 14
    assert len(ended.history.epochs) == 1


@pytest.mark.usefixtures("windows_of_one_step")
def test_control_c_ends_the_training_as_control_c(engine: str, pictures: Data, run: Any) -> None:
    def interrupt(window: Window) -> bool:
        if window.step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return window.step < 10

    # A process that was started in the background ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(engine, pictures, TrainOptions(epochs=5), report=interrupt)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_loss_that_is_not_finite_names_step_and_learning_rate(engine: str, pictures: Data, run: Any) -> None:
    with pytest.raises(TrainingFailed, match=r"finite number at step \d+, where the learning rate is 1e\+30"):
        run(engine, pictures, TrainOptions(epochs=2, optimizer="sgd", learning_rate=1e30))


def test_an_error_of_the_module_is_raised_as_it_is(engine: str, pictures: Data, run: Any) -> None:
    class Broken(Exception):
        pass

    def broken(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        raise Broken

    with pytest.raises(Broken):
        run(engine, pictures, TrainOptions(epochs=1), own_loss=broken)


def test_patience_without_a_validation_split_says_what_to_set(engine: str, pictures: Data, run: Any) -> None:
    without = replace(pictures, splits={name: pictures.splits[name] for name in ("train", "test")})
    with pytest.raises(BenchError, match="set validation above 0"):
        run(engine, without, TrainOptions(patience=1))
    assert "validation_loss" not in run(engine, without, TrainOptions(epochs=1)).history.epochs[0]


# ── checkpoints ─────────────────────────────────────────────────────────────────────────────────


class Killed(Exception):
    pass


@pytest.mark.usefixtures("windows_of_one_step")
@pytest.mark.parametrize(
    ("killed_at", "stated"),
    [
        (7, {"schedule": "cosine", "warmup": 0.1, "augment": ("shift",), "patience": 3}),
        (10, {"optimizer": "muon", "schedule": "linear", "target": {"quality/accuracy": 1.0}}),
        (14, {"optimizer": "sgd", "sampler": "balanced"}),
    ],
    ids=["in the first epoch", "after it", "in the second one"],
)
def test_a_training_that_was_cut_off_goes_on_bit_for_bit(
    engine: str, stated: Any, killed_at: int, pictures: Data, run: Any, in_memory: Any, monkeypatch: Any
) -> None:
    if stated.get("optimizer") == "muon" and not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    monkeypatch.setattr(checkpoints.Timer, "due", lambda timer: timer.checkpoints is not None)
    options = TrainOptions(epochs=3, checkpoint="10m", **stated)
    chosen: dict[str, Any] = {"hidden": (32, 32), "dropout": 0.2}
    whole = run(engine, pictures, options, saved=in_memory(), **chosen)
    native = run("native", pictures, options, saved=in_memory(), **chosen)
    check_equal(whole, native)

    def cut(window: Window) -> bool:
        if window.step > killed_at:
            raise Killed
        return True

    saved = in_memory()
    with pytest.raises(Killed):
        run(engine, pictures, options, saved=saved, report=cut, **chosen)
    assert saved.times == killed_at
    resumed = run(engine, pictures, options, saved=saved, **chosen)
    assert resumed.losses == whole.losses[killed_at:]
    assert all(torch.equal(value, resumed.weights[name]) for name, value in whole.weights.items())
    assert resumed.history.epochs == whole.history.epochs
    assert (resumed.history.steps, resumed.history.best_epoch) == (whole.history.steps, whole.history.best_epoch)


# ── what is left behind ─────────────────────────────────────────────────────────────────────────


def test_it_is_quiet_and_leaves_the_process_as_it_was(engine: str, pictures: Data, run: Any, capfd: Any) -> None:
    importlib.import_module(f"bench_suite.engines.{engine}")  # the import of a package may set variables
    run(engine, pictures, TrainOptions(epochs=1))
    capfd.readouterr()
    variables, level = dict(os.environ), logging.getLogger("lightning.pytorch").level
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        ended = run(engine, pictures, TrainOptions(epochs=2), placement=Placement("cpu", 1, "bf16-mixed"))
    assert [str(warning.message) for warning in warned] == []
    assert capfd.readouterr() == ("", "")
    assert dict(os.environ) == variables
    assert logging.getLogger("lightning.pytorch").level == level
    module = ended.network.module
    assert "forward" not in vars(module)
    copied = copy.deepcopy(module)
    assert all(torch.equal(value, copied.state_dict()[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_another_precision_may_follow(engine: str, pictures: Data, run: Any) -> None:
    first, other = (
        run(engine, pictures, TrainOptions(epochs=1), placement=replace(PLACE, precision=precision))
        for precision in ("bf16-mixed", "32-true")
    )
    native = run("native", pictures, TrainOptions(epochs=1))
    assert other.history.epochs[0] == pytest.approx(dict(native.history.epochs[0]), abs=1e-6)
    assert not math.isclose(first.history.epochs[0]["loss"], other.history.epochs[0]["loss"], abs_tol=1e-9)


def test_it_accepts_every_training_option_but_privacy(engine: str) -> None:
    module = importlib.import_module(f"bench_suite.engines.{engine}")
    assert set(module.ACCEPTS) == {field.name for field in fields(TrainOptions)} - {"privacy"}
