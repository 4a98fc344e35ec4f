"""Tables and arrays of predictions: quality and calibration are those of the same predictions, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported import table_parts
from bench_suite.metrics.expected_calibration_error import expected_calibration_error
from bench_suite.metrics.log_loss import log_loss
from bench_suite.store.runs import Run

NAMES = np.array(["cat", "cow", "dog"])
Read = Callable[..., list[ImportedCell]]


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    """Targets and probabilities of 200 examples of three classes."""
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(3), 200)
    return np.array([random.choice(3, p=row) for row in scores]), scores


def write_csv(path: Path, targets: np.ndarray, scores: np.ndarray) -> Path:
    lines = ["item,target,prediction,p_cat,p_cow,p_dog"]
    lines += [
        f"{number},{NAMES[target]},{NAMES[row.argmax()]},{','.join(map(repr, row.tolist()))}"
        for number, (target, row) in enumerate(zip(targets, scores))
    ]
    path.write_text("\n".join(lines))
    return path


def test_quality_and_calibration_are_those_of_the_predictions(
    run_of: Callable[..., Run], answers: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    targets, scores = answers
    run = run_of(write_csv(tmp_path / "t.csv", targets, scores), scores="p_*")
    (record,) = run.records()
    values = {row.name: row.value for row in record.metrics if not row.at}
    assert values["quality/accuracy"] == pytest.approx((scores.argmax(1) == targets).mean())
    assert values["quality/log_loss"] == pytest.approx(log_loss(targets, scores.astype(np.float32)), rel=1e-6)
    expected = expected_calibration_error(targets, scores.astype(np.float32))
    assert values["calibration/expected_calibration_error"] == pytest.approx(expected, rel=1e-5)
    assert [row.status for row in record.probes.values()] == ["ok", "ok"]
    assert record.data["problem"] == "classification"


def test_csv_parquet_json_and_arrays_give_the_same_answers(
    read: Read, answers: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    targets, scores = answers
    table = pa.table({
        "item": pa.array(range(200)), "target": pa.array(NAMES[targets].tolist()),
        "prediction": pa.array(NAMES[scores.argmax(1)].tolist()), "scores": pa.array(scores.tolist()),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", y_true=targets, y_score=scores)
    np.save(tmp_path / "y_true.npy", targets)
    np.save(tmp_path / "probs.npy", scores)
    cells = [
        *read("predictions", write_csv(tmp_path / "t.csv", targets, scores), scores="p_*"),
        *read("predictions", tmp_path / "t.parquet"),
        *read("predictions", tmp_path / "t.npz"),
        *read("predictions", tmp_path / "y_true.npy", tmp_path / "probs.npy", scores="probs"),
    ]
    for cell in cells:
        assert cell.predictions is not None
        for name in ("targets", "predictions"):
            assert np.array_equal(cell.predictions[name], cells[0].predictions[name])  # type: ignore[index]  # checked above
        np.testing.assert_allclose(cell.predictions["scores"], cells[0].predictions["scores"])  # type: ignore[index]  # as above
    assert cells[0].spec["classes"] == ["cat", "cow", "dog"]
    assert any("likeliest class" in note for note in cells[2].notes)


def test_one_probability_is_that_of_the_positive_class(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,target,p\n0,ham,0.1\n1,spam,0.8\n2,ham,0.7\n")
    with pytest.raises(BenchError, match="--positive"):
        read("predictions", path, scores="p")
    (cell,) = read("predictions", path, scores="p", positive="spam")
    assert cell.predictions is not None
    order = np.argsort(cell.predictions["scores"][:, 1])
    assert cell.predictions["scores"][order, 1].tolist() == pytest.approx([0.1, 0.7, 0.8])
    assert cell.predictions["targets"][order].tolist() == [0, 0, 1]
    assert cell.spec["classes"][cell.spec["positive"]] == "spam"


def test_decimal_targets_are_a_regression(run_of: Callable[..., Run], tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("item,target,prediction\n" + "".join(f"{n},{n / 2},{n / 2 + 0.25}\n" for n in range(20)))
    (record,) = run_of(path).records()
    assert {row.name: row.value for row in record.metrics}["quality/mae"] == pytest.approx(0.25)
    assert record.probes["calibration"].status == "not applicable"


@pytest.mark.parametrize(
    ("column", "wrong"),
    [("prediction", "nan"), ("prediction", "inf"), ("prediction", "refused"), ("target", "nan"), ("target", "inf")],
)
def test_a_regression_with_a_value_that_is_no_number_is_refused(
    read: Read, tmp_path: Path, column: str, wrong: str
) -> None:
    """Read as labels, the same values would be a classification without a right answer."""
    rows = [[str(n), str(n / 2), str(n / 2 + 0.25)] for n in range(20)]
    rows[3][1 if column == "target" else 2] = wrong
    path = tmp_path / "t.csv"
    path.write_text("item,target,prediction\n" + "".join(",".join(row) + "\n" for row in rows))
    with pytest.raises(BenchError, match=f"{column}.*row 4"):
        read("predictions", path)


CASES = {
    "logits": ("item,target,a,b\n0,a,3,-2\n1,b,1,1\n", {"scores": "a,b"}, "no probabilities"),
    "NaN": ("item,target,a,b\n0,a,nan,1\n1,b,1,0\n", {"scores": "a,b"}, "has nan in row 1"),
    "a label without scores": ("item,target,a,b\n0,c,1,0\n", {"scores": "a,b"}, "is none of the classes"),
    "no answers": ("item,target,x\n0,a,1\n1,b,1\n", {}, "neither predictions nor probabilities"),
    "two models without items": ("model,target,prediction\nm,a,a\nn,a,b\n", {}, "--item COLUMN"),
    "many whole numbers": (
        "item,target,prediction\n" + "".join(f"{n},{n},{n}\n" for n in range(30)), {}, "--problem classification",
    ),
    "lists of two lengths": ('item,target,scores\n0,a,"[1, 0]"\n1,b,"[1]"\n', {}, "in row 2, and 2 in row 1"),
    "no list": ('item,target,scores\n0,a,"[1, 0]"\n1,b,"x"\n', {}, "a list of probabilities is expected"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_answers_that_are_wrong_are_refused(read: Read, tmp_path: Path, case: str) -> None:
    text, options, message = CASES[case]
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(BenchError, match=f"(?s){message}"):
        read("predictions", path, **options)


def test_labels_of_a_lost_type_are_the_same_labels(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("target,prediction\n" + "1,1.0\n0,0.0\n" * 10)
    (cell,) = read("predictions", path)
    assert cell.predictions is not None
    assert (cell.predictions["targets"] == cell.predictions["predictions"]).all()
    assert cell.spec["classes"] == ["0", "1"]


@pytest.mark.parametrize("column", ["target", "prediction"])
@pytest.mark.parametrize("stray", ["n/a", "1,5", "-", "inf"])
def test_a_text_among_decimals_is_no_label(read: Read, tmp_path: Path, column: str, stray: str) -> None:
    rows = [[f"{number / 4}", f"{number / 4 + 0.125}"] for number in range(12)]
    rows[7][column == "prediction"] = f'"{stray}"'
    path = tmp_path / "t.csv"
    path.write_text("target,prediction\n" + "".join(f"{a},{b}\n" for a, b in rows))
    with pytest.raises(BenchError, match=f"column '{column}' has '{stray}' in row 8"):
        read("predictions", path)


def test_a_missing_value_is_a_class_if_the_user_says_so(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("target,prediction\n0,0\n1,1\nn/a,1\n1,0\n0,0\n")
    with pytest.raises(BenchError, match="'n/a' in row 3"):
        read("predictions", path)
    (cell,) = read("predictions", path, problem="classification")
    assert cell.spec["classes"] == ["0", "1", "n/a"]


@pytest.mark.parametrize("size", [0, 1 << 40])
def test_predictions_in_parts_are_those_of_a_whole_table(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(table_parts, "MIN_BYTES", size)
    path = tmp_path / "t.csv"
    path.write_text('item,target,scores,city\na,cat,"[0.75, 0.25]",x\nb,dog,"[0.5, 0.5]",y\n')
    (cell,) = read("predictions", path, group="city")
    assert cell.predictions is not None
    order = cell.predictions["targets"].tolist()
    assert sorted(order) == [0, 1]
    assert cell.predictions["scores"].tolist() == [[[0.75, 0.25], [0.5, 0.5]][number] for number in order]
    assert cell.predictions.groups["city"].tolist() == [["x", "y"][number] for number in order]
