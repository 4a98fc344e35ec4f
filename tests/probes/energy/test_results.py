"""Claims about the metrics: units, sums, emissions, and reasons."""

from __future__ import annotations

import pytest

from bench_suite.probes.energy.meter import Spent
from bench_suite.probes.energy.results import Block, Training, of_blocks, of_training, together


def by_key(metrics):
    return {(metric.name, *metric.at.values()): metric for metric in metrics}


GPU, CPU = Spent("accelerator", 900.0, 3.0, "counter"), Spent("cpu", 300.0, 3.0, "counter")
IDLE = (Spent("accelerator", 60.0, 1.0, "counter"), Spent("cpu", 20.0, 1.0, "counter"))


def test_the_energy_of_a_training_is_the_sum_and_that_of_each_kind_of_hardware():
    metrics = by_key(of_training(Training((GPU, CPU), IDLE)))
    assert metrics["training",].value == 1200.0
    assert metrics["training", "accelerator"].value == 900.0
    assert metrics["training", "cpu"].value == 300.0
    assert metrics["training_power",].value == 400.0
    assert metrics["idle_power",].value == 80.0
    assert metrics["training",].kind == "single"
    assert metrics["training",].reason == (
        "accelerator + cpu, of the whole machine: other programs and idling are included"
    )
    assert not any(name == "emissions" for name, *_ in metrics)


def test_emissions_are_the_stated_intensity_times_the_energy():
    metrics = by_key(of_training(Training((Spent("cpu", 3.6e6, 3600.0, "counter"),)), 400.0))
    assert metrics["emissions",].value == pytest.approx(400.0), "1 kWh"
    assert metrics["emissions", "cpu"].value == pytest.approx(400.0)
    assert by_key(of_training(Training((CPU,)), 0.0))["emissions",].value == 0.0, "0 was stated, so it is no guess"


def test_with_an_unknown_part_there_is_no_sum_and_the_known_part_stays():
    lost = Spent("cpu", None, 3.0, None, "only the administrator may read it")
    metrics = by_key(of_training(Training((GPU, lost)), 400.0))
    for name in ("training", "training_power", "emissions"):
        assert (name,) not in metrics
        assert metrics[name, "cpu"].value is None
        assert metrics[name, "cpu"].reason == "only the administrator may read it"
        assert metrics[name, "accelerator"].value > 0


def test_if_nothing_is_known_there_is_one_reason_for_each_energy():
    lost = (Spent("accelerator", None, 3.0, None, "no counter"), Spent("cpu", None, 3.0, None, "no file"))
    training, blocks = list(of_training(Training(lost, lost), 400.0)), list(of_blocks([Block(0, lost)], 400.0))
    assert [metric.name for metric in training + blocks] == [
        "training", "emissions", "inference", "inference_emissions",
    ]  # fmt: skip
    assert {metric.reason for metric in training + blocks} == {"accelerator: no counter; cpu: no file"}
    assert not any(metric.at for metric in training + blocks)


def test_sampled_power_is_a_coordinate_of_the_part_and_of_the_sum():
    sampled = Spent("accelerator", 900.0, 3.0, "sampled power")
    rows = [dict(metric.at) for metric in of_training(Training((sampled, CPU))) if metric.name == "training"]
    assert rows == [
        {"method": "sampled power"}, {"hardware": "accelerator", "method": "sampled power"}, {"hardware": "cpu"},
    ]  # fmt: skip
    assert together((GPU, CPU)).method == "counter"


def test_watt_hours_are_of_a_thousand_predictions_over_all_blocks():
    """36 J for 50 predictions are 720 J, or 0.2 Wh, for a thousand."""
    blocks = [Block(50, (Spent("cpu", 36.0, 1.0, "counter"),)), Block(100, (Spent("cpu", 144.0, 2.0, "counter"),))]
    metrics = by_key(of_blocks(blocks, 500.0))
    for key in (("inference",), ("inference", "cpu")):
        assert metrics[key].value == pytest.approx(1000 / 150 * 180 / 3600)
        assert metrics[key].samples == pytest.approx((0.2, 0.4))
        assert metrics[key].n == 150
        assert metrics[key].kind == "estimate"
    assert metrics["inference_power",].value == pytest.approx(60.0)
    assert metrics["inference_emissions",].value == pytest.approx(metrics["inference",].value / 1000 * 500)


def test_a_block_without_an_energy_makes_the_mean_unknown():
    short = Spent("cpu", None, 0.01, "counter", "its counter did not move in 0.01 s, which is too short for it")
    metrics = by_key(of_blocks([Block(50, (CPU,)), Block(50, (short,))]))
    assert set(metrics) == {("inference",)}
    assert metrics["inference",].value is None
    assert metrics["inference",].reason == f"cpu: {short.reason}"
    blocks = [Block(50, (GPU, CPU)), Block(50, (GPU, short))]
    metrics = by_key(of_blocks(blocks))
    assert set(metrics) == {
        (name, part) for name in ("inference", "inference_power") for part in ("accelerator", "cpu")
    }
    assert metrics["inference", "cpu"].reason == short.reason
    assert metrics["inference", "accelerator"].samples == pytest.approx((5.0, 5.0))


def test_every_metric_is_stated():
    from bench_suite.probes import energy

    names = {metric.name for metric in of_training(Training((CPU,), IDLE), 1.0)}
    names |= {metric.name for metric in of_blocks([Block(1, (CPU,))], 1.0)}
    assert names == set(energy.METRICS)
