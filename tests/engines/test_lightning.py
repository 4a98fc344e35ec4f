"""The engine `lightning` with a user's own `LightningModule`: its steps, its optimisers, and what it may not change."""

from __future__ import annotations

import copy
import importlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import Batch, BenchError, Data, Network, TrainOptions, Window
from bench_suite.data.encoded import stack
from bench_suite.problems import regression
from bench_suite.suite.document import SuiteError
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan
from bench_suite.training import checkpoints, lightning_modules
from bench_suite.training.inputs import image_only

MODULES = Path(__file__).parent / "modules"
PACKAGES = ["lightning.pytorch", "pytorch_lightning"]
SGD = TrainOptions(epochs=2, optimizer="sgd", learning_rate=0.01, momentum=0.0)


def lit(package: str = "lightning.pytorch", optimizer: bool = True, **methods: Any) -> Any:
    """Return a model like the textbook's, of one of the packages, with some of its methods replaced."""
    base = importlib.import_module(package).LightningModule

    class Lit(base):  # type: ignore[misc, valid-type]  # the base is one of two
        def __init__(self, inputs: int = 784, outputs: int = 10) -> None:
            super().__init__()
            self.layer_1, self.layer_2 = nn.Linear(inputs, 32), nn.Linear(32, outputs)
            self.seen: list[Any] = []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer_2(functional.relu(self.layer_1(x.view(x.size(0), -1))))

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            x, y = batch
            self.log("train_loss", loss := functional.cross_entropy(self(x), y))
            return loss

    if optimizer:
        Lit.configure_optimizers = lambda self: torch.optim.SGD(self.parameters(), lr=0.01)
    for name, method in methods.items():
        setattr(Lit, name, method)
    return lambda data: Lit()


# ── the textbook's network ──────────────────────────────────────────────────────────────────────

SCRIPT = """
import sys
from bench_suite.cli import main
sys.argv = ["bench", "run", "suite.toml", "--trust", "--offline"]
try:
    main()
except SystemExit as end:
    print("status", end.code)
print("imported", *[name for name in ("lightning", "pytorch_lightning") if name in sys.modules])
"""


