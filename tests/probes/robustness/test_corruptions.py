"""Corruptions by modality: which of them apply, and that a change keeps everything but the inputs."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.components import discovery
from bench_suite.probes.robustness.corruptions import NAMES, Examples
from bench_suite.probes.robustness.invariance import NAMES as FORMS

RAW = {
    "image": np.random.default_rng(0).integers(0, 256, (6, 12, 12, 3)).astype(np.uint8),
    "text": [f"a good film number {number}, isn't it" for number in range(6)],
    "table": np.random.default_rng(0).standard_normal((6, 3)),
}


@pytest.fixture
def cells(rule_cell):
    target = np.arange(6) % 2
    return {kind: rule_cell({kind: values, "target": target}, len) for kind, values in RAW.items()}


@pytest.mark.parametrize("modality", RAW)
def test_a_change_keeps_rows_and_targets(cells, modality):
    examples = Examples.of(cells[modality].data)
    assert examples.modality == modality
    raw = {modality: RAW[modality], "target": np.arange(6) % 2}
    for name in NAMES[modality]:
        changed = examples.change(name, 5)(raw)
        assert set(changed) == set(raw)
        assert changed["target"] is raw["target"]
        assert len(changed[modality]) == 6
        assert np.shape(changed[modality]) == np.shape(raw[modality])
    assert isinstance(RAW["text"], list)


def test_the_chosen_ones_are_those_of_the_modality_in_the_order_of_reports(cells):
    examples = Examples.of(cells["image"].data)
    assert examples.names("all") == NAMES["image"]
    assert examples.names("none") == ()
    assert examples.names(("jpeg", "typos", "blur")) == ("blur", "jpeg")


def test_images_of_other_channels_and_other_examples_have_a_reason(rule_cell):
    raw = {"image": np.zeros((4, 8, 8, 4), dtype=np.uint8), "target": np.arange(4) % 2}
    assert "4 channels" in Examples.of(rule_cell(raw, len).data)
    assert "neither" in Examples.of(rule_cell({"sound": np.zeros((4, 8)), "target": np.arange(4) % 2}, len).data)


def test_the_facts_of_the_probe_name_every_corruption_and_form_with_its_modality(tmp_path):
    probe = discovery.find("probes", "robustness", tmp_path)
    for option, by_modality in (("corruptions", NAMES), ("forms", FORMS)):
        known = {name: (f"{modality}s",) for modality, names in by_modality.items() for name in names}
        assert probe.facts["NEEDS_BY"][option] == known
        for name in known:
            assert probe.options[option].accept([name]) == (name,)
