"""Claims about times on an accelerator: what is planted is reported within 2 %, and forgetting to wait is noticed.

The times are virtual (`simulated_device.py`), so the machine's load changes nothing.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.ab.timed_work import Worker
from bench_suite.contracts import Data, Network, Placement, Source, TrainOptions
from bench_suite.data.encoded import encoded, stack
from bench_suite.data.splits import MemorySplit
from bench_suite.engines import native
from bench_suite.probes import batch_size, energy, overhead, throughput
from bench_suite.probes import target as target_probe
from bench_suite.probes.attribution import evaluation
from bench_suite.probes.energy import powercap
from bench_suite.probes.energy.meter import EnergyMeter
from bench_suite.probes.energy.sources import Counter
from bench_suite.problems import classification
from bench_suite.training import device_health, devices, peaks, precision
from bench_suite.training.clock import MAX_WINDOW_SECONDS, Clock

pytestmark = pytest.mark.usefixtures("sim")
PACKAGE = Path(devices.__file__).parents[1]
FORWARD, BACKWARD = 0.004, 0.006
STEP = FORWARD + BACKWARD
ROWS, BATCH = 320, 32
STEPS = 260
"Of a training whose rate is measured: the first window of 64 steps, which is left out, three more, and a few steps."
PLACE = Placement("sim", 1, "32-true")


class Kernel(torch.autograd.Function):
    """A kernel of planted time in the forward pass, and one in the backward pass."""

    @staticmethod
    def forward(context, values, sim, forward, backward):
        context.sim, context.backward_cost = sim, backward
        sim.enqueue(forward)
        return values * 1

    @staticmethod
    def backward(context, gradient):
        context.sim.enqueue(context.backward_cost)
        return gradient, None, None, None


class Timed(nn.Module):
    """A linear model whose passes take planted times on the device, and whose parameter takes one to copy."""

    def __init__(self, sim, forward=FORWARD, backward=BACKWARD):
        super().__init__()
        self.layer, self.large = nn.Linear(4, 2), nn.Parameter(torch.zeros(7))
        self.sim, self.times = sim, (forward, backward)

    def forward(self, table):
        return Kernel.apply(self.layer(table), self.sim, *self.times) + 0 * self.large.sum()


def data_of(rows=ROWS):
    random = np.random.default_rng(0)

    def split(size):
        table = random.normal(size=(size, 4)).astype(np.float32)
        return MemorySplit(np.arange(size), {"table": table, "target": (table[:, 0] > 0).astype(np.int64)}, {})

    splits = {"train": split(rows), "validation": split(32), "test": split(64)}
    spec = {"classes": ("no", "yes"), "positive": 1}
    return Data("classification", spec, splits, Source("planted", "1", "f", "l", "u"))


def network(sim, collate=stack, **times):
    return Network(Timed(sim, **times), encode=lambda raw: {"table": raw["table"]}, collate=collate)


def train(sim, *, model=None, rows=ROWS, device_columns=True, checkpoints=None, **options):
    """Return the history of a training whose columns are on the device, or on the host until a batch is moved."""
    torch.manual_seed(0)
    model, data = model or network(sim), data_of(rows)
    columns = {
        name: encoded(model, data.splits[name], device="sim" if device_columns else "cpu")
        for name in ("train", "validation")
    }
    settings = TrainOptions(**{"epochs": 6, "batch_size": BATCH, "optimizer": "sgd", **options})
    extra = {"checkpoints": checkpoints} if checkpoints is not None else {}
    return native.train(model, data, classification, settings, PLACE, lambda window: True, columns.__getitem__, **extra)


def rate(history):
    return next(metric for metric in throughput._training(history) if metric.name == "train").value


def stalled(history):
    return next(metric for metric in throughput._training(history) if metric.name == "stalled").value


def close(value):
    return pytest.approx(value, rel=0.02)


# ── what is planted is reported ─────────────────────────────────────────────────────────────────


def test_training_reports_the_planted_rate_and_seconds(sim):
    history = train(sim, rows=STEPS * BATCH, epochs=1)
    assert rate(history) == close(BATCH / STEP)
    assert history.seconds == close(STEPS * STEP)
    assert len(history.windows) >= 3
    assert stalled(history) == pytest.approx(0.0, abs=0.01)


def test_with_a_cost_for_each_kernel_the_training_lasts_as_long_as_its_kernels(sim, monkeypatch):
    sim.kernel = 5e-4
    of_training, since = [], []

    def watched(name, note):
        original = getattr(Clock, name)

        def method(clock):
            original(clock)
            note(sim.busy)

        monkeypatch.setattr(Clock, name, method)

    watched("resume", since.append)
    watched("pause", lambda busy: of_training.append(busy - since[-1]))
    history = train(sim, model=network(sim, forward=0.0, backward=0.0))
    assert sum(of_training) > 100 * sim.kernel
    assert history.seconds == close(sum(of_training))
    assert sum(of_training) < 0.95 * sim.busy, "the validation has kernels too, which are no part of it"


def waiting(sim, seconds):
    """Return a collation during which the host works for a planted time."""

    def collate(columns):
        sim.work(seconds)
        return stack(columns)

    return collate


@pytest.mark.parametrize("seconds", [0.002, 0.005, 0.02, 0.05])
def test_an_accelerator_is_stalled_only_when_it_has_nothing_else_to_do(sim, seconds):
    """Columns are on the device, so the host prepares a batch while the device still computes the one before."""
    history = train(sim, model=network(sim, waiting(sim, seconds)), rows=STEPS * BATCH, epochs=1)
    lasts = max(STEP, seconds)
    assert rate(history) == close(BATCH / lasts)
    assert stalled(history) == pytest.approx(max(0.0, seconds - STEP) / lasts, abs=0.01)


def test_a_batch_that_is_copied_from_the_host_stalls_the_device_for_the_copy(sim):
    """The host works while the device still computes; the copies, of the table and of the targets, come after it."""
    sim.copy = 0.001
    model = network(sim, waiting(sim, 0.003))
    history = train(sim, model=model, rows=STEPS * BATCH, epochs=1, device_columns=False)
    lasts = STEP + 2 * sim.copy
    assert rate(history) == close(BATCH / lasts)
    assert stalled(history) == pytest.approx(2 * sim.copy / lasts, abs=0.01)


@pytest.mark.parametrize("pinned", [True, False])
def test_the_host_prepares_the_next_batch_during_a_copy_from_pinned_memory_only(sim, monkeypatch, pinned):
    """The host needs longer than the step, and the step with its copies needs longer than the host.

    At the end of a window of 64 steps the host waits, so the device waits for the next batch once: 0.014 of the window.
    """
    sim.copy, host = 0.001, STEP + 0.001
    monkeypatch.setattr(torch.sim, "pins_memory", pinned)
    history = train(sim, model=network(sim, waiting(sim, host)), rows=STEPS * BATCH, epochs=1, device_columns=False)
    idle = 2 * sim.copy if pinned else host + 2 * sim.copy - STEP
    assert rate(history) == close(BATCH / (STEP + idle))
    assert stalled(history) == pytest.approx(idle / (STEP + idle), abs=0.02)


def test_the_seconds_to_a_target_are_the_planted_ones_of_its_epochs(sim):
    history = train(sim, target={"quality/accuracy": 0.9}, learning_rate=0.5, epochs=30)
    assert history.target["reached"]
    trained = SimpleNamespace(history=history, network=object())
    (seconds, epochs, _) = target_probe.probe(trained, None)
    assert seconds.value == close(epochs.value * ROWS / BATCH * STEP)


# Both wait by reading a loss, so they are none of the calls of `devices.synchronize` below.


def test_the_time_to_the_first_step_ends_when_the_device_has_done_it(sim):
    assert train(sim, epochs=1).first_step_seconds == close(STEP)


def test_a_loop_by_hand_has_the_planted_rate(sim):
    model, data = network(sim), data_of(320)
    columns = encoded(model, data.splits["train"], device="sim")
    trained = SimpleNamespace(placement=PLACE, encoded=lambda split: columns, data=data, problem=classification)
    options = {"epochs": 1, "batch_size": BATCH, "optimizer": "sgd"}
    rates = overhead.rates_by_hand(trained, model, options, seconds=1.2)
    assert len(rates) >= 10
    assert np.median(rates) == close(BATCH / STEP)
    (rate,) = overhead.rates_by_hand(trained, model, options, seconds=0.0)
    assert rate == close(BATCH / STEP)


class Saved:
    """A place for checkpoints that notes when each was saved."""

    def __init__(self, sim, seconds):
        self.sim, self.seconds, self.times = sim, seconds, []

    def save(self, content):
        self.times.append(self.sim.host)
        self.sim.work(self.seconds)

    def load(self):
        return None


def test_checkpoints_are_saved_at_their_interval_and_cost_no_training_time(sim):
    saved = Saved(sim, seconds=0.7)
    model = network(sim, forward=10 * FORWARD, backward=10 * BACKWARD)
    history = train(sim, model=model, epochs=15, checkpoint="2s", checkpoints=saved)
    assert history.seconds == close(15 * ROWS / BATCH * 10 * STEP)
    gaps = np.diff(saved.times)
    assert len(gaps) >= 3
    # The interval begins when the saving has ended, and the first window that ends after it is followed by the next.
    assert all(2.0 + 0.7 <= gap <= 2.0 + 0.7 + MAX_WINDOW_SECONDS for gap in gaps)


def trained_cell(sim, data, model):
    """Return what `throughput` asks of a cell."""
    from functools import partial

    from bench_suite.contracts import Evaluation
    from bench_suite.training.prediction import prepare_prediction

    columns = encoded(model, data.splits["test"], device="sim")
    predict = partial(prepare_prediction, model, classification, columns, Evaluation(32, data.spec, None), PLACE)
    return SimpleNamespace(
        data=data, network=model, placement=PLACE, history=None, meter=None,
        inference=lambda split, rows: predict(rows=rows),
    )  # fmt: skip


def test_inference_and_latency_report_the_planted_times(sim):
    data, model = data_of(), network(sim)
    metrics = list(throughput._measure(trained_cell(sim, data, model), throughput.Options((1, 64), seconds=0.5)))
    by_name = {(metric.name, metric.at.get("batch_size")): metric.value for metric in metrics}
    assert by_name["inference", 1] == close(1 / FORWARD)
    assert by_name["inference", 64] == close(64 / FORWARD)
    for percentile in ("p50", "p95", "p99"):
        assert by_name[f"latency_{percentile}", None] == close(1000 * FORWARD)


def test_the_slowest_call_in_a_thousand_is_known_from_a_thousand_calls(sim):
    calls = [0]

    def call():
        calls[0] += 1
        sim.enqueue(0.100 if calls[0] % 200 == 0 else 0.001)

    cell = SimpleNamespace(
        data=SimpleNamespace(splits={"test": range(16)}), placement=PLACE, inference=lambda split, rows: call
    )

    def measured(seconds):
        return {metric.name: metric for metric in throughput._latency(cell, throughput.Allowance(seconds, np.inf))}

    few = measured(0.5)["latency_p999"]
    assert few.value is None
    assert few.reason.startswith("one call in a thousand is seen in 1,000 calls or more, and there were")
    many = measured(20.0)
    assert many["latency_p999"].value == close(100.0)
    assert many["latency_p50"].value == close(1.0)
    assert len(many["latency_p999"].samples) == throughput.BLOCKS


class Growing(nn.Module):
    """A linear model whose passes take a planted time for a call and one for each example, and 1 MiB for each."""

    def __init__(self, sim):
        super().__init__()
        self.layer, self.sim = nn.Linear(4, 2), sim

    def forward(self, table):
        rows = len(table)
        held = torch.empty(rows, 1 << 18, device=table.device)
        assert held.shape[0] == rows
        return Kernel.apply(self.layer(table), self.sim, *(passes * _pass(rows) for passes in (1, 2)))


def _pass(rows):
    """Return the planted seconds of a forward pass; a backward pass takes twice as long."""
    return 0.05 + 0.001 * rows


def batch_sizes(sim, monkeypatch, **options):
    """Return the metrics of the probe `batch_size` by name and coordinates, and the network that it measured."""
    rate = peaks.Peak(1e9, (1e9,), 1, "sim", "32-true", 1)
    monkeypatch.setattr(peaks, "peak", lambda *arguments, **named: rate)
    data = data_of()
    model = Network(Growing(sim).to("sim"), encode=lambda raw: {"table": raw["table"]}, collate=stack)
    cell = trained_cell(sim, data, model)
    columns = {name: encoded(model, data.splits[name], device="sim") for name in ("train", "test")}
    cell.encoded, cell.problem = columns.__getitem__, classification
    cell.options = {"train": vars(TrainOptions(optimizer="sgd"))}
    sim.wait()
    items = list(batch_size.probe(cell, batch_size.Options(**options)))
    metrics = (item for item in items if not hasattr(item, "caption"))
    return {(metric.name, *metric.at.values()): metric for metric in metrics}, model


def test_batch_sizes_have_the_planted_rates_until_the_memory_of_the_device_ends(sim, monkeypatch):
    simulated_memory = sys.modules["simulated_device"].Memory
    simulated_memory.capacity = simulated_memory.now + (40 << 20)
    metrics, model = batch_sizes(sim, monkeypatch, budget=1000.0)
    assert {parameter.device.type for parameter in model.module.parameters()} == {"sim"}
    for phase, passes, flops in (("inference", 1, 16), ("train", 3, 32)):
        for size in (1, 2, 4, 8, 16, 32):
            metric = metrics[phase, size]
            assert metric.value == close(size / (passes * _pass(size)))
            assert len(metric.samples) >= batch_size.BLOCKS
            assert metrics[f"{phase}_memory", size].value == pytest.approx(size, abs=0.1)
        assert (phase, 64) not in metrics
        assert metrics[f"{phase}_end", "memory"].value == 64
        assert [metrics[f"{phase}_{name}",].value for name in ("largest", "fastest")] == [32, 32]
        assert metrics[phase,].value == metrics[phase, 32].value
        assert metrics[f"{phase}_utilisation",].value == pytest.approx(flops * metrics[phase, 32].value / 1e9)


def test_batch_sizes_end_at_their_maximum_and_when_no_time_is_left(sim, monkeypatch):
    metrics, _ = batch_sizes(sim, monkeypatch, phases=("train",), start=3, maximum=20, budget=1000.0)
    assert metrics["train_end", "maximum"].value == 24
    assert [size for name, *at in metrics if name == "train" for size in at] == [3, 6, 12]
    began = sim.host
    metrics, _ = batch_sizes(sim, monkeypatch, phases=("train",), seconds=1.0, budget=5.0)
    assert metrics["train_end", "budget"].value == 8
    assert sim.host - began <= 5.0
    metrics, _ = batch_sizes(sim, monkeypatch, phases=("inference",), budget=0.0)
    assert metrics["inference_end", "budget"].value == 2, "the first size is measured in any case"


# ── energy ──────────────────────────────────────────────────────────────────────────────────────

IDLE, ACTIVE = 40.0, 260.0
"Watts of the device at any time, and what it uses beyond them while it works."


class Sensor:
    """A counter that follows the device: it counts what has been done by the time of the host."""

    has_counter = True

    def __init__(self, sim):
        self.sim = sim

    def joules(self):
        done = self.sim.busy - max(0.0, self.sim.queue - self.sim.host)
        return ACTIVE * done + IDLE * self.sim.host

    def close(self):
        pass


@pytest.fixture
def metered(sim, monkeypatch, tmp_path):
    """The simulation with an energy counter, on a machine whose processor has none."""
    monkeypatch.setattr(device_health, "energy_sensor", lambda kind, index=None: Sensor(sim))
    monkeypatch.setattr(powercap, "ROOT", tmp_path / "none")
    return sim


def joules_between(before, sim):
    host, busy = before
    return ACTIVE * (sim.busy - busy) + IDLE * (sim.host - host)


def test_the_joules_of_a_training_are_the_planted_ones(metered):
    metered.wait()
    before = metered.host, metered.busy
    with energy.during(PLACE, energy.Options(idle_seconds=0.0)) as training:
        history = train(metered, epochs=3)
    planted = joules_between(before, metered)
    rows = {(metric.name, *metric.at.values()): metric for metric in energy.of_training(training)}
    assert planted > (ACTIVE + IDLE) * history.seconds
    assert rows["training", "accelerator"].value == pytest.approx(planted, rel=1e-4)
    assert ("training",) not in rows, "the processor has no counter, so there is no sum"
    assert "does not exist" in rows["training", "cpu"].reason


def test_the_watt_hours_of_predictions_are_the_planted_ones(metered):
    data, model = data_of(), network(metered)
    options = energy.Options(batch_size=64, blocks=3, seconds=0.5)
    cell = trained_cell(metered, data, model)
    metrics = {(metric.name, *metric.at.values()): metric for metric in energy.probe(cell, options)}
    inference = metrics["inference", "accelerator"]
    assert inference.value == close((ACTIVE + IDLE) * FORWARD / 64 * 1000 / 3600)
    assert len(inference.samples) == 3
    assert metrics["inference_power", "accelerator"].value == close(ACTIVE + IDLE)


# ── forgetting to wait is noticed ───────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Site:
    """A call of `devices.synchronize`: where it is, and a measurement that is wrong without it."""

    function: str
    "Name of the module and of the function that calls it."
    measure: Callable[[Any], Any]
    "Returns what was measured."
    planted: Any
    "What it should be."


def _patience(sim):
    """Train with a copy of the weights after each epoch, which is queued and which nobody reads."""
    sim.costs = {"clone": 0.5}
    return train(sim, device_columns=False, patience=50, epochs=6, optimizer="adamw").seconds


def _short_epochs(sim):
    """Train in epochs that are shorter than a window, so that only pauses end them."""
    torch.manual_seed(0)
    model, data = network(sim), data_of(BATCH)
    columns = {name: encoded(model, data.splits[name], device="sim") for name in ("train", "validation")}
    history = native.train(
        model, data, classification, TrainOptions(epochs=3, batch_size=BATCH), PLACE, lambda window: True,
        columns.__getitem__,
    )  # fmt: skip
    return history.seconds


def _leaving(sim, seconds=0.001):
    """Return a call that queues work and does not wait for it."""
    return lambda: sim.enqueue(seconds)


def _inference(sim):
    """Measure calls of 3 ms that the host queues in 0.5 ms each."""

    def call():
        sim.work(0.0005)
        sim.enqueue(0.003)

    return throughput._rate("inference", call, 1, throughput.Allowance(0.5, np.inf), device="sim").value


def _latency(sim):
    cell = SimpleNamespace(
        data=SimpleNamespace(splits={"test": range(16)}), placement=PLACE,
        inference=lambda split, rows: _leaving(sim),
    )  # fmt: skip
    metrics = {m.name: m.value for m in throughput._latency(cell, throughput.Allowance(0.5, np.inf))}
    return metrics["latency_p50"]


def _faster(sim):
    """Return the precision that is measured as the faster one; a convolution in bfloat16 takes a fifth of the time."""
    precision._measure_fastest.cache_clear()
    sim.kernel = 1e-5
    planted = lambda image, *others: 0.010 if image.dtype == torch.float32 else 0.002  # noqa: E731 - one line says it
    sim.costs = dict.fromkeys(("convolution", "convolution_backward"), planted)
    try:
        return precision.fastest_precision("sim", 1)
    finally:
        precision._measure_fastest.cache_clear()


def _attribution(sim):
    inputs = SimpleNamespace(values=torch.zeros(2, device="sim"))
    original = evaluation.attribute
    evaluation.attribute = lambda *arguments: sim.enqueue(0.010)
    try:
        sim.enqueue(0.5)  # work of the part before, whose result nobody has read
        return evaluation._attribute_with_time(None, None, inputs, None)[1]
    finally:
        evaluation.attribute = original


class Examples:
    """Inputs of four examples for attributions."""

    values = None

    def __init__(self, device):
        self.values = torch.zeros(4, device=device)

    def __len__(self):
        return 4

    def at(self, rows):
        return self


def _forward(sim):
    subject = SimpleNamespace(logits=lambda inputs: sim.enqueue(0.010))
    return evaluation._forward_seconds(subject, Examples("sim"), SimpleNamespace(rows=1))


def _energy(sim):
    """Measure the joules of 10 ms of work, beside work of before that the device has not done yet."""
    meter = EnergyMeter([Counter("accelerator", "counter", Sensor(sim).joules)], {}, "sim")
    sim.enqueue(0.5)
    before = meter.read()
    sim.enqueue(0.010)
    (spent,) = meter.between(before, meter.read())
    return spent.joules


def _timed_work(sim):
    worker = Worker.__new__(Worker)
    worker._device = "sim"
    return worker._seconds(_leaving(sim, 0.002))


SITES = (
    Site("ab/timed_work:_clocks", _timed_work, 0.002),
    Site("training/clock:resume", _patience, 6 * ROWS / BATCH * STEP),
    Site("training/clock:pause", _short_epochs, 3 * STEP),
    Site("training/clock:step", lambda sim: rate(train(sim, rows=STEPS * BATCH, epochs=1)), BATCH / STEP),
    Site("training/precision:_measure_fastest", _faster, "bf16-mixed"),
    Site("training/peaks:_measure_windows", lambda sim: _peak(sim, 0.002), 1 / 0.002),
    Site("training/peaks:_seconds", lambda sim: peaks._seconds(_leaving(sim, 0.002), "sim"), 0.002),
    Site("probes/batch_size:_block", lambda sim: batch_size._block(_leaving(sim, 0.002), 1, "sim"), 0.002),
    Site("probes/energy/meter:read", _energy, (ACTIVE + IDLE) * 0.010),
    Site("probes/throughput:_window", _inference, 1 / 0.003),
    Site("probes/throughput:_timed", _latency, 1.0),
    Site("probes/attribution/evaluation:_attribute_with_time:0", _attribution, 0.010),
    Site("probes/attribution/evaluation:_attribute_with_time:1", _attribution, 0.010),
    Site("probes/attribution/evaluation:_forward_seconds", _forward, 0.040),
)


def _peak(sim, seconds):
    windows = peaks._measure_windows(_leaving(sim, seconds), "sim", 5)
    return max(calls / passed for calls, passed in windows)


@cache
def synchronisations():
    """Return the calls of `devices.synchronize` by `MODULE:FUNCTION`, with a number if a function has several."""
    calls = {}
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text if "synchronize" in text else "")
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                lines = [
                    node.lineno
                    for node in ast.walk(function)
                    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("synchronize")
                ]
                name = f"{path.relative_to(PACKAGE).with_suffix('').as_posix()}:{function.name}"
                keys = [name] if len(lines) == 1 else [f"{name}:{number}" for number in range(len(lines))]
                calls |= {key: (path, line) for key, line in zip(keys, sorted(lines))}
    return {key: location for key, location in calls.items() if not key.startswith("training/devices:")}


def test_every_synchronisation_has_a_measurement_that_needs_it():
    assert {site.function for site in SITES} == set(synchronisations())


@contextmanager
def without(site, monkeypatch):
    """Let one call of `devices.synchronize` do nothing, which its line identifies."""
    import inspect

    path, line = synchronisations()[site.function]
    real = devices.synchronize

    def synchronize(kind):
        caller = inspect.currentframe().f_back
        if (Path(caller.f_code.co_filename), caller.f_lineno) != (path, line):
            real(kind)

    with monkeypatch.context() as patched:
        patched.setattr(devices, "synchronize", synchronize)
        yield


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.function)
def test_a_measurement_is_right_and_wrong_without_its_synchronisation(site, sim, monkeypatch):
    right = site.planted if isinstance(site.planted, str) else close(site.planted)
    assert site.measure(sim) == right
    sim.reset()
    with without(site, monkeypatch):
        try:
            measured = site.measure(sim)
        except RuntimeError as error:  # time between two events that the device has not reached
            assert "not reached yet" in str(error)  # noqa: PT017 - either way it is noticed
        else:
            assert measured != right
