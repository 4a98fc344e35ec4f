"""How far a long reading is: nobody is bothered by a short one."""

from __future__ import annotations

import pytest

from bench_suite.store import reading_progress, record_files
from bench_suite.store.reading_progress import Reported, listening
from bench_suite.store.runs import Run

Calls = list[tuple[int, int]]
MIB = 1 << 20


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(reading_progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def calls() -> Calls:
    return []


def read(seconds: float, clock: list[float], calls: Calls, end: BaseException | None = None) -> None:
    with listening(lambda *numbers: calls.append(numbers)), Reported(10 * MIB) as reported:
        for _ in range(10):
            clock[0] += seconds / 10
            reported.add(MIB)
        if end is not None:
            raise end


def test_a_long_reading_is_told_now_and_then_and_at_its_end(clock: list[float], calls: Calls) -> None:
    read(2.5, clock, calls)
    assert calls == [*((number * MIB, 10 * MIB) for number in range(4, 11)), (10 * MIB, 10 * MIB)]
    calls.clear()
    read(1.1, clock, calls)
    assert calls == [(10 * MIB, 10 * MIB)] * 2


def test_a_short_reading_is_not_told(clock: list[float], calls: Calls) -> None:
    read(0.9, clock, calls)
    assert calls == []


def test_the_end_is_told_if_an_error_is_the_end(clock: list[float], calls: Calls) -> None:
    with pytest.raises(KeyboardInterrupt):
        read(2.0, clock, calls, KeyboardInterrupt())
    assert calls[-1] == (10 * MIB, 10 * MIB)


def test_nobody_need_listen(clock: list[float], calls: Calls) -> None:
    with listening(lambda *numbers: calls.append(numbers)):
        pass
    with Reported(10 * MIB) as reported:
        clock[0] = 5.0
        reported.add(10 * MIB)
    assert calls == []


def test_the_reading_of_records_without_an_index_is_told(
    run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((record_files, "INDEXED_BYTES"), (reading_progress, "PATIENCE"), (reading_progress, "_STEP")):
        monkeypatch.setattr(module, name, 0)
    (run.path / "records").mkdir(exist_ok=True)
    (run.path / "records" / "00001.jsonl").write_bytes(b"{}\n" * 3)
    for _ in range(2):
        with listening(lambda *numbers: calls.append(numbers)):
            Run(run.path).records()
    assert calls == [(3, 9), (9, 9)], "the second reading is of the index"
