"""Known answers of the findings: for each code a data set that has it, in known rows, and one that has not.

The first number of a code is that of the planted rows (or columns, groups, models) that the finding names, less those
that it names wrongly. The second is the number of findings of that code on the clean data set: 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from bench_suite.contracts import Data, Finding, Interval, MetricRow, Predictions, Source
from bench_suite.data.checks.checked_task import CheckedTask
from bench_suite.data.checks.runner import check_task
from bench_suite.data.checks.trivial import Baselines
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.repeated_ids import repeated_ids
from bench_suite.data.splits import MemorySplit
from bench_suite.execution import result_checks
from bench_suite.selftest.checks import Check, Measured, between, exactly
from bench_suite.suite.plan import Cell

TASK = "findings"
WRONG_LABELS = 10
TRAIN, TEST = 400, 400
Marks = frozenset[tuple[str, int | str]]


@dataclass(frozen=True)
class Planted:
    """A planted flaw."""

    code: str
    name: str
    "What is planted, in a word or two."
    flawed: Callable[[], list[Finding]]
    "Returns the findings on the data with the flaw."
    clean: Callable[[], list[Finding]]
    "Returns the findings on the same data without it."
    marks: Marks
    'What the findings must name: (split, row), or ("subject", name).'
    slack: int = 0
    "How many marks may be missing or wrong."


def finding_checks(cell: Cell) -> Iterator[Check]:
    """Yield the checks of all codes.

    Args:
        cell: any cell of the suite; the checks show its copy with the task `findings` and the code as the model.
    """
    for planted in PLANTED:
        shown = replace(
            cell, id=f"{TASK}-{planted.code}", fraction=1.0, task=replace(cell.task, label=TASK),
            model=replace(cell.model, label=planted.code), labels={"task": TASK, "model": planted.code},
        )  # fmt: skip
        known = len(planted.marks)
        named = f"{planted.name}, named"
        if planted.slack:
            yield between(
                named, shown, known, known - planted.slack, known, f"up to {planted.slack} may be missed",
                read=_count_marks(planted), needs_run=False,
            )  # fmt: skip
        else:
            yield exactly(named, shown, known, _count_marks(planted), needs_run=False)
        yield exactly(f"{planted.name}, absent", shown, 0, _count_alarms(planted), needs_run=False)


def _count_marks(planted: Planted) -> Callable[[Measured], float]:
    def read(measured: Measured) -> float:
        marks = marks_of([one for one in planted.flawed() if one.code == planted.code], planted.marks)
        return float(len(marks & planted.marks) - len(marks - planted.marks))

    return read


def _count_alarms(planted: Planted) -> Callable[[Measured], float]:
    return lambda measured: float(sum(one.code == planted.code for one in planted.clean()))


def marks_of(findings: list[Finding], wanted: Marks) -> Marks:
    """Return the rows that findings name, or their subjects if the wanted marks are subjects."""
    if any(kind == "subject" for kind, _ in wanted):
        return frozenset(("subject", name) for one in findings for name in one.subjects or (one.subject,))
    return frozenset((part.split, row) for one in findings for part in one.evidence for row in part.rows)


# ── planted data ────────────────────────────────────────────────────────────────────────────────


def _table(random: np.random.Generator, columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, columns) and (n,) classes that the first column tells with an AUC of 0.92."""
    target = random.integers(0, 2, TRAIN + TEST)
    table = random.normal(size=(TRAIN + TEST, columns))
    table[:, 0] += 2 * target
    return table, target


def _task(
    inputs: Any, target: np.ndarray, modality: str = "table", *, classes: tuple[str, ...] = ("no", "yes"),
    groups: Mapping[str, np.ndarray] | None = None, columns: tuple[str, ...] = (),
    identifiers: Mapping[str, np.ndarray] | None = None,
) -> CheckedTask:  # fmt: skip
    ids = content_ids(inputs)
    splits = {}
    for name, rows in (("train", slice(0, TRAIN)), ("test", slice(TRAIN, None))):
        of_split = {attribute: values[rows] for attribute, values in (groups or {}).items()}
        numbers = {column: values[rows] for column, values in (identifiers or {}).items()}
        splits[name] = MemorySplit(
            ids[rows], {modality: inputs[rows], "target": target[rows]}, of_split, identifiers=numbers
        )
    spec: dict[str, Any] = {"classes": classes} if classes else {}
    if modality == "table":
        spec["columns"] = columns or tuple(f"c{number}" for number in range(inputs.shape[1]))
    problem = "classification" if classes else "regression"
    return CheckedTask(TASK, Data(problem, spec, splits, Source("generated", TASK, "")))


