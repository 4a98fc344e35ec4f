"""Commands that only read: helpful `--help`, JSON that parses, and a hint at the next step."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest

from bench_suite.cli import COMMANDS, main
from bench_suite.components import discovery

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


@pytest.mark.parametrize("kind", discovery.KINDS)
def test_list_and_show_know_every_component(bench, kind):
    listed = json.loads(bench("list", kind, "--json").out)[kind]
    assert set(discovery.builtin(kind)) <= set(listed)
    for name in discovery.builtin(kind):
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


def test_pairs_that_were_not_asked_for_are_not_said_to_be_left_out(bench):
    for words in (["--only", "task=mnist"], ["-k", "mnist"], ["--only", "task=mnist", "--only", "seed=0"]):
        out = bench("plan", "attribution", *words).out
        lines = out.partition("left out")[2].partition("\n\n")[0].splitlines()[1:]
        assert {line.split(":")[0].strip() for line in lines} == {"mnist × bag_of_words", "mnist × text_cnn"}, words
        left_out = json.loads(bench("plan", "attribution", *words, "--json").out)["left_out"]
        assert {pair["task"] for pair in left_out} == {"mnist"}
    assert "imdb × mlp" in bench("plan", "attribution").out


def test_a_plan_takes_trust_as_a_run_does_and_is_the_same(bench, tmp_path):
    (tmp_path / "s.toml").write_text(SUITE)
    assert bench("plan", "s.toml", "--trust") == bench("plan", "s.toml")
    (tmp_path / "mine.py").write_text(
        'raise SystemExit("it was run")\nMETRICS = {}\ndef probe(trained, options): ...\n'
    )
    (tmp_path / "s.toml").write_text(SUITE + '[probes.mine]\nuse = "./mine.py"\n')
    assert bench("plan", "s.toml", "--trust").status == 0, "a plan runs no code"


def test_a_plan_says_which_packages_the_run_would_stop_for(bench, monkeypatch):
    assert "not installed" not in bench("plan", "responsible").out
    monkeypatch.setitem(sys.modules, "fairlearn", None)
    out = bench("plan", "responsible").out
    assert "fairlearn, needed by probe fairness\n      to get it: pip install 'bench-suite[fairness]'" in out
    assert out.rstrip().splitlines()[-1] == "next: pip install 'bench-suite[fairness]' && bench run responsible"
    document = json.loads(bench("plan", "responsible", "--json").out)
    assert [lack["package"] for lack in document["not_installed"]] == ["fairlearn"]
    assert bench("run", "responsible", "--only", "task=loans", "--smoke").status == 2, "as the plan has it"


def test_a_plan_knows_the_packages_that_a_component_of_ones_own_states(bench, tmp_path):
    (tmp_path / "mine.py").write_text('IMPORTS = ("no_such.part",)\nMETRICS = {}\ndef probe(trained, options): ...\n')
    (tmp_path / "s.toml").write_text(SUITE + '[probes.mine]\nuse = "./mine.py"\n')
    assert "no_such, needed by probe mine\n      to get it: pip install no_such\n" in bench("plan", "s.toml").out


def test_show_tells_all_defaults_and_the_needs_of_choices_in_words(bench):
    out = bench("show", "probe", "attribution").out
    default = ", ".join(f'"{method}"' for method in ("integrated_gradients", "saliency", "input_x_gradient", "random"))
    assert f"default [{default}]\n" in out
    assert "…" not in out
    assert "needs by methods: grad_cam needs convolutions; " in out
    assert "{" not in out
    units = {
        line.index(unit) for unit in ("rank correlation", "forward passes") for line in out.splitlines() if unit in line
    }
    assert len(units) == 1, "a column is straight, however long a name is"


def test_show_tells_in_words_what_a_probe_needs_unless_a_task_is_named(bench):
    out = bench("show", "probe", "ood").out
    assert "needs: shift, unless `against` names another task of the same modality\n" in out
    assert "{" not in out


def test_a_run_of_a_part_is_listed_as_one(bench, tmp_path):
    (tmp_path / "s.toml").write_text(SUITE + "[train]\nepochs = 1\n")
    bench("run", "s.toml", "--smoke")
    assert "a part of" not in bench("results").out
    bench("run", "s.toml", "--smoke", "--only", "model=mlp", "-k", "not seed=7")
    newest = bench("results").out.splitlines()[0]
    assert newest.endswith("part of the suite: --only model=mlp -k 'not seed=7'")
    assert json.loads(bench("results", "--json").out)["runs"][0]["only"] == ["model=mlp", "-k not seed=7"]


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
    assert ended.value.code == 141


@pytest.mark.parametrize(("command", "status"), [("schema", 141), ("list models --json", 141), ("list models", 0)])
def test_a_reader_that_goes_away_is_no_fault(command, status):
    """Text is left unread and the exit status is unchanged; a truncated document ends as with other programs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench_suite", *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", status)


def test_a_fault_of_the_program_ends_with_a_status_that_no_verdict_has(monkeypatch, capsys):
    def broken(*arguments):
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr("click.echo", broken)
    monkeypatch.setattr("bench_suite.cli.say", lambda text, err: sys.stderr.write(text))
    monkeypatch.setattr(sys, "argv", ["bench", "schema"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 70
    stderr = capsys.readouterr().err
    assert "nobody foresaw this" in stderr
    assert "an error in bench itself" in stderr


@pytest.mark.parametrize("command", ["run", "try"])
def test_the_help_of_smoke_names_all_that_it_cuts(bench, command: str) -> None:
    from bench_suite.data.smoke import SMOKE_EXAMPLES, SMOKE_EXAMPLES_PRETRAINED, SMOKE_WORDS

    text = " ".join(bench(command, "--help").out.split())
    assert (
        f"in each split at most {SMOKE_EXAMPLES} examples ({SMOKE_EXAMPLES_PRETRAINED} for a pretrained model), texts "
        f"of at most {SMOKE_WORDS[1]} words, one epoch, and few repetitions of each probe."
    ) in text
    assert "gates are not judged, and the run is never ranked, compared or resumed" in text
