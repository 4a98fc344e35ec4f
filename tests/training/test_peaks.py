"""Peaks: measured from a matrix product, read back from the cache, and safe if the cache file is damaged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench_suite.contracts import BenchError
from bench_suite.training import peaks


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use small matrices and few windows: these tests check the use of a measurement, not its accuracy."""
    monkeypatch.setattr(peaks, "SIZES", {"cpu": (64,)})
    monkeypatch.setattr(peaks, "WINDOW", 0.001)
    monkeypatch.setattr(peaks, "BLOCK_BYTES", 1 << 20)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_peak_is_no_less_than_what_all_products_came_to(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lower bound is the rate over all products of the chosen size: 2·n³ operations each, over the total time."""
    sizes: list[int] = []
    product = peaks._product

    def counted(size: int, device: str, dtype: torch.dtype) -> Callable[[], object]:
        call = product(size, device, dtype)
        assert isinstance(value := call(), torch.Tensor)
        assert (value.shape, value.dtype) == ((size, size), peaks.TYPES[precision])

        def counting() -> object:
            sizes.append(size)
            return call()

        return counting

    monkeypatch.setattr(peaks, "_product", counted)
    began = time.perf_counter()
    measured = peaks.peak("cpu", precision, 1, root=tmp_path)
    seconds = time.perf_counter() - began
    assert measured.rate >= 2 * measured.size**3 * sizes.count(measured.size) / seconds
    assert measured.rate == max(measured.samples)
    assert min(measured.samples) <= measured.median <= measured.rate
    assert len(measured.samples) == peaks.WINDOWS


def test_a_product_counts_two_operations_a_multiply_add(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peaks, "_measure_windows", lambda call, device, count: [(3, 1.5), (1, 1.0)])
    assert peaks.peak("cpu", "32-true", 1, root=tmp_path).samples == (2 * 64**3 * 3 / 1.5, 2 * 64**3 * 1 / 1.0)


def test_what_was_measured_is_found_again_and_anew_replaces_it(quick: None, tmp_path: Path) -> None:
    first = peaks.peak("cpu", "32-true", 1, root=tmp_path)
    assert peaks.peak("cpu", "32-true", 1, root=tmp_path) == first
    assert len([*tmp_path.rglob("*.json")]) == 1
    anew = peaks.peak("cpu", "32-true", 1, anew=True, root=tmp_path)
    assert anew.samples != first.samples
    assert peaks.peak("cpu", "32-true", 1, root=tmp_path) == anew
    assert not [*tmp_path.rglob(".*")], "nothing unfinished is left"


@pytest.mark.parametrize(("precision", "threads"), [("bf16-mixed", 1), ("32-true", 2)])
def test_another_precision_or_number_of_threads_is_another_measurement(
    quick: None, tmp_path: Path, precision: str, threads: int
) -> None:
    peaks.peak("cpu", "32-true", 1, root=tmp_path)
    other = peaks.peak("cpu", precision, threads, root=tmp_path)
    assert (other.precision, other.threads) == (precision, threads)
    assert len([*tmp_path.rglob("*.json")]) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": {}, "peak": {}}', "null"])
def test_a_damaged_file_is_measured_again(quick: None, tmp_path: Path, damage: str) -> None:
    peaks.peak("cpu", "32-true", 1, root=tmp_path)
    (file,) = tmp_path.rglob("*.json")
    file.write_text(damage)
    measured = peaks.peak("cpu", "32-true", 1, root=tmp_path)
    assert measured.rate > 0
    assert json.loads(file.read_text())["peak"]["rate"] == measured.rate


def test_what_another_machine_measured_is_not_taken(quick: None, tmp_path: Path) -> None:
    peaks.peak("cpu", "32-true", 1, root=tmp_path)
    (file,) = tmp_path.rglob("*.json")
    document = json.loads(file.read_text())
    document["key"]["hardware"]["cpu"] = "another"
    document["peak"]["rate"] = 1.0
    file.write_text(json.dumps(document))
    assert peaks.peak("cpu", "32-true", 1, root=tmp_path).rate > 1.0


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(quick: None, tmp_path: Path) -> None:
    (tmp_path / "peaks").write_text("a file where the folder would be")
    assert peaks.peak("cpu", "32-true", 1, root=tmp_path).rate > 0


def test_threads_are_as_they_were_and_so_is_tf32(quick: None, tmp_path: Path) -> None:
    before = torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32
    peaks.peak("cpu", "32-true", before[0] + 1, root=tmp_path)
    peaks.bandwidth("cpu", before[0] + 1)
    assert (torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32) == before


def test_bandwidth_counts_what_is_read_and_what_is_written(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "_measure_windows", lambda call, device, count: [(3, 1.5), (1, 1.0)])
    measured = peaks.bandwidth("cpu", 1)
    assert measured.samples == (2 * measured.size * 3 / 1.5, 2 * measured.size * 1 / 1.0)
    assert measured.rate == measured.samples[0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_a_fault_in_words(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no CUDA device"):
        peaks.peak("cuda", "32-true", 1, root=tmp_path)
