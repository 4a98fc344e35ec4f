"""Drawings: the caption names each omitted part of a text, a table or the list of methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Artifact, Data, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.probes.attribution import artifacts, pictures
from bench_suite.probes.attribution.adapters import explanation_mode
from bench_suite.probes.attribution.evaluation import ExplainedModel
from bench_suite.probes.attribution.methods import MethodVariant, Settings
from bench_suite.probes.attribution.pictures import MethodTitle
from bench_suite.probes.attribution.words import CUT
from bench_suite.training.precision import move_to_placement

Draw = Callable[..., dict[str, Artifact]]
METHODS = ("integrated_gradients", "saliency", "input_x_gradient", "random", "feature_ablation")


def films(length: int) -> Data:
    """Return four texts of `length` words, all different."""
    rows = [" ".join(f"{'abcd'[row]}{number}" for number in range(length)) for row in range(4)]
    split = MemorySplit(np.arange(4), {"text": rows, "target": np.array([1, 0, 1, 0])})
    return Data(
        "classification",
        {"classes": ("bad", "good")},
        {"train": split, "test": split},
        Source("generated", "films", "0"),
    )


def table(columns: int) -> Data:
    values = np.random.default_rng(0).standard_normal((8, columns))
    split = MemorySplit(np.arange(8), {"table": values, "target": np.arange(8) % 2})
    names = tuple(f"column {number}" for number in range(columns))
    spec = {"classes": ("no", "yes"), "columns": names}
    return Data("classification", spec, {"train": split, "test": split}, Source("generated", "table", "0"))


@pytest.fixture
def draw(untaught: Callable[..., Any]) -> Draw:
    """Return `(data, model, options, methods) -> artifacts by name`, with initial weights."""

    def drawn(data: Data, model: str, options: Mapping[str, Any], methods: Sequence[str]) -> dict[str, Artifact]:
        taught = untaught(data, model, options)
        with explanation_mode(move_to_placement(taught.network.module, taught.placement)):
            task = ExplainedModel.of(taught, "mean")
            examples = artifacts.examples(
                task, list(map(MethodVariant, methods)), taught.predictions("test"), Settings(64, steps=4), 1
            )
            return {artifact.name: artifact for artifact in examples}

    return drawn


CNN = {"dimension": 4, "filters": 4}


def test_an_excerpt_has_marks_where_it_was_cut_and_the_caption_says_of_how_many_words(draw: Draw) -> None:
    by_name = draw(films(300), "text_cnn", {**CNN, "max_length": 300}, METHODS[:1])
    words = by_name["borderline-words"]
    assert (
        "an excerpt of 110 of the 300 that the network read, about the one with the greatest attribution by "
        "integrated gradients" in words.caption
    )
    assert f"{CUT} marks omitted words" in words.caption
    names = [word for word, _ in words.data]
    assert CUT in (names[0], names[-1])
    assert len([word for word in names if word != CUT]) == 110
    assert max(abs(weight) for _, weight in words.data) == pytest.approx(1.0), "the strongest of all is among them"
    assert "an excerpt of 110 of the 300 that the network read" in by_name["borderline"].caption


def test_a_text_that_is_shown_whole_has_neither_mark_nor_word_of_it(draw: Draw) -> None:
    for artifact in draw(films(20), "text_cnn", {**CNN, "max_length": 300}, METHODS[:1]).values():
        assert "excerpt" not in artifact.caption
        assert CUT not in artifact.caption
        assert artifact.kind != "text" or len(artifact.data) == 20


def test_what_the_network_was_not_given_is_marked_where_halves_were_put_together(draw: Draw) -> None:
    artifact = draw(films(50), "text_cnn", {**CNN, "max_length": 10, "keep": "ends"}, METHODS[:1])["borderline-words"]
    names = [word for word, _ in artifact.data]
    assert [name[1:] for name in names] == ["0", "1", "2", "3", "4", CUT[1:], "45", "46", "47", "48", "49"]
    assert names[5] == CUT
    assert f"{CUT} marks omitted words" in artifact.caption
    assert "excerpt" not in artifact.caption


def test_methods_that_a_page_of_words_has_no_room_for_are_named(draw: Draw) -> None:
    by_name = draw(films(20), "text_cnn", {**CNN, "max_length": 300}, METHODS)
    assert by_name["borderline"].caption.endswith("; no room for random, feature ablation")
    assert "no room" not in draw(films(20), "text_cnn", CNN, METHODS[:3])["borderline"].caption


def test_methods_and_columns_that_bars_have_no_room_for_are_told(draw: Draw) -> None:
    caption = draw(table(30), "mlp", {}, METHODS[:3])["borderline"].caption
    assert (
        ". The 12 of 30 columns with the greatest attribution by integrated gradients; "
        "no room for saliency, input x gradient" in caption
    )
    few = draw(table(12), "mlp", {}, METHODS[:1])["borderline"]
    assert len(few.data["bars"]) == 12
    assert "column" not in few.caption
    assert "no room" not in few.caption


def test_a_word_that_looks_like_the_mark_is_a_word_of_the_text() -> None:
    words = [("[…]", 1.0), ("a", 0.5), ("b", 0.5)]
    caption = artifacts._omitted_words(words, slice(0, 3), MethodTitle("saliency"))
    assert caption == ""
    assert artifacts._excerpt(words, slice(0, 2)) == [*words[:2], (CUT, 0.0)]


def test_an_excerpt_marks_each_edge_once() -> None:
    words = [(CUT, 0.0), ("a", 1.0), ("b", 0.5), ("c", 0.1), (CUT, 0.0)]
    assert artifacts._excerpt(words, slice(0, 5)) == words
    assert artifacts._excerpt(words, slice(1, 3)) == [(CUT, 0.0), ("a", 1.0), ("b", 0.5), (CUT, 0.0)]
    assert artifacts._excerpt(words, slice(0, 4)) == words
    assert pictures.heaviest([1.0] * 5, most=5) == slice(0, 5)


def mixed_table() -> Data:
    """Return a table of a date, a category in three columns, a number with a unit and a truth value."""
    random = np.random.default_rng(0)
    jobs = np.eye(3)[random.integers(0, 3, 8)]
    numbers = random.standard_normal((8, 1))
    values = np.concatenate([19_783.0 + np.arange(8)[:, None], jobs, numbers, np.ones((8, 1))], axis=1)
    split = MemorySplit(np.arange(8), {"table": values, "target": np.arange(8) % 2})
    spec = {
        "classes": ("stays", "leaves"),
        "columns": ("signed", "job=cook", "job=nurse", "job=missing", "income", "active"),
        "raw_columns": ("signed", "job", "job", "job", "income", "active"),
        "kinds": ("date", "category", "category", "category", "number", "truth value"),
        "units": {"income": "1000 $"},
    }
    return Data("classification", spec, {"train": split, "test": split}, Source("generated", "table", "0"))


def test_bars_show_dates_categories_and_units_as_a_person_wrote_them(draw: Draw) -> None:
    bars = draw(mixed_table(), "mlp", {}, METHODS[:1])["borderline"]
    names = {name.partition(" = ")[0]: name.partition(" = ")[2] for name in bars.data["bars"]}
    assert set(names) == {"signed", "job", "income", "active"}
    assert names["signed"].startswith("2024-03-")
    assert names["job"] in ("cook", "nurse", "missing")
    assert names["income"].endswith(" 1000 $")
    assert names["active"] == "yes"


def test_titles_name_the_class_and_what_the_signs_mean(draw: Draw) -> None:
    for data, model in ((mixed_table(), "mlp"), (table(4), "mlp")):
        by_name = draw(data, model, {}, METHODS[:1])
        assert by_name.pop("examples").kind == "examples"
        for artifact in by_name.values():
            predicted = artifact.caption.partition("predicted ")[2].partition(" (")[0]
            assert predicted in data.spec["classes"]
            assert artifact.data["y"] == f"integrated gradients: + for {predicted}, − against it"
            assert f". Red speaks for {predicted}, blue against it" in artifact.caption
    (magnitudes, *_) = draw(table(4), "mlp", {}, ["saliency"]).values()
    assert magnitudes.data["y"].startswith("saliency, magnitude: for or against ")
    words = draw(films(20), "text_cnn", {**CNN, "max_length": 300}, METHODS[:1])["borderline-words"]
    assert ", above 0 for " in words.caption


def test_each_drawing_states_the_id_of_its_example_and_an_image_has_a_small_map(draw: Draw) -> None:
    images, ids = np.random.default_rng(0).integers(0, 256, (6, 80, 40, 1)).astype(np.uint8), np.arange(6) * 1000
    split = MemorySplit(ids, {"image": images, "target": np.arange(6) % 2})
    spec = {"classes": ("no", "yes"), "channels": 1, "size": (80, 40), "mean": (0.5,), "std": (0.25,)}
    data = Data("classification", spec, {"train": split, "test": split}, Source("generated", "image", "0"))
    by_name = draw(data, "mlp", {}, ["saliency", *METHODS[:1]])
    entries = by_name.pop("examples").data["examples"]
    assert [entry["artifact"] for entry in entries] == list(by_name)
    assert len({entry["id"] for entry in entries} & set(ids.tolist())) == len(entries)
    for entry in entries:
        assert (entry["method"], entry["signed"], entry["kind"]) == ("saliency", False, entry["artifact"])
        assert f"predicted {spec['classes'][entry['class']]}" in by_name[entry["artifact"]].caption
        assert np.shape(entry["map"]) == (64, 32)
        assert np.max(entry["map"]) == 127
