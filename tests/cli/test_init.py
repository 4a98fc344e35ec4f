"""`bench init`: the suite that it writes runs unchanged, and no file is overwritten."""

from __future__ import annotations

import json
import re

import pytest

from bench_suite.cli.init import SERVICES


def test_the_suite_passes_plan_and_a_smoke_run_as_it_stands(bench):
    assert bench("init").status == 0
    planned = bench("plan", "suite.toml", "--json")
    assert len(json.loads(planned.out)["cells"]) == 8
    assert all(not need["download"] and not need["missing"] for need in json.loads(planned.out)["needs"])
    ended = bench("run", "suite.toml", "--smoke")
    assert ended.status == 0, ended.err


@pytest.mark.slow
def test_the_suite_holds_its_own_gate(bench):
    bench("init")
    ended = bench("run", "suite.toml")
    assert ended.status == 0, ended.err
    assert ended.out.count("gate passed") == 4


def test_every_example_in_its_comments_is_right(bench, tmp_path):
    bench("init")
    bench("new", "model", "my_model")
    lines = (tmp_path / "suite.toml").read_text().splitlines()
    example = re.compile(r'# (\[\[|"|\w+ = )')
    text = "\n".join(line.removeprefix("# ") if example.match(line) else line for line in lines)
    (tmp_path / "suite.toml").write_text(text)
    planned = bench("plan", "suite.toml", "--json")
    assert planned.status == 0, planned.err
    cells = [cell["cell"] for cell in json.loads(planned.out)["cells"]]
    assert {cell["task"] for cell in cells} == {"digits", "lumps", "churn"}
    assert {cell["model"] for cell in cells} == {"mlp", "logistic_regression", "my_model"}
    assert {cell.get("train.weight_decay") for cell in cells} == {None, 0.0, 0.01}
    assert {cell["seed"] for cell in cells if cell["task"] == "lumps"} == {0}


def test_nothing_is_overwritten(bench, tmp_path):
    (tmp_path / "suite.toml").write_text("mine")
    ended = bench("init")
    assert ended.status == 2
    assert "suite.toml exists already" in ended.err
    assert (tmp_path / "suite.toml").read_text() == "mine"
    (tmp_path / "suites").mkdir()
    assert bench("init", "suites/other one.toml").status == 0
    assert 'title = "Other one"' in (tmp_path / "suites" / "other one.toml").read_text()


def test_what_it_says_next_can_be_pasted(bench):
    ended = bench("init", "my suite.toml")
    assert "next: bench plan 'my suite.toml'" in ended.out
    assert bench("plan", "my suite.toml").status == 0


def test_a_suite_is_a_toml_file(bench, tmp_path):
    ended = bench("init", "mine")
    assert ended.status == 2
    assert "such as mine.toml" in ended.err
    assert not list(tmp_path.iterdir())


def test_no_folder_is_made(bench, tmp_path):
    ended = bench("init", "no where/x.toml")
    assert ended.status == 2
    assert "there is no folder no where; make it first: mkdir -p 'no where'" in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_the_files_of_a_ci_job_are_written_with_the_suite_and_never_over_others(bench, tmp_path, service):
    (tmp_path / "suites").mkdir()
    ended = bench("init", "suites/mine.toml", "--ci", service)
    assert ended.status == 0, ended.err
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    include = {".gitlab-ci.yml"} if service == "gitlab" else set()
    assert written == {"suites/mine.toml", *SERVICES[service]} | include
    assert {path.removeprefix("written: ") for path in ended.out.splitlines()[: len(written)]} == written
    assert "not the root of a git repository" in ended.out
    again = bench("init", "suites/mine.toml", "--ci", service)
    assert again.status == 2
    assert "exists already" in again.err


def test_a_suite_that_exists_stays_and_gets_a_ci_job(bench, tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "mine.toml").write_text("mine")
    (tmp_path / ".gitlab-ci.yml").write_text("yours")
    ended = bench("init", "mine.toml", "--ci", "gitlab")
    assert ended.status == 0, ended.err
    assert (tmp_path / "mine.toml").read_text() == "mine"
    assert (tmp_path / ".gitlab-ci.yml").read_text() == "yours"
    assert "include:\n    - local: .gitlab/bench.yml" in ended.out
    assert "note:" not in ended.out


def test_a_ci_job_needs_a_suite_inside_the_repository(bench, tmp_path):
    for name in (str(tmp_path / "mine.toml"), "../mine.toml"):
        ended = bench("init", name, "--ci", "github")
        assert ended.status == 2
        assert "state the suite by its path from the root of the repository" in ended.err
    assert not list(tmp_path.iterdir())
    assert 'did you mean "github"' in bench("init", "--ci", "gihub").err
