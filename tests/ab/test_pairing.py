"""Which cells are timed, and which belong together."""

from __future__ import annotations

from bench_suite.ab.pairing import PlannedCell, pair_cells, timed_cells


def cell(name: str, id: str = "", **more) -> PlannedCell:
    facts = {
        "unit": name, "labels": (("model", name),), "threads": 1, "devices": 1, "throughput": False, "timed": False,
        "trained": True, **more,
    }  # fmt: skip
    return PlannedCell(id=id or name, name=name, **facts)


def test_cells_pair_by_identity_and_then_by_name():
    base, head = [cell("a", "1"), cell("b", "2")], [cell("b", "3"), cell("renamed", "1")]
    pairing = pair_cells(base, head, options_differ=False)
    assert [(pair.base.name, pair.head.name) for pair in pairing.pairs] == [("a", "renamed"), ("b", "b")]
    assert (pairing.only_base, pairing.only_head) == ((), ())


def test_a_cell_of_one_side_only_is_named():
    pairing = pair_cells([cell("a"), cell("old")], [cell("a"), cell("new")], options_differ=False)
    assert (pairing.only_base, pairing.only_head) == (("old",), ("new",))


def test_cells_pair_by_position_if_the_options_differ():
    pairing = pair_cells([cell("threads 1")], [cell("threads 2")], options_differ=True)
    assert len(pairing.pairs) == 1
    assert pair_cells([cell("threads 1")], [cell("threads 2")], options_differ=False).pairs == ()


def test_a_cell_on_several_devices_is_not_timed():
    pairing = pair_cells([cell("a", devices=2)], [cell("a", devices=2)], options_differ=False)
    assert pairing.pairs == ()
    assert pairing.several_devices == ("a",)


def test_an_evaluated_cell_has_no_training_to_time():
    pairing = pair_cells([cell("a", trained=False)], [cell("a")], options_differ=False)
    assert pairing.pairs[0].timings == ("predict",)


def test_throughput_chooses_then_any_timing_then_all():
    plain, timed, measured = cell("plain"), cell("timed", timed=True), cell("measured", throughput=True)
    assert timed_cells([plain, timed, measured]) == [measured]
    assert timed_cells([plain, timed]) == [timed]
    assert timed_cells([plain]) == [plain]


def test_one_seed_stands_for_all_and_one_cell_for_a_training():
    seeds = [cell(f"a, seed {seed}", labels=(("model", "a"), ("seed", str(seed)))) for seed in range(3)]
    assert timed_cells(seeds) == seeds[:1]
    shared = [cell("a, fp32", unit="u", labels=(("p", "32"),)), cell("a, fp16", unit="u", labels=(("p", "16"),))]
    assert timed_cells(shared) == shared[:1]


def test_cells_of_one_name_are_told_apart_by_their_identity():
    cells = [cell("a", "1", unit="1"), cell("a", "2", unit="2")]
    names = [pair.name for pair in pair_cells(cells, cells, options_differ=False).pairs]
    assert names == ["a (1)", "a (2)"]
