"""The commands that read: their help teaches, their JSON parses, and each says what to do next."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest

from bench_suite import components
from bench_suite.cli import COMMANDS, main

SUITE = '[[tasks]]\nuse = "loans"\n[[models]]\nuse = "mlp"\n[probes.quality]\n'


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(bench, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = bench(command, "--help")
    assert ended.status == 0
    assert f"Usage: bench {command}" in ended.out
    examples = [line for line in ended.out.splitlines() if line.startswith(f"    bench {command}")]
    assert examples, ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_the_help_of_all_names_each_command_and_the_exit_status(bench):
    for flag in ("--help", "-h"):
        ended = bench(flag)
        assert ended.status == 0
        for command, summary in COMMANDS.items():
            assert f"  {command} " in ended.out
            assert summary in " ".join(ended.out.split())
        assert "Exit status" in ended.out
    assert bench("--version").out.startswith("bench, version ")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_summary_is_the_beginning_of_what_its_help_says(bench, command):
    assert COMMANDS[command].split()[0] in bench(command, "--help").out


READING = {
    ("plan", "quickstart"): "cells",
    ("list",): "tasks",
    ("list", "models"): "models",
    ("list", "suites"): "suites",
    ("show", "model", "mlp"): "options",
    ("show", "probes", "quality"): "options",
    ("show", "suite", "quickstart"): "text",
    ("results",): "runs",
    ("data",): "tasks",
}


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_json_parses_and_names_its_schema(bench, arguments):
    ended = bench(*arguments, "--json")
    assert (ended.status, ended.err) == (0, "")
    document = json.loads(ended.out)
    assert document["schema"] == 1
    assert READING[arguments] in document


def test_the_plan_as_json_has_each_cell_with_its_probes(bench, tmp_path):
    (tmp_path / "s.toml").write_text(SUITE + "[matrix]\nseed = [0, 1]\n")
    document = json.loads(bench("plan", "s.toml", "--json").out)
    assert [cell["cell"]["seed"] for cell in document["cells"]] == [0, 1]
    for cell in document["cells"]:
        assert set(cell) == {"id", "unit", "cell", "probes"}
        assert cell["probes"] == {"quality": {"applies": True, "reason": None, "unfit": {}}}


@pytest.mark.parametrize("kind", components.KINDS)
def test_list_and_show_know_every_component(bench, kind):
    listed = json.loads(bench("list", kind, "--json").out)[kind]
    assert set(components.builtin(kind)) <= set(listed)
    for name in components.builtin(kind):
        assert listed[name]
        assert not listed[name].startswith("does not load")
        shown = bench("show", kind[:-1], name)
        assert shown.status == 0
        assert shown.out.startswith(f"{kind[:-1]} {name}\n")
        assert json.loads(bench("show", kind[:-1], name, "--json").out)["name"] == name


def test_show_says_type_default_bounds_and_help_of_each_option(bench):
    out = bench("show", "model", "mlp").out
    assert "hidden: a list of integers, each 1 or more; default [128]" in out
    assert "dropout: a number, from 0.0 to 0.99; default 0.0" in out
    assert "Width of each hidden layer" in out


def test_the_schema_is_json(bench):
    assert json.loads(bench("schema").out)["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("arguments", [["plan", "quickstart"], ["list"], ["results"], ["data"]], ids=" ".join)
def test_each_command_ends_by_saying_what_one_would_do_next(bench, arguments):
    assert bench(*arguments).out.rstrip().splitlines()[-1].startswith("next: bench ")


def test_what_plan_says_next_can_be_pasted(bench, tmp_path):
    (tmp_path / "my suite.toml").write_text(SUITE)
    out = bench("plan", "my suite.toml", "--set", "train.epochs=1", "--only", "seed=0").out
    assert "next: bench run 'my suite.toml' --set train.epochs=1 --only seed=0" in out


def test_plan_names_what_does_not_apply_and_what_is_left_out(bench, tmp_path):
    probe = 'NEEDS = ("gradients",)\nMETRICS = {}\ndef probe(trained, options): ...\n'
    (tmp_path / "mine.py").write_text(probe)
    (tmp_path / "s.toml").write_text(
        SUITE + '[[models]]\nuse = "logistic_regression"\n[[models]]\nuse = "cnn"\n'
        '[[tasks]]\nuse = "mnist"\n[probes.mine]\nuse = "./mine.py"\n'
    )
    out = bench("plan", "s.toml").out
    assert "mine: needs gradients (loans/logistic_regression, mnist/logistic_regression)" in out
    assert "loans × cnn: takes image, the task is table" in out
    assert "run only with --trust" in out


def test_output_that_cannot_show_a_name_shows_all_the_rest(tmp_path):
    (tmp_path / "s.toml").write_text(SUITE.replace('"mlp"', '"mlp"\nname = "模型"'), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "bench_suite", "plan", "s.toml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert r"loans, \u6a21\u578b, seed 0" in done.stdout


def test_a_reader_that_goes_away_amid_a_command_is_no_fault(monkeypatch):
    def gone(*arguments):
        raise BrokenPipeError(errno.EPIPE, "gone")

    monkeypatch.setattr("click.echo", gone)
    monkeypatch.setattr(sys, "argv", ["bench", "schema"])
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0


def test_a_reader_that_goes_away_is_no_fault():
    code = f"{sys.executable} -m bench_suite schema | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
