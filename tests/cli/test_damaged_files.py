"""Whatever a file of a run contains, each command ends with a message, and the other runs lose nothing."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench_suite.cli import main

SUITE = """
[[tasks]]
use = "loans"

[[models]]
use = "logistic_regression"

[matrix]
seed = [0, 1]

[probes.quality]
resamples = 100

[probes.own]
use = "./own.py"

[gate]
"quality/accuracy" = { tolerance = 0.5 }
"""
OWN = '''
"""A probe with every form of result."""

from bench_suite.contracts import Artifact, Interval, Metric

METRICS = {"count": {"unit": "", "better": "none"}, "share": {"unit": "fraction", "better": "higher", "ideal": 1.0}}


def probe(trained, options):
    yield Metric("count", 1, kind="exact", at={"size": 3})
    yield Metric("share", 0.5, interval=Interval(0.4, 0.6), n=100)
    yield Artifact("curve", "lines", {"x": "n", "y": "a", "series": {"a": [[0, 1], [1, 2]]}}, "A curve")
    yield Artifact("bars", "bars", {"y": "a", "bars": {"a": 1.0, "b": None}, "intervals": {"a": [0, 2]}}, "Bars")
    yield Artifact("table", "table", {"columns": ["a"], "rows": [[1.0], ["x"]]}, "A table")
    yield Artifact("words", "text", [["a", 0.5], ["b", -0.5]], "Words")


def summarise(records, options):
    yield Metric("count", len(records), kind="exact")
    yield Artifact("matrix", "matrix", {"rows": ["a"], "columns": ["b"], "values": [[1]]}, "A matrix")
'''
VALUES: list[Any] = [None, True, -1, 10**400, 1e308, "x", "\ud800", "../../x", [], {}, [None], {"a": 1}]
VALUES.append(json.loads("[" * 60 + "]" * 60))
CONTENTS = [b"", b"{", b"null", b"[]", b"[" * 100_000, b"\xff\xfe{}", b'{"a":' * 600 + b"1" + b"}" * 600, b"NaN"]
FILES = ["run.json", "summaries.json", "environments/*.json", "records/00001.jsonl", "cells/*/own/*.json"]
FILES += ["summaries/own/*.json", "driver.json"]
COMMANDS = [
    ("leaderboard",),
    ("report", "{head}"),
    ("compare", "{base}", "{head}"),
    ("compare", "baseline", "{head}"),
    ("compare", "{head}", "{base}"),
    ("results",),
    ("baseline", "show", "--json"),
    ("baseline", "set", "{head}"),
    ("show", "cell", "{cell}", "--run", "{head}"),
    ("plan", "suite.toml"),
    ("run", "suite.toml", "--trust", "--lf"),
    ("run", "suite.toml", "--trust", "--resume", "--against", "baseline"),
]
QUICK = (0, 5, 7, 8)
"Commands that neither train nor compare nor draw."


def call(*arguments: str) -> tuple[int, str, str]:
    """Return exit status, output and errors of `bench` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    argv, sys.argv = sys.argv, ["bench", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = argv
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


def _start(run: Path) -> str:
    return str(json.loads((run / "run.json").read_bytes())["started"])


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with two runs of one suite and a baseline, and the names that the commands refer to."""
    folder = tmp_path_factory.mktemp("pristine")
    (folder / "suite.toml").write_text(SUITE)
    (folder / "own.py").write_text(OWN)
    with contextlib.chdir(folder):
        for _ in range(2):
            assert call("run", "suite.toml", "--trust")[0] == 0
        runs = (folder / "results").iterdir()
        base, head = (path.name for path in sorted(runs, key=_start))  # both may have begun in the same second
        assert call("baseline", "set", base)[0] == 0
        (folder / "results" / head / "driver.json").write_text('{"process": 1, "since": "2026"}')
        cell = sorted((folder / "results" / head / "cells").iterdir())[0].name
        yield folder, {"base": base, "head": head, "cell": cell}


@pytest.fixture
def copied(
    pristine: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, dict[str, str]]:
    folder = tmp_path / "copy"
    shutil.copytree(pristine[0], folder)
    monkeypatch.chdir(folder)
    return folder, pristine[1]


def fields_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each member of a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*path, key)
        yield from fields_of(member, (*path, key))


def change(entry: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a JSON value with another member at a path."""
    changed = copy.deepcopy(entry)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def remove(entry: Any, path: tuple[Any, ...]) -> Any:
    """Return a copy of a JSON value without the member at a path."""
    changed = copy.deepcopy(entry)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


def damages_of(path: Path, chance: random.Random, number: int | None) -> Iterator[tuple[str, bytes]]:
    """Yield descriptions and contents of a damaged file; a sample of them if a number is given."""
    lines = path.read_bytes().splitlines(keepends=True) if path.suffix == ".jsonl" else [path.read_bytes()]
    entry = json.loads(lines[0])
    rest = b"".join(lines[1:])
    end = b"\n" if rest else b""
    every: list[tuple[str, bytes]] = [("content", content + end + rest) for content in CONTENTS]
    for field in fields_of(entry):
        every += [
            (f"{field} = {str(value)[:20]!a}", json.dumps(change(entry, field, value)).encode() + end + rest)
            for value in VALUES
        ]
        every.append((f"without {field}", json.dumps(remove(entry, field)).encode() + end + rest))
    yield from every if number is None else chance.sample(every, min(number, len(every)))


def check(copied: tuple[Path, dict[str, str]], pattern: str, number: int | None, which: Any) -> None:
    folder, names = copied
    chance = random.Random(0)
    run = folder / "results" / names["head"]
    paths = sorted(run.glob(pattern))
    for path in paths if number is None else paths[:1]:
        original = path.read_bytes()
        for what, content in damages_of(path, chance, number):
            for command in which:
                path.write_bytes(content)
                arguments = [word.format(**names) for word in COMMANDS[command]]
                status, out, err = call(*arguments)
                message = f"{path.name} {what}: bench {' '.join(arguments)}: {status}\n{err[-3000:]}"
                assert "Traceback" not in err, message
                assert status in (0, 1, 2, 3, 4), message
                assert status == 0 or err or out, message
                assert not (folder.parent / "x").exists()
            if number is None:
                status, _, err = call("report", names["base"])
                assert status == 0, f"the other run: {err}"
        path.write_bytes(original)


@pytest.mark.parametrize("pattern", FILES)
def test_no_damaged_field_ends_a_command_with_a_traceback(copied, pattern: str) -> None:
    check(copied, pattern, 3, QUICK)


def test_a_damaged_artifact_costs_its_picture_only(copied) -> None:
    check(copied, "cells/*/own/curve*.json", 2, (1,))


@pytest.mark.slow
@pytest.mark.parametrize("pattern", FILES)
def test_no_damaged_field_of_any_file_ends_any_command_with_a_traceback(copied, pattern: str) -> None:
    check(copied, pattern, None, range(len(COMMANDS)))


def test_the_message_names_file_line_and_field_and_one_record_costs_itself_only(copied) -> None:
    folder, names = copied
    path = folder / "results" / names["head"] / "records" / "00001.jsonl"
    first, second = path.read_bytes().splitlines()
    path.write_bytes(first + b"\n" + json.dumps(change(json.loads(second), ("metrics", 0, "unit"), 5)).encode() + b"\n")
    status, _, err = call("report", names["head"])
    assert status == 0
    assert "records/00001.jsonl, line 2, field metrics[0].unit: it must be text, and is 5" in err
    text = (folder / "reports" / f"{names['head']}.md").read_text()
    assert "1 of 2 cells succeeded" in text
    status, _, err = call("run", "suite.toml", "--trust", "--resume")
    assert status == 0, err
    assert "1 of 2 cells are done" in err


def test_a_damaged_run_of_another_suite_costs_nothing(copied) -> None:
    folder, names = copied
    commands = [[word.format(**names) for word in COMMANDS[number]] for number in QUICK]
    for command in commands:
        call(*command)  # one of them sets the baseline, which the leaderboard compares with
    before = [call(*command)[:2] for command in commands]
    for target in ("20990101T000000Z-other-abcd", "baselines/other"):
        (folder / "results" / target).mkdir(parents=True)
        (folder / "results" / target / "run.json").write_text('{"run": "other", "suite": 5}')
    assert [call(*command)[:2] for command in commands] == before
    status, _, err = call("results")
    assert status == 0
    assert (
        "20990101T000000Z-other-abcd cannot be read as a run: run.json, line 1, field suite: it must be text, and is 5"
        in err
    )


def test_the_ids_of_the_examples_are_checked(copied) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    folder, names = copied
    for path in (folder / "results" / names["head"]).glob("cells/*/predictions-test.parquet"):
        table = parquet.read_table(path)
        ids = pa.array([None, *table.column("example").to_pylist()[1:]], type=pa.int64())
        parquet.write_table(table.set_column(0, "example", ids), path)
    for command in (("report", names["head"]), ("compare", names["base"], names["head"])):
        status, out, err = call(*command)
        assert "Traceback" not in err
        assert status in (0, 4)
    assert "lacks 1 of" in out + err
