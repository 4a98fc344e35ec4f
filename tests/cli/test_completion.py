"""Completion: candidates for the typed words, as a shell requests them, without heavy imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from bench_suite.cli import COMMANDS
from bench_suite.components import discovery
from bench_suite.contracts import Record
from bench_suite.store.runs import Store

CODE = """
import sys, atexit
heavy = {"torch", "numpy", "pandas", "sklearn", "pyarrow", "transformers"}
atexit.register(lambda: print("imported", *sorted(heavy & set(sys.modules)), file=sys.stderr))
from bench_suite.cli import main
main()
"""


@pytest.fixture
def offered(tmp_path):
    """Return bash's candidates for a line whose last word is incomplete."""

    def offered(line: str) -> list[str]:
        words = line.split(" ")
        variables = {"_BENCH_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        done = subprocess.run(
            [sys.executable, "-c", CODE], cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.stderr.strip() == "imported", done.stderr
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    return offered


def record(id: str, seed: int) -> Record:
    return Record("", "s", id, "", {"task": "loans", "model": "mlp", "seed": seed}, {}, "ok")


def test_commands(offered):
    assert offered("bench ") == [*COMMANDS]
    assert offered("bench pl") == ["plan"]


def test_options(offered):
    assert {"--resume", "--smoke", "--lf", "--exitfirst"} <= set(offered("bench run --"))
    assert offered("bench plan --on") == ["--only"]
    assert "--version" in offered("bench --")


@pytest.mark.parametrize("command", ["run", "plan", "data fetch", "show suite"])
def test_suites_are_those_that_ship_and_files(offered, tmp_path, command):
    (tmp_path / "suites").mkdir()
    for name in ("mine.toml", "quick.toml", "suites/more.toml", "other.txt"):
        (tmp_path / name).touch()
    assert offered(f"bench {command} qu") == ["quickstart", "quick.toml"]
    assert offered(f"bench {command} suites/") == ["suites/more.toml"]
    assert offered(f"bench {command} ./m") == ["./mine.toml"]
    assert {"mine.toml", "suites/more.toml", "ci"} <= set(offered(f"bench {command} "))


def test_components(offered, tmp_path):
    (tmp_path / "my_model.py").touch()
    assert offered("bench show model ml") == ["mlp"]
    assert offered("bench show models ml") == ["mlp"]
    assert offered("bench show model ./") == ["./my_model.py"]
    assert offered("bench list mod") == ["models"]
    assert offered("bench show ") == [*(kind[:-1] for kind in discovery.KINDS), "suite", "cell"]
    assert offered("bench try --task ") == discovery.builtin("tasks")
    assert offered("bench try --task digits,mn") == ["digits,mnist"]
    assert offered("bench try --probe qu") == ["quality"]
    assert offered("bench new mod") == ["model"]
    assert offered("bench completion z") == ["zsh"]


def test_runs_and_cells(offered, tmp_path):
    for folder in ("results", "elsewhere"):
        assert offered(f"bench show cell --results {folder} ") == []
    store = Store(tmp_path / "results")
    older, newer = store.create("s", {}), store.create("s", {})
    for run, ids in ((older, ["77aa000000000000"]), (newer, ["9c1e000000000000", "9d00000000000000"])):
        with run.writer() as writer:
            for seed, id in enumerate(ids):
                writer.write(record(id, seed))
    assert set(offered("bench report ")) == {older.name, newer.name}
    assert set(offered("bench run s --resume 2")) == {older.name, newer.name}
    newest = store.runs()[0].run
    assert offered("bench show cell ") == (["77aa0000"] if newest == older.name else ["9c1e0000", "9d000000"])
    assert offered(f"bench show cell --run {newer.name} 9c") == ["9c1e0000"]
    assert offered(f"bench show cell --run {newer.name} 9c1e00000000") == ["9c1e00000000"]


def test_a_store_that_is_no_store_offers_nothing(offered, tmp_path):
    run = Store(tmp_path / "results").create("s", {})
    (run.path / "records" / "00001.jsonl").write_text('torn\n[]\n{"id": 3}\n')
    assert offered("bench show cell ") == []
    assert offered("bench show cells") == []
    assert offered("bench show nothing ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_says_how_to_install_it_and_what_it_asks(bench, tmp_path, shell):
    ended = bench("completion", shell)
    assert ended.status == 0
    assert f"bench completion {shell} > " in ended.out
    assert f"_BENCH_COMPLETE={shell}_complete" in ended.out
    if shutil.which(shell):
        (tmp_path / "script").write_text(ended.out)
        assert subprocess.run([shell, "-n", "script"], cwd=tmp_path, check=False).returncode == 0


def test_an_unknown_shell_has_a_nearest_spelling(bench):
    assert 'did you mean "bash"?' in bench("completion", "bsh").err


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_itself_completes(bench, tmp_path):
    (tmp_path / "script").write_text(bench("completion", "bash").out)
    (tmp_path / "bench").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench_suite "$@"\n')
    (tmp_path / "bench").chmod(0o755)
    code = '. ./script; COMP_WORDS=(./bench show model ml); COMP_CWORD=3; _bench_completion ./bench; echo "$COMPREPLY"'
    done = subprocess.run(["bash", "--norc", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "mlp", done.stderr
