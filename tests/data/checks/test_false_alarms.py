"""How often the checks report something about clean data, by simulation; docs/guides/data-checks.md has the rates.

`pytest -m slow tests/data/checks/test_false_alarms.py -s` prints them.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bench_suite.data.checks.checked_task import CheckedTask
from bench_suite.data.checks.runner import check_task

QUICK = frozenset({"D001", "D002", "D003", "D004", "D005", "D007"})
COSTLY = frozenset({"D006", "D008"})


def clean_task(make_task, random: np.random.Generator, train: int, test: int) -> CheckedTask:
    """Return a table as people bring it: a strong and a weak measurement, an amount, an age, a flag, a category."""
    n = train + test
    target = (random.random(n) < random.choice([0.2, 0.5])).astype(int)
    category = random.integers(0, 4, n)
    table = np.column_stack(
        [
            random.normal(size=n) + 2.0 * target,  # AUC 0.92
            random.normal(size=n) + 0.3 * target,
            np.round(np.exp(random.normal(10, 0.7, n))),
            random.integers(18, 90, n),
            random.random(n) < 0.3,
            *(category == number for number in range(4)),
        ]
    ).astype(float)
    table[random.random(n) < 0.05, 1] = np.nan
    columns = ("size", "weight", "income", "age", "smoker", *(f"city={name}" for name in "abcd"))
    parts = {"train": (table[:train], target[:train]), "test": (table[train:], target[train:])}
    return make_task("table", parts, columns=columns)


def alarms(make_task, codes: frozenset[str], repeats: int, train: int, test: int) -> Counter[str]:
    random = np.random.default_rng(train)
    count: Counter[str] = Counter()
    for _ in range(repeats):
        findings = check_task(clean_task(make_task, random, train, test), codes).findings
        count.update({finding.code for finding in findings if finding.severity != "note"})
    print(f"\n{repeats} clean tables, {train} + {test} rows:", {code: count[code] for code in sorted(codes)})
    return count


@pytest.mark.slow
@pytest.mark.parametrize(("train", "test"), [(100, 100), (400, 200), (2000, 500)])
def test_quick_checks_of_clean_tables(make_task, train: int, test: int) -> None:
    count = alarms(make_task, QUICK, 500, train, test)
    assert all(count[code] <= 5 for code in QUICK), "at most 1 %"


def clean_examples(make_task, kind: str, random: np.random.Generator, train: int, test: int) -> CheckedTask:
    """Return texts, pictures or a regression with an honest signal.

    Texts of class 1 are longer, and its pictures brighter, with an AUC of 0.92; a column explains 80 % of the number.
    """
    n = train + test
    target = (random.random(n) < random.choice([0.2, 0.5])).astype(int)
    signal = random.normal(size=n) + 2.0 * target
    if kind == "text":
        words = np.array([first + second for first in "bdfgklmn" for second in ("alo", "eri", "ino", "oda", "uma")])
        inputs = [" ".join(random.choice(words, length)) for length in (40 + 5 * signal).astype(int)]
    elif kind == "image":
        noise = random.integers(0, 60, size=(n, 16, 16, 1))
        inputs = (100 + 5 * signal[:, None, None, None] + noise).astype(np.uint8)
    else:
        inputs = random.normal(size=(n, 4))
        target = 2 * inputs[:, 0] + random.normal(size=n)
    parts = {"train": (inputs[:train], target[:train]), "test": (inputs[train:], target[train:])}
    modality = kind if kind in ("text", "image") else "table"
    return make_task(modality, parts, classes=None if modality == "table" else ("no", "yes"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "image", "regression"])
def test_quick_checks_of_clean_texts_pictures_and_regressions(make_task, kind: str) -> None:
    random = np.random.default_rng(1)
    count: Counter[str] = Counter()
    for _ in range(200):
        findings = check_task(clean_examples(make_task, kind, random, 300, 150), QUICK).findings
        count.update({finding.code for finding in findings if finding.severity != "note"})
    print(f"\n200 clean data sets ({kind}), 300 + 150 examples:", {code: count[code] for code in sorted(QUICK)})
    assert all(count[code] <= 2 for code in QUICK), "at most 1 %"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # 120 s of one core, on a machine that others use too
@pytest.mark.parametrize(("train", "test"), [(100, 100), (400, 200)])
def test_costly_checks_of_clean_tables(make_task, train: int, test: int) -> None:
    count = alarms(make_task, COSTLY, 40, train, test)
    assert all(count[code] <= 2 for code in COSTLY), "at most 5 %"
