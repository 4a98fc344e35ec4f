"""Tables in the cache are those of the files' content, whole, and equal to what the files give."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_suite.data import table_cache
from bench_suite.data.cache import Cache
from bench_suite.data.own_data import Assembled
from bench_suite.data.sources import Sources
from bench_suite.data.splits import clusters_of
from bench_suite.tasks import files

ROWS = "x,n,w,who,y\n" + "".join(
    f"{n % 7}.5,{n % 11},{'ab'[n % 2]},p{n % 5},{'no' if n % 3 else 'yes'}\n" for n in range(60)
)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Assembled, bool]]:
    """Return a function that loads the file, and whether it had to be parsed."""
    monkeypatch.setattr(table_cache, "MIN_BYTES", 1)
    parsed: list[Any] = []
    parse = table_cache.read_tables
    monkeypatch.setattr(table_cache, "read_tables", lambda *args: parsed.append(1) or parse(*args))
    sources = Sources(offline=True, cache=Cache(tmp_path / "cache"))

    def load(path: Path, **options: Any) -> tuple[Assembled, bool]:
        parsed.clear()
        stated = files.Options(path=str(path), **{"label": "y", **options})
        return files.assemble(stated, sources), bool(parsed)

    return load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(ROWS)
    return path


def assert_equal(one: Assembled, other: Assembled) -> None:
    for role, split in one.data.splits.items():
        again = other.data.splits[role]
        columns, same = split.take(np.arange(len(split))), again.take(np.arange(len(again)))
        for name, values in columns.items():
            assert values.dtype == same[name].dtype
            assert np.array_equal(values, same[name], equal_nan=values.dtype.kind == "f")
        assert np.array_equal(split.ids, again.ids)
        assert {name: groups.tolist() for name, groups in split.groups.items()} == {
            name: groups.tolist() for name, groups in again.groups.items()
        }
        clusters = clusters_of(split)
        assert np.array_equal(clusters, clusters_of(again)) if clusters is not None else clusters_of(again) is None
    facts = [replace(assembled, data=replace(assembled.data, splits={})) for assembled in (one, other)]
    assert facts[0] == facts[1]
    assert list(one.data.splits) == list(other.data.splits)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"groups": ("w",), "split": {"test": 0.2, "validation": 0.2, "by": "who"}},
        {"label": "x", "missing_values": ("0.5",), "columns": {"who": "ignore"}, "duplicates": "keep"},
    ],
)
def test_the_second_time_everything_is_equal_and_nothing_is_parsed(
    read: Callable[..., tuple[Assembled, bool]], file: Path, options: dict[str, Any]
) -> None:
    (first, parsed), (second, parsed_again) = read(file, **options), read(file, **options)
    assert (parsed, parsed_again) == (True, False)
    assert_equal(first, second)


def test_a_file_rewritten_under_the_same_time_stamp_gives_the_new_labels(
    read: Callable[..., tuple[Assembled, bool]], file: Path
) -> None:
    before, stamp = read(file)[0], file.stat()
    file.write_text(ROWS.replace("yes", "Yes"))
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (stamp.st_size, stamp.st_mtime_ns)
    assert before.data.spec["classes"] == ("no", "yes")
    assert read(file)[0].data.spec["classes"] == ("Yes", "no")
    file.write_text(ROWS)
    assert read(file)[0].data.spec["classes"] == ("no", "yes")


def test_a_file_rewritten_while_it_is_read_is_not_stored_as_what_it_was(
    read: Callable[..., tuple[Assembled, bool]], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = table_cache.read_tables

    def rewrite_first(*args: Any) -> Any:
        file.write_text(ROWS.replace("yes", "Yes"))
        return parse(*args)

    with monkeypatch.context() as patched:
        patched.setattr(table_cache, "read_tables", rewrite_first)
        read(file)
    file.write_text(ROWS)
    assert read(file)[0].data.spec["classes"] == ("no", "yes")


def test_options_names_and_code_count(
    read: Callable[..., tuple[Assembled, bool]], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(file)
    assert read(file, columns={"x": "category"})[1]
    assert read(file, split={"test": 0.5})[1]
    other = file.rename(file.with_name("b.csv"))
    assert read(other)[0].data.source.name == "b.csv"
    assert not read(other)[1]
    (file.parent / "moved").mkdir()
    assert not read(other.rename(file.parent / "moved" / "b.csv"))[1]
    monkeypatch.setattr(table_cache, "_code", lambda: "other code")
    assert read(file.parent / "moved" / "b.csv")[1]


@pytest.mark.parametrize("damage", ["flip", "cut", "facts", "missing"])
def test_a_damaged_entry_is_computed_again(
    read: Callable[..., tuple[Assembled, bool]], file: Path, tmp_path: Path, damage: str
) -> None:
    before = read(file)[0]
    arrays = sorted((tmp_path / "cache").rglob("*.npy"), key=lambda path: path.stat().st_size)
    largest = next(path for path in arrays if (b"yes" in path.read_bytes()) == (damage == "facts"))
    content = bytearray(largest.read_bytes())
    if damage == "missing":
        largest.unlink()
    elif damage == "facts":
        largest.write_bytes(content.replace(b"yes", b"yez"))
    else:
        content[-1] ^= 1
        largest.write_bytes(content if damage == "flip" else content[:-20])
    again, parsed = read(file)
    assert parsed
    assert_equal(before, again)
    assert not read(file)[1]


def test_texts_and_small_files_are_not_stored(
    read: Callable[..., tuple[Assembled, bool]], tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text("text,y\n" + "".join(f"word {n},{'ab'[n % 2]}\n" for n in range(40)))
    assert read(texts)[0].modality == "text"
    assert read(texts)[1]
    monkeypatch.setattr(table_cache, "MIN_BYTES", 4 << 20)
    read(file)
    assert read(file)[1]
    assert not list((tmp_path / "cache").rglob("*.npy"))
