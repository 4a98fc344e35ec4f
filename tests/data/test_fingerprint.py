"""Ids and hashes depend on content only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.data import fingerprint
from bench_suite.data.fingerprint import content_ids, contents, file_hash, hash_of, recounted, row_hashes
from bench_suite.data.ragged import Ragged


@given(st.lists(st.text(alphabet=st.characters(codec=None), max_size=4), max_size=40))
def test_ids_are_unique_and_equal_texts_share_their_content(texts: list[str]) -> None:
    ids = content_ids(texts)
    assert ids.dtype == np.int64
    assert len(set(ids.tolist())) == len(texts)
    assert (ids >= 0).all()
    same = contents(ids)[:, None] == contents(ids)[None, :]
    assert (same == (np.array(texts, dtype=object)[:, None] == np.array(texts, dtype=object)[None, :])).all()


def test_the_order_of_other_rows_does_not_change_an_id() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    order = np.random.default_rng(1).permutation(50)
    assert (content_ids(images)[order] == content_ids(images[order])).all()


def test_ids_are_the_same_in_every_process() -> None:
    code = (
        "import numpy as np; from bench_suite.data.fingerprint import content_ids, hash_of;"
        "print(content_ids(['a', 'b', 'a']).tolist(), hash_of({'b': 1, 'a': [np.arange(3), 'x', None]}))"
    )
    expected = f"{content_ids(['a', 'b', 'a']).tolist()} {hash_of({'a': [np.arange(3), 'x', None], 'b': 1})}"
    for seed in ("1", "2"):
        process = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert process.stdout.strip() == expected, process.stderr


def test_ids_stay_what_stored_runs_hold() -> None:
    """A change of the ids would prevent pairing of stored predictions with new ones."""
    assert content_ids(["a", "b", "a"]).tolist() == [6988878510144, 5832091792004, 24581064554560]
    assert content_ids(np.arange(4, dtype=np.float64).reshape(2, 2)).tolist() == [13933474043186, 15042686427072]
    table = np.array([[0.5, 1.0], [np.nan, 2.0], [0.5, 1.0]])
    assert content_ids(table).tolist() == [5786400659900, 13534127595765, 23378586704316]
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert content_ids(pixels).tolist() == [446706121192, 15047959520596]


def test_ids_do_not_depend_on_how_many_rows_are_hashed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(0).normal(size=(50, 3))
    at_once = content_ids(table)
    monkeypatch.setattr(fingerprint, "ROWS_BYTES", 7 * 24)
    assert np.array_equal(content_ids(table), at_once)


def test_ids_of_some_rows_are_counted_among_these_rows() -> None:
    table = np.random.default_rng(0).integers(0, 3, (200, 2))
    rows = np.random.default_rng(1).permutation(200)[:80]
    assert np.array_equal(recounted(content_ids(table)[rows]), content_ids(table[rows]))


def test_small_numbers_that_a_task_gives_as_ids_are_contents_of_their_own() -> None:
    assert (contents(np.arange(1000)) == np.arange(1000)).all()


def test_byte_order_does_not_matter() -> None:
    numbers = np.arange(6, dtype=np.int32).reshape(3, 2)
    assert (content_ids(numbers) == content_ids(numbers.astype(">i4"))).all()
    assert hash_of(numbers) == hash_of(numbers.astype(">i4"))


def test_columns_count_together() -> None:
    text, number = ["a", "a", "b"], np.array([1, 2, 1])
    assert len(set(contents(content_ids(text, number)).tolist())) == 3
    assert len(set(contents(content_ids(text, np.array([1, 1, 1]))).tolist())) == 2


def test_ragged_rows_and_bytes_have_ids_too() -> None:
    ids = content_ids(Ragged.from_lists([[1, 2], [1], [1, 2]]))
    assert contents(ids)[0] == contents(ids)[2] != contents(ids)[1]
    assert (content_ids([b"a", b"b"]) == content_ids(["a", "b"])).all()


def test_no_rows_have_no_ids() -> None:
    assert content_ids([]).shape == (0,)
    assert content_ids(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        ((["a"], "b"), (["a", "b"],)),
        ((1,), ("1",)),
        ((np.zeros(4),), (np.zeros((2, 2)),)),
        ((np.zeros(1, np.int32),), (np.zeros(1, np.float32),)),
        ((None,), ("null",)),
        ((b"a",), ("a",)),
        (({"a": 1},), (["a", 1],)),
    ],
)
def test_what_differs_hashes_differently(one: tuple, other: tuple) -> None:
    assert hash_of(*one) != hash_of(*other)


def test_rows_of_equal_content_and_columns_have_equal_hashes() -> None:
    ids = content_ids(["a", "b", "a", "a"])
    assert len(set(row_hashes(ids).tolist())) == 2
    hashes = row_hashes(ids, np.array([0, 0, 0, 1]), ["x", "x", "x", "x"]).tolist()
    assert (hashes[0] == hashes[2], len(set(hashes))) == (True, 3)
    one, other = np.array([0, 1, 2, 3]), np.array([3, 2, 1, 0])
    assert not (row_hashes(ids, one, other) == row_hashes(ids, other, one)).any()


@pytest.mark.parametrize(
    ("column", "equal", "other"),
    [
        (np.array([1, -2]), np.array([1, -2], np.int8), np.array([2, 2])),
        (np.array([True, False]), np.array([1, 0]), np.array([0, 1])),
        (np.array([0.0, 2.5]), np.array([-0.0, 2.5], np.float16), np.array([0.1, 2.6])),
        (np.array(["a", "b"]), np.array(["a", "b", "long"])[:2], np.array(["A", "B"])),
        (np.array(["a", None], dtype=object), ["a", None], ["b", "None"]),
        ([np.int64(3), np.float64(0.5)], [3, 0.5], ["3", "0.5"]),
        (Ragged.from_lists([[1], [2, 3]]), Ragged.from_lists([[1], [2, 3]]), Ragged.from_lists([[1, 2], [3]])),
        (np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]]), np.array([[1, 3], [3, 5]])),
    ],
)
def test_columns_of_any_form_are_hashed_by_their_values(column, equal, other) -> None:
    ids = content_ids(["a", "b"])
    assert np.array_equal(row_hashes(ids, column), row_hashes(ids, equal))
    assert not (row_hashes(ids, column) == row_hashes(ids, other)).any()


def test_a_file_is_hashed_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").write_bytes(b"content")
    assert file_hash(tmp_path / "a") == file_hash(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"other")
    assert file_hash(tmp_path / "a") != file_hash(tmp_path / "b")