def _of_data(code: str, make: Callable[[np.random.Generator, bool], CheckedTask]) -> dict[str, Any]:
    """Return the findings of a code on what `make` makes with and without its flaw."""

    def run(flawed: bool) -> Callable[[], list[Finding]]:
        return lambda: list(check_task(make(np.random.default_rng(14), flawed), frozenset({code})).findings)

    return {"code": code, "flawed": run(True), "clean": run(False)}


def _shared(random: np.random.Generator, flawed: bool) -> CheckedTask:
    table, target = _table(random)
    if flawed:
        table[TRAIN + np.array([5, 50, 150])] = table[[7, 100, 390]]
    return _task(table, target)


def _repeated_ids(random: np.random.Generator, flawed: bool) -> CheckedTask:
    """Return a table with the ids of 450 customers and with 400 zip codes; with the flaw, 30 customers are in both.

    Zip codes repeat as often, and name places: no finding is due.
    """
    table, target = _table(random)
    customers = np.concatenate([np.arange(TRAIN) // 2, 200 + np.arange(TEST) * 5 // 8])
    if flawed:
        customers[TRAIN + _RETURNING] = np.arange(30)
    raw = pa.table({"customer_id": customers, "zip": random.integers(10_000, 10_400, TRAIN + TEST)})
    return _task(table, target, identifiers=repeated_ids([raw], ()))


_RETURNING = np.arange(2, 362, 12)


def _near_pictures(random: np.random.Generator, flawed: bool) -> CheckedTask:
    target = random.integers(0, 2, TRAIN + TEST)
    coarse = random.integers(0, 200, size=(TRAIN + TEST, 6, 6))
    images = coarse.repeat(4, axis=1).repeat(4, axis=2)[..., None]
    if flawed:  # darker, and with noise as of compression
        noise = random.integers(-3, 4, size=(2, 24, 24, 1))
        images[TRAIN + np.array([3, 99])] = (images[[20, 300]] * 0.8 + noise).clip(0, 255)
    return _task(images.astype(np.uint8), target, "image")


def _mirrored(random: np.random.Generator, flawed: bool) -> CheckedTask:
    target = random.integers(0, 2, TRAIN + TEST)
    images = random.integers(0, 200, size=(TRAIN + TEST, 6, 6)).repeat(4, axis=1).repeat(4, axis=2)[..., None]
    if flawed:
        images[TRAIN + np.array([6, 70])] = images[[44, 210], :, ::-1]
    return _task(images.astype(np.uint8), target, "image")


def _near_texts(random: np.random.Generator, flawed: bool) -> CheckedTask:
    words = np.array([first + second for first in "bdfgklmn" for second in ("alo", "eri", "ino", "oda", "uma")])
    texts = [" ".join(random.choice(words, 50)) for _ in range(TRAIN + TEST)]
    if flawed:
        for row, original in ((8, 31), (120, 200)):
            parts = texts[original].split()
            texts[TRAIN + row] = " ".join([*parts[:25], "changed", *parts[26:]])
    return _task(texts, random.integers(0, 2, TRAIN + TEST), "text")


def _contradictory(random: np.random.Generator, flawed: bool) -> CheckedTask:
    table, target = _table(random)
    rows, copies = np.array([3, 77]), np.array([200, 311])
    table[copies] = table[rows]
    target[copies] = 1 - target[rows] if flawed else target[rows]
    return _task(table, target)


def _leak(random: np.random.Generator, flawed: bool) -> CheckedTask:
    table, target = _table(random)
    if flawed:
        table[:, 2] = target + 0.1 * table[:, 2]
    return _task(table, target)


def _number_leak(random: np.random.Generator, flawed: bool) -> CheckedTask:
    """Return a regression whose second column explains half of the target, or, with the flaw, all but 0.25 %."""
    target = random.normal(size=TRAIN + TEST)
    table = random.normal(size=(TRAIN + TEST, 3))
    table[:, 1] = target + (0.05 if flawed else 1.0) * table[:, 1]
    return _task(table, target, classes=())


def _length_leak(random: np.random.Generator, flawed: bool) -> CheckedTask:
    words = np.array(["alo", "eri", "ino", "oda", "uma", "bel", "dor", "fin"])
    target = random.integers(0, 2, TRAIN + TEST)
    lengths = random.integers(20, 40, TRAIN + TEST) + (30 * target if flawed else 0)
    return _task([" ".join(random.choice(words, length)) for length in lengths], target, "text")


def _brightness_leak(random: np.random.Generator, flawed: bool) -> CheckedTask:
    """Return pictures of noise; with the flaw, one class is brighter, by less than a pixel's noise."""
    target = random.integers(0, 2, TRAIN + TEST)
    images = random.integers(0, 200, size=(TRAIN + TEST, 16, 16, 1))
    images += (30 * target if flawed else 0 * target)[:, None, None, None]
    return _task(images.astype(np.uint8), target, "image")


def _identifier(random: np.random.Generator, flawed: bool) -> CheckedTask:
    table, target = _table(random)
    amounts = np.round(np.exp(random.normal(10, 1, TRAIN + TEST)))
    table[:, 1] = random.permutation(TRAIN + TEST) + 1000 if flawed else amounts
    return _task(table, target)


def _constant(random: np.random.Generator, flawed: bool) -> CheckedTask:
    table, target = _table(random)
    if flawed:
        table[:, 1] = 3.0
        table[:, 2] = np.nan
    return _task(table, target)


def _shift(random: np.random.Generator, flawed: bool) -> CheckedTask:
    table, target = _table(random)
    if flawed:
        table[TRAIN:, 1] += 1.5
    return _task(table, target)


def _absent(random: np.random.Generator, flawed: bool) -> CheckedTask:
    table, target = _table(random)
    target[[10, 20]] = 2
    target[TRAIN + np.array([11, 44])] = 2
    if flawed:
        target[[10, 20]] = 0
    return _task(table, target, classes=("no", "yes", "maybe"))


def _absent_category(random: np.random.Generator, flawed: bool) -> CheckedTask:
    """Return a table of two categories, `job` and `city`; with the flaw, six of test have a job that train lacks."""
    _, target = _table(random)
    codes = random.integers(0, 3, size=(TRAIN + TEST, 2))
    table = np.concatenate([codes[:, [0]] == np.arange(3), codes[:, [1]] == np.arange(3)], axis=1).astype(np.float64)
    if flawed:
        table[TRAIN + _UNSEEN, :3] = 0
    return _task(table, target, columns=tuple(f"{name}={number}" for name in ("job", "city") for number in "123"))


_UNSEEN = np.array([2, 30, 61, 190, 222, 399])
_WRONG = np.sort(np.random.default_rng(8).choice(TRAIN, WRONG_LABELS, replace=False))


def _wrong_labels(random: np.random.Generator, flawed: bool) -> CheckedTask:
    table, target = _table(random)
    table[:, 0] += 6 * target
    if flawed:
        target[_WRONG] = 1 - target[_WRONG]
    return _task(table, target)


def _small_group(random: np.random.Generator, flawed: bool) -> CheckedTask:
    table, target = _table(random)
    members = np.where(np.arange(TRAIN + TEST) % 40 == 0, "a" if flawed else "b", "b")
    return _task(table, target, groups={"site": members})


# ── planted results ─────────────────────────────────────────────────────────────────────────────


def _predictions(right: float) -> Predictions:
    """Return predictions of two classes of 200 examples each, of which a share is right in both classes."""
    targets = np.repeat([0, 1], 200)
    correct = np.tile(np.arange(200) < round(200 * right), 2)
    return Predictions(
        "test", np.arange(400), {"targets": targets, "predictions": np.where(correct, targets, 1 - targets)}
    )


def _baseline(*right: float) -> Callable[[], list[Finding]]:
    """Return the findings on a model that is right in these shares, one for each fold; the baseline in half."""
    folds = len(right) if len(right) > 1 else None
    records: Any = tuple(
        SimpleNamespace(
            id=str(fold), cell={"fold": fold if folds else None, "seed": 0}, data={"folds": {"folds": folds}}
        )
        for fold in range(len(right))
    )
    model = result_checks.JudgedModel("planted", records, tuple(map(_predictions, right)))
    losses = Baselines(np.arange(400), {"constant": np.repeat([0.0, 1.0], 200)})
    baselines = {record.id: losses for record in records}
    return lambda: list(result_checks.matched_baselines(TASK, [model], baselines))


def _chance(right: float) -> Callable[[], list[Finding]]:
    return lambda: list(result_checks.chance_models(TASK, {"planted": [_predictions(right)]}))


def _gap(gap: float) -> Callable[[], list[Finding]]:
    row = MetricRow("gap/accuracy_gap", gap, "fraction", "lower", interval=Interval(gap - 0.05, gap + 0.05))
    suite: Any = SimpleNamespace(
        probes=(SimpleNamespace(label="gap", component=SimpleNamespace(name="generalization")),)
    )
    record: Any = SimpleNamespace(metrics=(row,), cell={"model": "planted"})
    return lambda: list(result_checks.overfitted_models(suite, TASK, [record]))


def _rows(**rows: Any) -> Marks:
    return frozenset((split, int(row)) for split, of_split in rows.items() for row in of_split)


def _subjects(*names: str) -> Marks:
    return frozenset(("subject", name) for name in names)


PLANTED = (
    Planted(name="equal rows", **_of_data("D001", _shared), marks=_rows(train=(7, 100, 390), test=(5, 50, 150))),
    Planted(name="customers", **_of_data("D001", _repeated_ids), marks=_subjects("customer_id")),
    Planted(name="near pictures", **_of_data("D001", _near_pictures), marks=_rows(train=(20, 300), test=(3, 99))),
    Planted(name="mirrored pictures", **_of_data("D001", _mirrored), marks=_rows(train=(44, 210), test=(6, 70))),
    Planted(name="near texts", **_of_data("D001", _near_texts), marks=_rows(train=(31, 200), test=(8, 120))),
    Planted(name="labels", **_of_data("D002", _contradictory), marks=_rows(train=(3, 77, 200, 311))),
    Planted(name="leak", **_of_data("D003", _leak), marks=_subjects("c2")),
    Planted(name="number leak", **_of_data("D003", _number_leak), marks=_subjects("c1")),
    Planted(name="length", **_of_data("D003", _length_leak), marks=_subjects("the number of characters")),
    Planted(name="brightness", **_of_data("D003", _brightness_leak), marks=_subjects("the mean brightness")),
    Planted(name="identifier", **_of_data("D004", _identifier), marks=_subjects("c1")),
    Planted(name="constants", **_of_data("D005", _constant), marks=_subjects("c1", "c2")),
    Planted(name="shift", **_of_data("D006", _shift), marks=_subjects("train/test")),
    Planted(name="class", **_of_data("D007", _absent), marks=_rows(test=(11, 44))),
    Planted(name="category", **_of_data("D007", _absent_category), marks=_rows(test=_UNSEEN)),
    Planted(name="wrong labels", **_of_data("D008", _wrong_labels), marks=_rows(train=_WRONG), slack=2),
    Planted(name="small group", **_of_data("D010", _small_group), marks=_rows(test=range(0, 400, 40))),
    Planted("D009", "baseline", _baseline(0.5), _baseline(0.8), _subjects("planted")),
    Planted(
        "D009",
        "folds",
        _baseline(0.5, 0.52, 0.55, 0.53, 0.56),
        _baseline(0.7, 0.72, 0.75, 0.73, 0.76),
        _subjects("planted"),
    ),
    Planted("D011", "chance", _chance(0.5), _chance(0.8), _subjects("planted")),
    Planted("D012", "overfit", _gap(0.3), _gap(0.08), _subjects("planted")),
)
"One or more of each of `contracts.FINDING_CODES`."
