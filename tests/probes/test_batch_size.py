"""The probe `batch_size`: sizes double until memory, time or the maximum ends, and the network stays as it is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch

import bench_suite
from bench_suite.contracts import Evaluation, Metric, Placement, TrainOptions
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.models import resnet, transformer
from bench_suite.probes import batch_size
from bench_suite.problems import classification
from bench_suite.tasks import synthetic_images, synthetic_tokens
from bench_suite.training import devices, peaks
from bench_suite.training.prediction import prepare_prediction

PLACE = Placement("cpu", 1, "32-true")
QUICK = {"seconds": 0.0, "maximum": 4}


@pytest.fixture(autouse=True)
def peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a peak of 1 GFLOP/s."""
    monkeypatch.setattr(peaks, "peak", lambda *_, **__: peaks.Peak(1e9, (1e9,), 1024, "cpu", "32-true", 1))


def cell(task: Any, model: Any, options: Any, **task_options: Any) -> Any:
    """Return what the probe reads of a trained cell."""
    data = prepare(task.load(task.Options(examples=40, classes=2, **task_options), Sources(offline=True)), 0.0)
    torch.manual_seed(0)
    network = model.build(data, options)
    columns = {name: encoded(network, split) for name, split in data.splits.items()}
    predict = partial(
        prepare_prediction, network, classification, columns["test"], Evaluation(8, data.spec, None), PLACE
    )
    return SimpleNamespace(
        network=network, data=data, problem=classification, placement=PLACE, encoded=columns.__getitem__,
        options={"train": vars(TrainOptions())}, inference=lambda split, rows: predict(rows),
    )  # fmt: skip


def pictures() -> Any:
    return cell(synthetic_images, resnet, resnet.Options(), size=8)


def texts() -> Any:
    options = transformer.Options(vocabulary=50, max_length=12, dimension=8, feedforward=8)
    return cell(synthetic_tokens, transformer, options, tokens=12, vocabulary=50)


def measured(trained: Any, **options: Any) -> dict[tuple[Any, ...], Metric]:
    items = batch_size.probe(trained, batch_size.Options(**{**QUICK, **options}))
    metrics = (item for item in items if isinstance(item, Metric))
    return {(metric.name, *metric.at.values()): metric for metric in metrics}


# ── what is measured ────────────────────────────────────────────────────────────────────────────


def test_each_phase_has_rates_memory_and_utilisation_of_each_size_and_of_the_fastest() -> None:
    metrics = measured(pictures())
    assert [size for name, *at in metrics if name == "inference" for size in at] == [1, 2, 4]
    # Batch normalisation has no variance over one row, so a training begins with two.
    assert [size for name, *at in metrics if name == "train" for size in at] == [2, 4]
    for phase in ("inference", "train"):
        fastest = int(metrics[f"{phase}_fastest",].value or 0)
        assert (
            metrics[phase,].value
            == metrics[phase, fastest].value
            == max(metric.value or 0 for (name, *_), metric in metrics.items() if name == phase)
        )
        assert metrics[f"{phase}_memory",].value == metrics[f"{phase}_memory", fastest].value
        assert metrics[f"{phase}_largest",].value == 4
        assert metrics[f"{phase}_end", "maximum"].value == 8
        assert (f"{phase}_tokens",) not in metrics


def test_utilisation_is_rate_times_operations_over_the_peak() -> None:
    trained = pictures()
    cost = batch_size.costs_of(trained, trained.network, 1)[0]
    metrics = measured(trained)
    for phase, flops in (("inference", cost.forward), ("train", cost.training)):
        rate, share = metrics[phase,].value, metrics[f"{phase}_utilisation",].value
        assert rate is not None
        assert share == pytest.approx(rate * flops / 1e9)


def test_tokens_are_counted_if_the_inputs_are_tokens() -> None:
    metrics = measured(texts())
    for phase in ("inference", "train"):
        for at in ((), (1,), (4,)):
            assert metrics[f"{phase}_tokens", *at].value == pytest.approx(12 * (metrics[phase, *at].value or 0))


def test_a_batch_repeats_the_examples_of_a_small_split() -> None:
    assert measured(texts(), start=64, maximum=64)["train_largest",].value == 64


def test_the_network_stays_as_it_is() -> None:
    trained = pictures()
    module = trained.network.module.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    versions = [parameter._version for parameter in module.parameters()]
    state = torch.get_rng_state()
    measured(trained, seconds=0.01)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [parameter._version for parameter in module.parameters()] == versions
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not module.training
    assert torch.equal(torch.get_rng_state(), state)


