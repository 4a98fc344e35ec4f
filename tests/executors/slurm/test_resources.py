"""Units that need the same form an array."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from bench_suite.executors.slurm import Options
from bench_suite.executors.slurm.cluster import parameters
from bench_suite.executors.slurm.resources import Resources, by_resources
from bench_suite.suite.plan import Cell, Unit


def unit(id: str, *threads: object) -> Unit:
    return Unit(id, tuple(cast(Cell, SimpleNamespace(threads=count, devices=1, device="cpu")) for count in threads))


def test_cpus_are_the_most_threads_of_a_unit_and_timed_units_are_apart() -> None:
    units = [unit("a", 1), unit("b", 1, 4), unit("c", "auto"), unit("d", 1), unit("e", 1)]
    grouped = by_resources(units, frozenset({"e"}))
    assert {resources: [one.id for one in group] for resources, group in grouped.items()} == {
        Resources(1, False): ["a", "d"],
        Resources(4, False): ["b"],
        Resources(None, False): ["c"],
        Resources(1, True): ["e"],
    }
    assert str(Resources(1, True)) == "1 CPU, each alone on its node, since its training is timed"


def test_a_training_on_several_gpus_asks_for_them_and_for_the_cpus_of_all() -> None:
    cell = cast(Cell, SimpleNamespace(threads=2, devices=4, device="cuda"))
    (resources,) = by_resources([Unit("a", (cell,))], frozenset())
    assert resources == Resources(8, False, 4)
    assert str(resources) == "8 CPUs and 4 GPUs"
    assert parameters(Options(), resources)["gpus_per_node"] == 4
    assert parameters(Options(gpus=8), resources)["gpus_per_node"] == 8, "the user's own number"
