"""Claims about the probe: planted joules of a training and of predictions come out, and without a counter a reason."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import bench_suite
from bench_suite.contracts import Placement
from bench_suite.probes import energy
from bench_suite.suite.document import SuiteError

PLACE = Placement("cpu", 1, "32-true")


def by_key(metrics):
    return {(metric.name, *metric.at.values()): metric for metric in metrics}


@pytest.fixture
def machine(tree, clock, monkeypatch):
    """A machine with one package, which uses 10 W when it idles; `machine(seconds, watts)` works."""
    tree.add("intel-rapl:0", "package-0")

    def work(seconds, watts=10.0):
        clock.now += seconds
        tree.spend("intel-rapl:0", seconds * watts)

    monkeypatch.setattr(energy.devices, "sleep", work)
    return work


def test_training_and_idling_are_measured_apart(machine):
    with energy.during(PLACE, energy.Options(idle_seconds=2.0)) as training:
        machine(20.0, 60.0)
    metrics = by_key(energy.of_training(training))
    assert metrics["training",].value == pytest.approx(1200.0)
    assert metrics["training_power",].value == pytest.approx(60.0)
    assert metrics["idle_power",].value == pytest.approx(10.0)
    with energy.during(PLACE, energy.Options(idle_seconds=0.0)) as training:
        machine(1.0)
    assert not any(metric.name == "idle_power" for metric in energy.of_training(training))


def test_predictions_have_the_planted_energy(machine, written):
    """Each call takes a 64th of a second at 64 W: 1 J for 64 predictions."""
    trained = written({"test": {"targets": np.zeros(128)}})
    trained.inference = lambda split, rows: lambda: machine(1 / 64, 64.0)
    shown = []
    trained.on_progress = shown.append
    metrics = by_key(energy.probe(trained, energy.Options()))
    assert metrics["training",].reason == "nothing was trained here"
    inference = metrics["inference",]
    assert inference.value == pytest.approx(1000 / 64 / 3600, rel=1e-6)
    assert len(inference.samples) == 5
    assert inference.n == 5 * 64 * 64
    assert shown[-1] == "energy of predictions, block 5 of 5"


def test_a_small_test_split_is_predicted_as_a_whole(machine, written):
    trained, sizes = written({"test": {"targets": np.zeros(10)}}), []

    def inference(split, rows):
        sizes.append(len(rows))
        return lambda: machine(0.02, 50.0)

    trained.inference = inference
    metrics = by_key(energy.probe(trained, energy.Options(blocks=2, seconds=0.0)))
    assert sizes == [10]
    assert metrics["inference",].n == 20


def test_without_a_counter_nothing_is_predicted_and_the_reasons_are_given(tree, written):
    trained = written({"test": {"targets": np.zeros(10)}})
    trained.inference = lambda split, rows: pytest.fail("predictions cost time, and nothing measures them")
    with energy.during(PLACE, energy.Options()) as training:
        pass
    trained.meter = training
    metrics = by_key(energy.probe(trained, energy.Options(grams_per_kilowatt_hour=300.0)))
    for name in ("training", "inference", "emissions", "inference_emissions"):
        assert metrics[name,].value is None
        assert "shows no package of the processor" in metrics[name,].reason


def test_an_intensity_in_kilograms_is_refused_before_anything_is_trained(tmp_path):
    suite = tmp_path / "suite.toml"
    suite.write_text(
        '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[probes.energy]\ngrams_per_kilowatt_hour = 0.38\n'
    )
    with pytest.raises(SuiteError, match=r"0\.38 g/kWh is less than any power plant emits; .*, state 380"):
        bench_suite.run(suite, results=tmp_path / "results")
    energy.check(energy.Options(grams_per_kilowatt_hour=0.0))
    energy.check(energy.Options(grams_per_kilowatt_hour=30.0))


def test_an_error_of_the_training_passes_through_the_meter(machine):
    with pytest.raises(ZeroDivisionError), energy.during(PLACE, energy.Options()):
        raise ZeroDivisionError


@pytest.mark.parametrize("model", ["mlp", "logistic_regression"])
def test_a_network_and_an_estimator_are_measured_in_a_run(tmp_path, tree, model, monkeypatch):
    """The counter of the tree stands still, so what is measured has the reason of a counter that does not move."""
    tree.add("intel-rapl:0", "package-0")
    suite = tmp_path / "suite.toml"
    suite.write_text(
        f'[[tasks]]\nuse = "breast_cancer"\n[[models]]\nuse = "{model}"\n[train]\nepochs = 1\n[matrix]\nthreads = 1\n'
        "[probes.energy]\nseconds = 0.01\nblocks = 2\nidle_seconds = 0.01\ngrams_per_kilowatt_hour = 50.0\n"
    )
    (record,) = bench_suite.run(suite, results=tmp_path / "results").records
    assert record.probes["energy"].status == "ok", record.probes
    rows = {row.name: row for row in record.metrics if not row.at}
    assert set(rows) == {f"energy/{name}" for name in ("training", "emissions", "inference", "inference_emissions")}
    assert all("did not move" in row.reason for row in rows.values())


@pytest.fixture
def burning(tree):
    """A package that uses 50 W of real time, as long as the test runs."""
    tree.add("intel-rapl:0", "package-0")
    ended, began = threading.Event(), time.perf_counter()

    def burn():
        spent = 0.0
        while not ended.wait(0.002):
            joules = 50.0 * (time.perf_counter() - began)
            tree.spend("intel-rapl:0", joules - spent)
            spent = joules

    thread = threading.Thread(target=burn, daemon=True)
    thread.start()
    yield
    ended.set()
    thread.join()


def test_a_run_reports_a_constant_power_while_it_idles_trains_and_predicts(tmp_path, burning):
    """The bounds allow for a thread of the test that is late on a busy machine."""
    suite = tmp_path / "suite.toml"
    suite.write_text(
        '[[tasks]]\nuse = "breast_cancer"\n[[models]]\nuse = "mlp"\n[train]\nepochs = 60\n[matrix]\nthreads = 1\n'
        "[probes.energy]\nseconds = 0.3\nblocks = 2\nidle_seconds = 0.5\n"
    )
    (record,) = bench_suite.run(suite, results=tmp_path / "results").records
    rows = {row.name.removeprefix("energy/"): row for row in record.metrics if not row.at}
    for name in ("idle_power", "training_power", "inference_power"):
        assert rows[name].value == pytest.approx(50.0, rel=0.3), name
    assert rows["training"].value == pytest.approx(50.0 * record.seconds["train"], rel=0.8)
    assert rows["training"].timing
    assert len(rows["inference"].samples) == 2
