"""`bench new`: the component and the test that it writes work unchanged; invalid names are rejected."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SUITES = {
    "task": '[[tasks]]\nuse = "./mine_own.py"\n[[models]]\nuse = "logistic_regression"\n[probes.quality]\n',
    "model": '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "./mine_own.py"\n[probes.quality]\n',
    "engine": (
        '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[probes.quality]\n'
        '[matrix]\nengine = "./mine_own.py"\nthreads = 1\n'
    ),
    "probe": '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[probes.mine_own]\nuse = "./mine_own.py"\n',
}


@pytest.mark.parametrize("kind", SUITES)
def test_what_is_written_can_be_shown_planned_and_run(bench, tmp_path, kind):
    written = bench("new", kind, "mine_own")
    assert written.status == 0, written.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine_own.py", "test_mine_own.py"]
    assert bench("show", kind, "./mine_own.py").out.startswith(f"{kind} mine_own\n")
    (tmp_path / "suite.toml").write_text(SUITES[kind])
    assert bench("plan", "suite.toml").status == 0
    assert bench("run", "suite.toml", "--smoke").status == 2  # the run requires --trust
    ended = bench("run", "suite.toml", "--smoke", "--trust")
    assert ended.status == 0, ended.err


@pytest.mark.slow
@pytest.mark.parametrize("kind", SUITES)
def test_its_own_test_passes(bench, tmp_path, kind):
    bench("new", kind, "mine_own", "--folder", "parts")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "parts"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", SUITES)
def test_what_it_says_next_can_be_pasted(bench, kind):
    output = bench("new", kind, "mine_own").out
    words = next(line for line in output.splitlines() if line.startswith("next: bench try ")).split()[2:]
    assert bench(*words, "--smoke", "--set", "matrix.threads=1").status == 0


def test_a_task_gets_sensitive_attributes_as_its_comments_say(bench, tmp_path):
    pytest.importorskip("fairlearn", reason="the extra `fairness` is not installed")
    bench("new", "task", "mine_own")
    file = tmp_path / "mine_own.py"
    text = file.read_text()
    stated = text.replace("# GROUPS = ", "GROUPS = ").replace(
        '"target": target})', '"target": target}, {"sex": np.where(table[:, 0] > 0, "female", "male")})'
    )
    assert stated.count("sex") == text.count("sex") + 1
    file.write_text(stated)
    suite = SUITES["task"] + "[probes.fairness]\n"
    (tmp_path / "suite.toml").write_text(suite.replace('own.py"', 'own.py"\ngroups = ["race"]'))
    assert 'no sensitive attribute "race"' in bench("plan", "suite.toml").err
    (tmp_path / "suite.toml").write_text(suite)
    assert bench("run", "suite.toml", "--smoke", "--trust").status == 0
    report = next(tmp_path.glob("results/*/report.md")).read_text()
    assert "attribute=sex, group=female" in report


def test_it_says_what_its_test_needs(bench):
    assert "pip install pytest" in bench("new", "model", "mine_own").out


@pytest.mark.parametrize("kind", SUITES)
def test_what_is_written_is_as_a_linter_wants_it(bench, tmp_path, kind):
    pytest.importorskip("ruff", reason="ruff is not installed")
    bench("new", kind, "mine_own")
    rules = ["--isolated", "--line-length=120", "--no-cache"]
    for command in (["check", "--select=E,F,I,B,UP,SIM", *rules], ["format", "--check", *rules]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "."], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("there", ["mine.py", "test_mine.py"])
def test_nothing_is_overwritten_and_nothing_half_written(bench, tmp_path, there):
    (tmp_path / there).write_text("mine")
    ended = bench("new", "model", "mine")
    assert ended.status == 2
    assert f"{there} exists already" in ended.err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "mine")]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a-b", "is no name for a component"),
        ("../x", "is no name for a component"),
        ("1st", "is no name for a component"),
        ("_mine", "is no name for a component"),
        ("größe", "is no name for a component"),
        ("", "is no name for a component"),
        ("class", "is a keyword of Python; choose another name, such as my_class"),
        ("match", "is a keyword of Python"),
        ("torch", "is an installed module, which torch.py would hide"),
        ("json", "is an installed module"),
        ("test_mine", "would be the name of a test"),
    ],
)
def test_a_name_that_would_not_do_is_refused(bench, tmp_path, name, says):
    ended = bench("new", "task", name)
    assert ended.status == 2
    assert says in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "name"), [("model", "mlp"), ("task", "digits"), ("engine", "native"), ("probe", "quality")]
)
def test_a_name_that_a_built_in_component_has_is_refused(bench, tmp_path, kind, name):
    ended = bench("new", kind, name)
    assert ended.status == 2
    assert f'"{name}" is a built-in {kind}' in ended.err
    assert f"my_{name}" in ended.err
    assert not list(tmp_path.iterdir())


def test_a_kind_that_is_not_there_has_a_nearest_spelling(bench):
    assert 'did you mean "model"?' in bench("new", "modl", "mine").err


def test_show_names_what_an_engine_honours(bench):
    bench("new", "engine", "mine_own")
    honoured = "precisions: 32-true, bf16-mixed\ndevices: any\ncompile: {}\n{}deterministic: True\n"
    assert honoured.format(True, "strategies: ddp, fsdp\n") in bench("show", "engine", "native").out
    assert honoured.format(False, "") in bench("show", "engine", "./mine_own.py").out