def test_the_textbooks_network_runs_as_its_readers_have_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(MODULES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = {path.name for path in folder.iterdir()}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "BENCH_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert "status 0" in ended.stdout, ended.stderr
    assert ended.stdout.rstrip().endswith("imported pytorch_lightning"), "the other package takes seconds to import"
    assert {path.name for path in folder.iterdir()} - before == {"results"}
    for word in ("GPU", "TPU", "workers", "Trainer", "Tip"):
        assert word not in ended.stderr
    (report,) = folder.glob("results/*/report.md")
    text = report.read_text()
    assert "the training loss is that of the model's training_step" in text
    assert "the model configures its own optimiser" in text


@pytest.mark.slow
def test_the_first_cell_of_a_run_prints_no_advice_of_lightning(tmp_path: Path) -> None:
    """Lightning is imported in that cell, and sets the levels of its loggers."""
    (tmp_path / "suite.toml").write_text(
        '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[train]\nepochs = 1\n[matrix]\nengine = "lightning"\n'
        "[probes.quality]\nresamples = 100\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "bench_suite", "run", "suite.toml"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "BENCH_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    for word in ("GPU", "TPU", "workers", "Trainer", "Tip"):
        assert word not in ended.stderr


@pytest.mark.usefixtures("windows_of_one_step")
@pytest.mark.parametrize("package", PACKAGES)
def test_its_steps_are_those_of_a_loop_by_hand(package: str, pictures: Data, run: Any) -> None:
    native = run("native", pictures, SGD, model=lit(package))  # its forward, cross entropy, the same optimiser
    ended = run("lightning", pictures, TrainOptions(epochs=2), model=lit(package))
    assert len(ended.losses) == 20
    assert np.abs(np.array(ended.losses) - np.array(native.losses)).max() <= 1e-6
    assert np.abs(ended.scores - native.scores).max() <= 1e-6
    assert (ended.history.loss_of, native.history.loss_of) == ("model", "problem")
    for row, expected in zip(ended.history.epochs, native.history.epochs, strict=True):
        assert row == pytest.approx(dict(expected), abs=1e-6)


# ── what a step receives ────────────────────────────────────────────────────────────────────────


def test_x_is_a_picture_of_planes_from_0_to_1_and_y_a_class(pictures: Data, run: Any) -> None:
    def step(self: Any, batch: Any, batch_idx: int) -> Any:
        x, y = batch
        self.seen.append((tuple(x.shape), x.dtype, float(x.min()), float(x.max()), x.is_contiguous(), y.dtype))
        return functional.cross_entropy(self(x), y)

    ended = run("lightning", pictures, TrainOptions(epochs=1), model=lit(training_step=step))
    seen = lightning_modules.lightning_module_of(ended.network).seen
    assert set(seen) == {((64, 1, 28, 28), torch.float32, 0.0, 1.0, True, torch.int64)}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_step_without_batch_idx_receives_a_batch_if_build_returned_a_network(
    package: str, pictures: Data, run: Any
) -> None:
    def step(self: Any, batch: Batch) -> Any:
        assert isinstance(batch, Batch)
        return {"loss": functional.cross_entropy(self(**batch.inputs), batch.targets)}

    def forward(self: Any, image: torch.Tensor) -> Any:
        return self.layer_2(self.layer_1(image.flatten(1) / 255.0))

    def build(data: Data) -> Network:
        return Network(lit(package, training_step=step, forward=forward)(data), encode=image_only, collate=stack)

    ended = run("lightning", pictures, TrainOptions(epochs=2), model=build)
    assert ended.history.epochs[1]["loss"] < ended.history.epochs[0]["loss"]


def test_a_table_is_standardised_and_so_are_the_targets_of_a_regression(table: Data, run: Any) -> None:
    def step(self: Any, batch: Any) -> Any:
        x, y = batch
        self.seen.append((x, y))
        return functional.mse_loss(self(x), y)

    def forward(self: Any, x: torch.Tensor) -> Any:
        return self.layer(x).squeeze(1)

    def build(data: Data) -> Any:
        module = lit(training_step=step, forward=forward)(data)
        module.layer = nn.Linear(4, 1)
        return module

    options = TrainOptions(epochs=20, batch_size=200, learning_rate=0.1)
    ended = run("lightning", table, replace(options, epochs=1), model=build, problem=regression)
    ((x, y),) = lightning_modules.lightning_module_of(ended.network).seen
    assert x.dtype == y.dtype == torch.float32
    assert y.shape == (200,)
    assert torch.allclose(x.mean(0), torch.zeros(4), atol=1e-5)
    assert (float(y.mean()), float(y.std(correction=0))) == pytest.approx((0.0, 1.0), abs=1e-5)


@pytest.mark.parametrize("package", PACKAGES)
def test_its_validation_step_sees_the_validation_split_after_each_epoch(package: str, pictures: Data, run: Any) -> None:
    def validate(self: Any, batch: Any, batch_idx: int) -> None:
        x, y = batch
        assert not self.training
        self.seen.append(len(y))
        self.log("val_loss", functional.cross_entropy(self(x), y))

    def optimizers(self: Any) -> Any:
        sgd = torch.optim.SGD(self.parameters(), lr=0.01)
        return {
            "optimizer": sgd,
            "lr_scheduler": torch.optim.lr_scheduler.ReduceLROnPlateau(sgd),
            "monitor": "val_loss",
        }

    model = lit(package, validation_step=validate, configure_optimizers=optimizers)
    ended = run("lightning", pictures, TrainOptions(epochs=2), model=model)
    assert lightning_modules.lightning_module_of(ended.network).seen == [64, 36, 64, 36]
    without = replace(pictures, splits={name: pictures.splits[name] for name in ("train", "test")})
    ended = run("lightning", without, TrainOptions(epochs=1), model=lit(package, validation_step=validate))
    assert lightning_modules.lightning_module_of(ended.network).seen == []


# ── optimisers ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("windows_of_one_step")
def test_without_configure_optimizers_it_gets_those_of_the_suite(pictures: Data, run: Any) -> None:
    options = TrainOptions(epochs=2, learning_rate=0.01, schedule="cosine", gradient_clip=0.5)
    native, ended = (run(e, pictures, options, model=lit(optimizer=False)) for e in ("native", "lightning"))
    assert np.abs(np.array(ended.losses) - np.array(native.losses)).max() <= 1e-6
    assert "configure_optimizers" not in vars(lightning_modules.lightning_module_of(ended.network))


@pytest.mark.usefixtures("windows_of_one_step")
@pytest.mark.parametrize("killed_at", [7, 14], ids=["in the first epoch", "in the second one"])
def test_its_optimisers_and_counters_go_on_after_a_resume(
    killed_at: int, pictures: Data, run: Any, in_memory: Any, monkeypatch: Any
) -> None:
    def step(self: Any, batch: Any, batch_idx: int) -> Any:
        x, y = batch
        rate = self.optimizers().param_groups[0]["lr"]
        self.seen.append((self.current_epoch, self.global_step, rate))
        return functional.cross_entropy(self(x), y)

    def optimizers(self: Any) -> Any:
        sgd = torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)
        return [sgd], [{"scheduler": torch.optim.lr_scheduler.StepLR(sgd, 1, 0.5), "interval": "epoch"}]

    class Killed(Exception):
        pass

    def cut(window: Window) -> bool:
        if window.step > killed_at:
            raise Killed
        return True

    monkeypatch.setattr(checkpoints.Timer, "due", lambda timer: timer.checkpoints is not None)
    model, options = lit(training_step=step, configure_optimizers=optimizers), TrainOptions(epochs=3, checkpoint="1h")
    whole = run("lightning", pictures, options, model=model, saved=in_memory())
    expected = [(step // 10, step, 0.01 * 0.5 ** (step // 10)) for step in range(30)]
    assert lightning_modules.lightning_module_of(whole.network).seen == expected
    saved = in_memory()
    with pytest.raises(Killed):
        run("lightning", pictures, options, model=model, saved=saved, report=cut)
    resumed = run("lightning", pictures, options, model=model, saved=saved)
    assert resumed.losses == whole.losses[killed_at:]
    assert lightning_modules.lightning_module_of(resumed.network).seen == expected[killed_at:]
    assert all(torch.equal(value, resumed.weights[name]) for name, value in whole.weights.items())


def test_it_may_optimise_manually(pictures: Data, run: Any) -> None:
    def step(self: Any, batch: Any) -> Any:
        self.automatic_optimization = False
        optimizer = self.optimizers()
        optimizer.zero_grad()
        loss = functional.cross_entropy(self(batch[0]), batch[1])
        self.manual_backward(loss)
        optimizer.step()
        return loss

    def build(data: Data) -> Any:
        module = lit(training_step=step)(data)
        module.automatic_optimization = False
        return module

    ended = run("lightning", pictures, TrainOptions(epochs=2), model=build)
    assert ended.history.epochs[1]["loss"] < ended.history.epochs[0]["loss"]


# ── what is refused, and what is left behind ────────────────────────────────────────────────────


def test_a_step_that_returns_no_loss_says_what_to_return(pictures: Data, run: Any) -> None:
    with pytest.raises(BenchError, match="training_step of Lit returned no loss"):
        run("lightning", pictures, TrainOptions(epochs=1), model=lit(training_step=lambda self, batch: None))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_manual_step_that_returns_no_loss_is_told_that_it_must(package: str, pictures: Data, run: Any) -> None:
    def step(self: Any, batch: Any, batch_idx: int) -> None:
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(functional.cross_entropy(self(batch[0]), batch[1]))
        optimizer.step()

    def build(data: Data) -> Any:
        module = lit(package, training_step=step)(data)
        module.automatic_optimization = False
        return module

    with pytest.raises(BenchError, match="in each step and with manual optimisation too"):
        run("lightning", pictures, TrainOptions(epochs=1), model=build)


def test_a_forward_that_returns_more_than_the_logits_says_what_to_return(pictures: Data, run: Any) -> None:
    """Its own `training_step` reads them, so that only what this program computes of them fails."""

    def forward(self: Any, x: torch.Tensor) -> Any:
        return self.layer_2(self.layer_1(x.flatten(1))), x

    def step(self: Any, batch: Any, batch_idx: int) -> Any:
        return functional.cross_entropy(self(batch[0])[0], batch[1])

    with pytest.raises(BenchError, match=r"must return a tensor of logits.*returned a tuple; return the logits alone"):
        run("lightning", pictures, TrainOptions(epochs=1), model=lit(forward=forward, training_step=step))


def test_a_network_trains_with_the_one_of_the_two_packages_that_is_installed(
    pictures: Data, run: Any, monkeypatch: Any
) -> None:
    both = run("lightning", pictures, TrainOptions(epochs=1))
    for name in [name for name in sys.modules if name.partition(".")[0] == "lightning"]:
        monkeypatch.setitem(sys.modules, name, None)
    alone = run("lightning", pictures, TrainOptions(epochs=1))
    assert np.array_equal(alone.scores, both.scores)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"class_weights": "balanced"}, "class_weights"),
        ({"label_smoothing": 0.1}, "label_smoothing"),
        ({"augment": ("mixup",)}, "mixup"),
    ],
)
def test_options_of_the_loss_are_refused_since_the_step_computes_it(
    options: Any, named: str, pictures: Data, run: Any
) -> None:
    with pytest.raises(BenchError, match=f"computes the loss, so .*{named}.* would have no effect"):
        run("lightning", pictures, TrainOptions(**options), model=lit())
    with pytest.raises(BenchError, match="function loss"):
        run("lightning", pictures, TrainOptions(), model=lit(), own_loss=functional.cross_entropy)


