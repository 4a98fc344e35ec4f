"""D004: row numbers, customer numbers and names are identifiers; amounts, ages and measurements are not."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.data.checks.identifiers import identifiers

N = 400


def one_column(make_task, values: np.ndarray):
    order = np.arange(len(values))
    train, test = order[: N * 3 // 4], order[N * 3 // 4 :]
    return make_task(
        "table", {part: (values[rows][:, None], rows % 2) for part, rows in (("train", train), ("test", test))}
    )


@pytest.mark.parametrize("kind", ["row numbers", "shuffled row numbers", "customer numbers", "times"])
def test_identifiers_are_named(make_task, random, kind: str) -> None:
    values = {
        "row numbers": np.arange(N) + 1000.0,
        "shuffled row numbers": random.permutation(N).astype(float),
        "customer numbers": random.choice(10**7, N, replace=False).astype(float),
        "times": np.sort(random.random(N)),
    }[kind]
    (finding,) = identifiers(one_column(make_task, values))
    assert (finding.code, finding.subject) == ("D004", "c0")


def test_two_identifiers_are_one_finding(make_task, random) -> None:
    table = np.column_stack([np.arange(N), random.normal(size=N), random.permutation(N)]).astype(float)
    parts = {"train": (table[:300], np.arange(300) % 2), "test": (table[300:], np.arange(100) % 2)}
    (finding,) = identifiers(make_task("table", parts, options={"columns": {}}))
    assert finding.subjects == ("c0", "c2")
    assert finding.mend == 'columns = { c0 = "ignore", c2 = "ignore" }'


@pytest.mark.parametrize("kind", ["ages", "measurements", "amounts", "amounts in cents", "gaps"])
def test_honest_columns_are_not(make_task, random, kind: str) -> None:
    values = {
        "ages": random.integers(18, 90, N).astype(float),
        "measurements": random.normal(size=N),
        "amounts": np.round(np.exp(random.normal(10, 0.8, N))),
        "amounts in cents": np.round(100 * np.exp(random.normal(10, 0.8, N))),
        "gaps": np.where(random.random(N) < 0.1, np.nan, np.arange(N)),
    }[kind]
    assert list(identifiers(one_column(make_task, values))) == []


def test_a_name_of_each_row_is_an_identifier_and_a_city_is_not(make_task, random) -> None:
    rows = np.arange(N)
    names = tuple(f"name=n{number}" for number in range(100))
    table = (rows[:, None] == np.arange(100)).astype(float)  # as encoded: the other 300 names have no column
    parts = {"train": (table[:300], rows[:300] % 2), "test": (table[300:], rows[300:] % 2)}
    (finding,) = identifiers(make_task("table", parts, columns=names))
    assert finding.subject == "name"
    cities = (random.integers(0, 100, N)[:, None] == np.arange(100)).astype(float)
    parts = {"train": (cities[:300], rows[:300] % 2), "test": (cities[300:], rows[300:] % 2)}
    assert list(identifiers(make_task("table", parts, columns=names))) == []
