"""Refusal of tables that do not fit into memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported import table_memory
from bench_suite.imported.table_memory import check_estimate, checker, memory_for


def test_memory_grows_with_rows_and_columns() -> None:
    assert memory_for(2_000, 3) == 2 * memory_for(1_000, 3)
    assert memory_for(1_000, 4) > memory_for(1_000, 3)


def test_a_billion_rows_are_refused_with_rows_size_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_memory, "available_memory", lambda: 8_192.0)
    check = checker([Path("t.csv")], 4)
    check(1_000_000, 90_000_000)
    with pytest.raises(BenchError, match=r"1,000,000,000 rows.*90,000,000,000 bytes.*8\.0 GiB are free: split it"):
        check(1_000_000_000, 90_000_000_000)


def test_rows_of_earlier_files_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_memory, "available_memory", lambda: 1.0)
    checker([Path("t.csv")], 1)(2_000, 1)
    with pytest.raises(BenchError, match="7,000 rows"):
        checker([Path("s.csv"), Path("t.csv")], 1, 5_000)(2_000, 1)


def test_nothing_is_refused_if_the_system_does_not_state_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_memory, "available_memory", lambda: None)
    checker([Path("t.csv")], 4)(10**12, 1)


def test_the_length_of_the_first_rows_estimates_their_number(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"x" * 1_000)
    rows: list[int] = []
    check_estimate(tmp_path / "t.csv", 10.0, lambda count, size: rows.append(count))
    assert rows == [100]
