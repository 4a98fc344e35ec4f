"""Which columns name something with several rows: ids of customers do; zip codes, kinds and measurements do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.data.repeated_ids import repeated_ids
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit

N = 1200


def some(random: np.random.Generator, kind: str) -> list[Any]:
    """Return N values with 800 different ones, or as the kind says."""
    numbers = random.integers(0, 800, N)
    return {
        "integers": numbers.tolist(),
        "texts": [str(number) for number in numbers],
        "codes": [f"C{10_000 + number}" for number in numbers],
        "unique": list(range(N)),
        "few": random.integers(0, 30, N).tolist(),
        "often": np.where(random.random(N) < 0.3, 0, numbers).tolist(),
        "decimals": [f"{number / 10:.1f}" for number in numbers],
        "floats": (numbers / 10).tolist(),
    }[kind]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("customer_id", "integers"), ("customerId", "texts"), ("ID", "integers"), ("patient", "integers"),
        ("account number", "texts"), ("user-name", "codes"), ("reference", "codes"),
    ],
)  # fmt: skip
def test_identifiers_of_something_repeated_are_found(name: str, kind: str) -> None:
    values = some(np.random.default_rng(3), kind)
    numbers = repeated_ids([pa.table({name: values[:500]}), pa.table({name: values[500:]})], ())[name]
    assert len(numbers) == N
    for row in range(20):
        same = [other for other in range(N) if values[other] == values[row]]
        assert np.flatnonzero(numbers == numbers[row]).tolist() == same


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("zip", "integers"), ("zip_code", "texts"), ("postcode", "codes"), ("city_id", "integers"),
        ("product type id", "integers"), ("age", "integers"), ("income", "integers"), ("household_size", "integers"),
        ("customers_per_day", "integers"), ("job", "texts"), ("number_of_rooms", "integers"), ("customer_id", "unique"),
        ("customer_id", "few"), ("customer_id", "often"), ("customer_id", "decimals"), ("customer_id", "floats"),
    ],
)  # fmt: skip
def test_places_kinds_and_measurements_are_not(name: str, kind: str) -> None:
    assert repeated_ids([pa.table({name: some(np.random.default_rng(3), kind)})], ()) == {}


def test_a_missing_identifier_belongs_to_nobody_and_a_column_apart_is_not_looked_at() -> None:
    values = some(np.random.default_rng(3), "texts")
    values[7] = ""
    table = pa.table({"customer_id": values, "client_id": values})
    columns = repeated_ids([table], ("client_id",))
    assert list(columns) == ["customer_id"]
    assert columns["customer_id"][7] == -1
    assert (columns["customer_id"] >= 0).sum() == N - 1


def table_of_customers(tmp_path: Any) -> Any:
    random = np.random.default_rng(3)
    lines = ["customer_id,age,y"]
    values = some(random, "codes")
    lines += [f"{value},{random.integers(18, 90)},{'no' if row % 3 else 'yes'}" for row, value in enumerate(values)]
    lines[5] = lines[5].rpartition(",")[0] + ","  # a row without a label
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    return path, values


def load(path: Any, cache: Any = None, **options: Any) -> Any:
    from bench_suite.tasks.files import Options
    from bench_suite.tasks.files import load as load_files

    path = path if isinstance(path, dict) else str(path)
    return load_files(Options(path=path, label="y", **options), Sources(offline=True, cache=cache))


@pytest.mark.parametrize("columns", [None, {"customer_id": "ignore"}])
@pytest.mark.parametrize("split", [None, {"test": 0.3, "validation": 0.1}])
def test_a_drawn_split_has_the_identifiers_of_its_rows(tmp_path: Any, columns: Any, split: Any) -> None:
    path, values = table_of_customers(tmp_path)
    data = load(path, columns=columns, split=split)
    parts = list(data.splits.values())
    assert all(isinstance(part, MemorySplit) for part in parts)
    numbers = np.concatenate([part.identifiers["customer_id"] for part in parts])
    labelled = [value for row, value in enumerate(values) if row != 4]
    counts = np.unique(labelled, return_counts=True)[1]
    assert sorted(np.bincount(numbers)[np.bincount(numbers) > 0]) == sorted(counts)


@pytest.mark.parametrize("split", [{"test": 0.2, "by": "customer_id"}, {"folds": 4, "by": "customer_id"}])
def test_a_split_by_the_column_has_none(tmp_path: Any, split: Any) -> None:
    data = load(table_of_customers(tmp_path)[0], split=split, **({"fold": 0} if "folds" in split else {}))
    assert all(not part.identifiers for part in data.splits.values())


def test_splits_of_the_files_have_none(tmp_path: Any) -> None:
    path = table_of_customers(tmp_path)[0]
    other = tmp_path / "b.csv"
    other.write_text("\n".join(path.read_text().splitlines()[:400]) + "\n")
    data = load({"train": str(path), "test": str(other)})
    assert all(not part.identifiers for part in data.splits.values())