def test_texts_have_no_natural_x(reviews: Data) -> None:
    with pytest.raises(BenchError, match="these examples have text, from which no x can be made"):
        lightning_modules.network_of(lit()(reviews), reviews)


@pytest.fixture
def refused(tmp_path: Path) -> Any:
    """Return the errors of the plan of the textbook's suite, with other settings."""
    shutil.copytree(MODULES, tmp_path / "mine")

    def errors(*settings: str) -> list[str]:
        with pytest.raises(SuiteError) as raised:
            make_plan(read_suite(str(tmp_path / "mine" / "suite.toml"), settings))
        return list(raised.value.errors)

    return errors


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("matrix.engine=native", 'does not call the training_step of a LightningModule.*set engine = "lightning"'),
        ("matrix.engine=hf", "does not call the training_step of a LightningModule"),
        ("train.label_smoothing=0.1", "computes the loss, so label_smoothing would have no effect"),
        ("models.litnet.train.learning_rate=0.1", "configures its own optimiser, so learning_rate would have no"),
        ("matrix.train.learning_rate=[0.1, 0.01]", "configures its own optimiser, so learning_rate would have no"),
    ],
)
def test_the_plan_refuses_what_a_module_of_the_file_does_not_honour(setting: str, message: str, refused: Any) -> None:
    assert any(re.search(message, error) for error in refused(setting))