def test_a_step_does_the_work_of_a_training_and_never_diverges(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[Any] = []
    steps: list[float] = []
    original = batch_size.make_optimizer

    def make(module: torch.nn.Module, options: TrainOptions, placement: Placement) -> Any:
        optimizer = original(module, options, placement)
        step = optimizer.step
        chosen.append(options)

        def noted() -> Any:
            steps.append(sum(float(p.grad.abs().sum()) for p in module.parameters() if p.grad is not None))
            return step()

        optimizer.step = noted  # type: ignore[method-assign]  # to see the gradients
        return optimizer

    monkeypatch.setattr(batch_size, "make_optimizer", make)
    trained = texts()
    trained.options = {"train": vars(TrainOptions(optimizer="sgd", learning_rate=1e30, gradient_clip=0.1))}
    measured(trained, seconds=0.05, phases=("train",), maximum=1)
    assert len(steps) > 3
    assert all(np.isfinite(steps))
    assert min(steps) > 0
    assert (chosen[0].optimizer, chosen[0].gradient_clip) == ("sgd", 0.1)


def test_what_has_no_steps_of_its_own_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = SimpleNamespace(network=None, placement=PLACE)
    assert {metric.reason for metric in measured(estimator).values()} == {batch_size.ESTIMATOR}
    monkeypatch.setattr(batch_size, "has_own_step", lambda network: True)
    metrics = measured(texts())
    assert metrics["train",].value is None
    assert metrics["train",].reason == batch_size.OWN_STEP
    assert metrics["inference",].value
    monkeypatch.setattr(batch_size, "has_own_step", lambda network: False)
    private = texts()
    private.options = {"train": vars(TrainOptions(privacy={"epsilon": 3.0, "delta": 1e-5}))}
    assert measured(private)["train",].reason == batch_size.PRIVATE


# ── how a search ends ───────────────────────────────────────────────────────────────────────────


class Machine:
    """A clock that only work advances, and a process whose memory grows with the batch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, base: float = 100.0, growth: float = 1.0, free: Any = None):
        self.now, self.resident, self.base, self.growth, self.calls = 0.0, base, base, growth, []
        monkeypatch.setattr(devices, "perf_counter", lambda: self.now)
        monkeypatch.setattr(batch_size, "reset_peak", lambda: True)
        monkeypatch.setattr(batch_size, "current_memory", lambda: self.base)
        monkeypatch.setattr(batch_size, "peak_memory", lambda: self.resident)
        monkeypatch.setattr(batch_size, "available_memory", lambda: free)

    def prepare(self, size: int) -> batch_size.Batch:
        def call() -> None:
            self.calls.append(size)
            self.now += 0.1 * size
            self.resident = self.base + self.growth * size

        return batch_size.Batch(call, None)

    def search(self, prepare: Any = None, **options: Any) -> batch_size.Search:
        chosen = batch_size.Options(**{"seconds": 0.3, "budget": 1000.0, **options})
        budget = batch_size.Budget(self.now + chosen.budget)
        return batch_size._search(prepare or self.prepare, chosen.start, chosen, PLACE, budget)


def refusing(machine: Machine, largest: int, error: Exception) -> Any:
    """Return a preparation whose work fails for batches beyond `largest`."""

    def prepare(size: int) -> batch_size.Batch:
        def call() -> None:
            machine.prepare(size).call()
            if size > largest:
                raise error

        return batch_size.Batch(call, None)

    return prepare


def test_a_size_that_does_not_fit_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    search = machine.search(refusing(machine, 4, torch.OutOfMemoryError("full")))
    assert [measured.size for measured in search.sizes] == [1, 2, 4]
    assert (search.end, search.refused, search.note) == ("memory", 8, None)
    assert all(measured.rate == pytest.approx(10.0) for measured in search.sizes)
    nothing = machine.search(refusing(machine, 0, torch.OutOfMemoryError("full")))
    assert (nothing.sizes, nothing.end, nothing.refused) == ((), "memory", 1)


def test_another_error_ends_the_search_with_its_message_unless_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch)
    search = machine.search(refusing(machine, 2, RuntimeError("too many elements\nfor an index of 32 bits")))
    assert ([m.size for m in search.sizes], search.end, search.refused) == ([1, 2], "error", 4)
    assert search.note == "RuntimeError: too many elements"
    with pytest.raises(RuntimeError, match="too many elements"):
        machine.search(refusing(machine, 0, RuntimeError("too many elements")))


def test_on_a_processor_the_memory_of_the_next_size_is_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process takes 100 MiB and one for each example: 16 examples need 16 MiB more, of 30 that are available."""
    machine = Machine(monkeypatch, free=30.0)
    search = machine.search(memory=0.5)
    assert (search.end, search.refused) == ("memory", 16)
    assert max(machine.calls) == 8, "a size that would not fit is not tried"
    assert [measured.memory for measured in search.sizes] == [101.0, 102.0, 104.0, 108.0]
    assert Machine(monkeypatch, free=None).search(maximum=64).end == "maximum"


def test_the_budget_ends_the_search_before_a_size_that_would_exceed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    search = machine.search(budget=10.0)
    assert search.end == "budget"
    assert search.refused == 2 * search.sizes[-1].size
    assert 4.0 < machine.now <= 10.0
    machine = Machine(monkeypatch)
    only = machine.search(budget=0.05)
    assert [(m.size, len(m.rates)) for m in only.sizes] == [(1, 1)], "the first size is measured in any case"
    assert only.end == "budget"


def test_a_smoke_run_calls_each_size_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    machine.search(**batch_size.SMOKE)
    assert machine.calls == [1, 2]


# ── in a run ────────────────────────────────────────────────────────────────────────────────────


def test_a_run_stores_the_curves_and_nothing_that_is_not_restored(tmp_path: Path) -> None:
    suite = {
        "tasks": [{"use": "synthetic_images", "size": 8, "classes": 2, "examples": 40}],
        "models": [{"use": "resnet"}],
        "train": {"epochs": 0, "validation": 0},
        "matrix": {"threads": 1},
        "probes": {"batch_size": {"seconds": 0.01, "maximum": 4}},
    }
    (tmp_path / "s.toml").write_text(tomli_w.dumps(suite))
    done = bench_suite.run(tmp_path / "s.toml", results=tmp_path / "results")
    (record,) = done.records
    assert record.probes["batch_size"].status == "ok", record.probes["batch_size"].reason
    assert record.probes["batch_size"].unrestored is None
    assert [row.name for row in record.artifacts] == ["batch_size/rates"]
    assert {row.name for row in record.metrics} >= {"batch_size/train", "batch_size/inference_largest"}
