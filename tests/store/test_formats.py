"""Files beside a record are read back unchanged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pytest
import torch
from pyarrow import parquet

from bench_suite.contracts import Artifact, History, MetricRow, Predictions, PrivacySpent, Window
from bench_suite.store import formats
from bench_suite.store.json_reader import Damage


def again(predictions: Predictions) -> Predictions:
    return formats.predictions_from_parquet(formats.predictions_to_parquet(predictions))


def test_predictions_come_back_with_every_bit_of_their_scores() -> None:
    random = np.random.default_rng(0)
    scores = random.random((50, 3)).astype(np.float32)
    written = Predictions(
        "shift:rotten_tomatoes",
        random.integers(-(2**63), 2**63 - 1, 50),
        {
            "targets": random.integers(0, 3, 50),
            "predictions": scores.argmax(1),
            "scores": scores,
            "losses": scores[:, 0],
        },
        {"race": np.array(["black", "white"] * 25), "age": np.arange(50.0)},
    )
    read = again(written)
    assert read.split == written.split
    assert read.columns.keys() == written.columns.keys()
    np.testing.assert_array_equal(read.ids, written.ids)
    np.testing.assert_array_equal(read["predictions"], written["predictions"])
    np.testing.assert_array_equal(read["scores"], scores)
    assert read["scores"].dtype == np.float32
    assert not read.rounded_scores
    np.testing.assert_array_equal(read["losses"], scores[:, 0])
    assert list(read.groups["race"]) == list(written.groups["race"])
    np.testing.assert_array_equal(read.groups["age"], written.groups["age"])


def test_the_file_has_the_columns_that_the_design_names(tmp_path: Path) -> None:
    written = Predictions(
        "test",
        np.arange(2),
        {"targets": np.arange(2), "predictions": np.arange(2), "scores": np.eye(2)},
        {"g": np.arange(2)},
    )
    (tmp_path / "p.parquet").write_bytes(formats.predictions_to_parquet(written))
    schema = parquet.read_schema(tmp_path / "p.parquet")
    assert schema.names == ["example", "target", "prediction", "scores", "group/g"]
    assert [str(schema.field(name).type) for name in ("example", "scores")] == ["int64", "list<element: float>"]


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2)])
def test_scores_of_an_older_file_are_read_as_before_and_marked_as_rounded(shape: tuple[int, ...]) -> None:
    scores = np.random.default_rng(0).random(shape).astype(np.float32)
    table = parquet.read_table(arrow.BufferReader(formats.predictions_to_parquet(
        Predictions("test", np.arange(4), {"targets": np.arange(4), "scores": scores.astype(np.float16)}, {})
    )))  # fmt: skip
    old = arrow.BufferOutputStream()
    parquet.write_table(table.set_column(2, "scores", formats._arrow(scores.astype(np.float16))), old)
    read = formats.predictions_from_parquet(old.getvalue().to_pybytes())
    assert read.rounded_scores
    assert np.asarray(read["scores"], dtype=np.float32).shape == shape
    np.testing.assert_array_equal(np.asarray(read["scores"], np.float32), scores.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(
    ("targets", "predictions"),
    [
        (["a", "böß", "\n"], ["", "b", "c"]),
        ([[1, 2], [], [3]], [np.array([1, 2]), np.array([], dtype=np.int64), np.array([4])]),
        ([["B-PER", "O"], [], ["O"]], [["O", "O"], [], ["O"]]),
        (np.array([1.5, 2.5, np.inf]), np.arange(3, dtype=np.float32)),
        (np.array([True, False, True]), np.array([[1, 2], [3, 4], [5, 6]])),
    ],
)
def test_targets_of_any_problem_come_back(targets: Any, predictions: Any) -> None:
    read = again(Predictions("test", np.arange(3), {"targets": targets, "predictions": predictions}))
    for column, values in {"targets": targets, "predictions": predictions}.items():
        for one, other in zip(read[column], values):
            assert np.array_equal(one, other), (column, one, other)


@pytest.mark.parametrize("columns", [{"targets": [], "predictions": []}, {"scores": np.zeros((0, 3))}])
def test_no_examples_are_no_rows(columns: dict[str, object]) -> None:
    assert len(again(Predictions("test", np.arange(0), columns))) == 0


def test_beyond_100_classes_the_target_and_the_20_highest_scores_stay() -> None:
    random = np.random.default_rng(0)
    scores, targets = random.random((30, 1000)).astype(np.float32), random.integers(0, 1000, 30)
    read = again(Predictions("test", np.arange(30), {"targets": targets, "scores": scores}))
    assert read["scores"].shape == read["score_classes"].shape == (30, 21)
    np.testing.assert_array_equal(read["score_classes"][:, 0], targets)
    np.testing.assert_array_equal(read["score_classes"][:, 1:], np.argsort(-scores, axis=1)[:, :20])
    highest = np.take_along_axis(scores, read["score_classes"].astype(int), axis=1)
    np.testing.assert_array_equal(read["scores"], highest)


def test_of_100_classes_all_scores_stay_and_more_are_kept_without_targets_too() -> None:
    scores = np.random.default_rng(0).random((5, 101)).astype(np.float32)
    exact = again(Predictions("test", np.arange(5), {"scores": scores[:, :100]}))
    assert exact["scores"].shape == (5, 100)
    assert "score_classes" not in exact.columns
    read = again(Predictions("test", np.arange(5), {"scores": scores}))
    np.testing.assert_array_equal(read["score_classes"], np.argsort(-scores, axis=1)[:, :20])
    assert read["score_classes"].dtype == np.int32


def test_ids_are_stored_as_64_bits_and_other_numbers_as_they_are() -> None:
    columns = {"targets": np.arange(3, dtype=np.int8), "losses": np.arange(3, dtype=np.float32)}
    columns["embeddings"] = np.arange(12, dtype=np.float32).reshape(3, 4)
    read = again(Predictions("test", np.arange(3, dtype=np.int32), columns))
    assert read.ids.dtype == np.int64
    assert {name: values.dtype for name, values in read.columns.items()} == {
        name: values.dtype for name, values in columns.items()
    }
    np.testing.assert_array_equal(read["embeddings"], columns["embeddings"])


def test_arrays_of_three_dimensions_come_back_as_rows_of_rows() -> None:
    values = np.arange(24).reshape(2, 3, 4)
    read = again(Predictions("test", np.arange(2), {"masks": values}))
    assert np.array_equal(read["masks"], values)


def test_rows_of_one_length_become_one_array_and_others_a_list() -> None:
    read = again(Predictions("test", np.arange(2), {"targets": [[1, 2], [3, 4]], "words": [["a"], ["b"]]}))
    assert (type(read["targets"]), read["targets"].tolist()) == (np.ndarray, [[1, 2], [3, 4]])
    ragged = again(Predictions("test", np.arange(3), {"targets": [[1, 2], [3], []]}))
    assert [list(row) for row in ragged["targets"]] == [[1, 2], [3], []]
    gaps = again(Predictions("test", np.arange(2), {"targets": [[1, 2], None]}))
    assert list(gaps["targets"]) == [[1, 2], None]


def test_a_column_of_another_length_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="column 'prediction' has 2 rows for 3 examples"):
        formats.predictions_to_parquet(Predictions("test", np.arange(3), {"predictions": np.arange(2)}))


def test_all_samples_are_kept_and_those_of_other_metrics_stay() -> None:
    def row(name: str, *samples: float) -> MetricRow:
        return MetricRow(name, 1.0, "s", "lower", samples=samples, at={"batch": 1})

    first = formats.samples_to_parquet([row("t/a", *range(1000)), row("t/b", 1.0), row("t/c")])
    both = formats.samples_to_parquet([row("t/b", 2.0)], first)
    table = parquet.read_table(arrow.BufferReader(both)).to_pylist()
    assert {entry["name"]: len(entry["samples"]) for entry in table} == {"t/a": 1000, "t/b": 1}
    assert table[0]["samples"] == list(range(1000))
    assert table[1] == {"name": "t/b", "at": '{"batch":1}', "unit": "s", "samples": [2.0]}


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("lines", {"x": "e", "y": "l", "series": {"a": np.array([[0, 1.5], [1, np.nan]])}}, None),
        ("bars", {"y": "u", "bars": {"nan": np.float32(0.5)}, "intervals": {"nan": (0.1, 0.9)}}, None),
        ("matrix", {"rows": ["nan"], "columns": ["b"], "values": [[3]], "x": "p", "y": "t"}, None),
        ("table", {"columns": ["a"], "rows": [["nan", 1]]}, None),
        ("text", "plain | `text`\n", "plain | `text`\n"),
        ("text", [("tok", np.float32(-0.5))], [["tok", -0.5]]),
    ],
)
def test_artifacts_come_back_as_plain_values(kind: Any, data: object, expected: object) -> None:
    artifact = Artifact("n", kind, data, "caption")
    assert formats.artifact_suffix(artifact) == ".json"
    read = formats.artifact_from_bytes("n", kind, "caption", formats.artifact_to_bytes(artifact))
    assert (read.name, read.kind, read.caption) == ("n", kind, "caption")
    if expected is not None:
        assert read.data == expected
    if kind == "lines":
        assert read.data["series"] == {"a": [[0, 1.5], [1, None]]}
    if kind == "bars":
        assert read.data["bars"] == {"nan": 0.5}


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 1)])
def test_images_come_back_pixel_by_pixel(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for data in (pixels, pixels / 255):
        artifact = Artifact("n", "image", data, "")
        assert formats.artifact_suffix(artifact) == ".png"
        read = formats.artifact_from_bytes("n", "image", "", formats.artifact_to_bytes(artifact))
        np.testing.assert_array_equal(read.data, pixels.reshape(read.data.shape))


def test_pixels_beyond_their_range_are_cut_and_no_numbers_are_black() -> None:
    pixels = np.array([[-0.5, 0.0, 0.5], [1.0, 7.0, np.nan]], dtype=np.float32)
    artifact = Artifact("n", "image", pixels, "")
    read = formats.artifact_from_bytes("n", "image", "c", formats.artifact_to_bytes(artifact))
    assert (read.name, read.kind, read.caption) == ("n", "image", "c")
    assert read.data.tolist() == [[0, 0, 128], [255, 255, 0]]
    assert formats.artifact_to_bytes(artifact).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("image", np.zeros((2,)), r"artifact 'n': an image must be .* not \(2,\)"),
        ("lines", {"x": "e"}, "lack y, series"),
        ("bars", [1], "lack y, bars"),
        ("picture", {}, "must be one of"),
        ("image", np.zeros((2, 2, 4)), r"not \(2, 2, 4\)"),
        ("image", np.zeros((0, 2)), r"not \(0, 2\)"),
    ],
)
def test_an_artifact_of_a_wrong_form_is_an_error(kind: Any, data: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        formats.artifact_to_bytes(Artifact("n", kind, data, ""))


def test_the_guarantee_of_a_private_training_comes_back_with_its_history() -> None:
    history = History(steps=3, privacy=PrivacySpent(2.9, 3.3, 1e-5, 1.1, 0.5, 0.01, 400))
    state = {"weight": torch.zeros(2)}
    assert formats.weights_from_bytes(formats.weights_to_bytes(state, "41d0", history))[2] == history


def test_weights_come_back_with_their_history_and_tied_ones_are_written_twice() -> None:
    weight = torch.randn(3, 4)
    history = History(({"epoch": 0, "loss": 0.5},), (Window(3, 192, 0.06, 0.0, 0.4),), 3, 192, 0.07, 0, "interrupted")
    state = {"a": weight, "tied": weight, "turned": weight.t(), "half": weight.bfloat16(), "count": torch.tensor(3)}
    weights_key, tensors, story = formats.weights_from_bytes(formats.weights_to_bytes(state, "41d0", history))
    assert (weights_key, story) == ("41d0", history)
    assert tensors.keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(tensors[name], tensor), name
        assert tensors[name].dtype == tensor.dtype
    assert formats.weights_from_bytes(formats.weights_to_bytes(state, "x", None))[2] is None


@pytest.mark.parametrize("cut", [0, 4, 20, -1])
def test_damaged_weights_are_a_value_error(cut: int) -> None:
    content = formats.weights_to_bytes({"a": torch.ones(3)}, "x", None)
    with pytest.raises(ValueError, match="not a safetensors file"):
        formats.weights_from_bytes(content[:cut])


def test_an_artifact_states_its_name_and_lacks_no_part_of_its_kind() -> None:
    artifact = Artifact("groups", "bars", {"y": "accuracy", "bars": {"f": 0.8}}, "By group")
    content = formats.artifact_to_bytes(artifact)
    assert json.loads(content) == {
        "name": "groups", "kind": "bars", "caption": "By group", "data": {"y": "accuracy", "bars": {"f": 0.8}},
    }  # fmt: skip
    incomplete = json.dumps(json.loads(content) | {"data": {"y": "accuracy"}}).encode()
    with pytest.raises(Damage, match="it lacks bars"):
        formats.artifact_from_bytes("groups", "bars", "By group", incomplete)