def test_the_module_keeps_neither_the_trainer_nor_files(
    pictures: Data, run: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def callbacks(self: Any) -> Any:
        self.folder = self.trainer.default_root_dir
        return importlib.import_module("lightning.pytorch.callbacks").ModelCheckpoint(every_n_epochs=1)

    def end(self: Any) -> None:
        self.files = [path.name for path in Path(self.folder).rglob("*.ckpt")]

    model = lit(configure_callbacks=callbacks, on_train_end=end)
    ended = run("lightning", pictures, TrainOptions(epochs=1), model=model)
    module = lightning_modules.lightning_module_of(ended.network)
    assert Path(module.folder).parent == tmp_path
    assert not Path(module.folder).exists()
    assert module._trainer is None
    copied = copy.deepcopy(ended.network.module)
    x = torch.zeros(2, 28, 28, 1, dtype=torch.uint8)
    assert torch.equal(copied(image=x), ended.network.module(image=x))


def test_it_does_not_take_over_the_tasks_of_a_slurm_job(pictures: Data, run: Any, monkeypatch: Any) -> None:
    for name, text in {
        "SLURM_JOB_ID": "7",
        "SLURM_NTASKS": "4",
        "SLURM_PROCID": "0",
        "SLURM_JOB_NAME": "train",
    }.items():
        monkeypatch.setenv(name, text)
    assert run("lightning", pictures, TrainOptions(epochs=1)).history.steps == 10


def test_a_convolution_of_a_textbook_may_be_viewed_as_a_row(pictures: Data, run: Any) -> None:
    """`x.view` fails on the channels-last memory that other networks get."""

    def forward(self: Any, x: torch.Tensor) -> Any:
        return self.layer_2(self.layer_1(self.convolution(x).view(x.size(0), -1)))

    def build(data: Data) -> Any:
        module = lit(forward=forward)(data)
        module.convolution = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        return module

    assert run("lightning", pictures, TrainOptions(epochs=1), model=build).history.steps == 10
