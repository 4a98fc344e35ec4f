"""`bench ab` from the command line: on real repositories, with processes of both revisions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.ab import conftest as repositories

project, repository = repositories.project, repositories.repository
ROOT = Path(__file__).parents[2]


def start(*words: str, path: Path | None = None, **more) -> subprocess.Popen:
    paths = [str(ROOT / "benchmarks"), *([str(path)] if path else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench_suite", "ab", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **more)


def ab(*words: str, path: Path | None = None) -> tuple[int, str, str]:
    """Return exit status, output and errors of `bench ab`, with a further folder on the path of Python."""
    process = start(*words, path=path)
    output, errors = process.communicate(timeout=500)
    return process.returncode, output, errors


@pytest.mark.slow
def test_a_slowdown_is_detected_and_equal_commits_are_not_slower(project):
    slow = project.commit_work(200_000)
    project.git("commit", "-q", "--allow-empty", "-m", "Nothing")
    status, output, errors = ab("HEAD~2", "HEAD", "--suite", "suite.toml", "--trust", "--json")
    assert output, errors
    document = json.loads(output)
    assert (status, document["status"]) == (1, 1), errors
    train = document["timings"][0]
    assert train["verdict"] == "slower"
    assert 1.5 < train["ratio"] < 2.6
    assert train["low"] > 1.0
    assert document["base"]["commit"] != slow
    stored = list((project.path / "results" / "ab").glob("*.json"))
    assert json.loads(stored[0].read_text()) == document
    assert len(project.git("worktree", "list").splitlines()) == 1
    status, output, errors = ab("HEAD~1", "HEAD", "--suite", "suite.toml", "--trust", "--margin", "40%")
    assert status == 0, output + errors
    assert "not slower by 0.4" in output


@pytest.mark.slow
def test_a_bisection_names_the_commit(project):
    for _ in range(2):
        project.commit("Nothing")
    slow = project.commit_work(250_000)
    project.commit("Nothing more")
    status, output, errors = ab(
        "HEAD~4", "--suite", "suite.toml", "--trust", "--bisect", "--json", "--margin", "20%", "--budget", "5m"
    )
    assert status == 1, errors
    assert json.loads(output)["bisection"]["suspects"] == [slow]


def test_the_working_tree_is_measured_as_it_is_and_a_broken_one_fails(project):
    project.write("model.py", 'raise RuntimeError("broken")\n' + (project.path / "model.py").read_text())
    status, output, errors = ab("HEAD", ".", "--suite", "suite.toml", "--trust", "--budget", "2m")
    assert status == 3, output + errors
    assert "FAILED in head" in output
    assert "broken" in output


def test_a_crash_of_a_process_is_a_failure_of_its_cell(project):
    model = (project.path / "model.py").read_text()
    project.write("model.py", model.replace("        total = 0", "        import os\n\n        os.abort()"))
    status, output, errors = ab("HEAD", ".", "--suite", "suite.toml", "--trust", "--budget", "2m")
    assert status == 3, output + errors
    assert "its process ended: ended by SIGABRT" in output


def test_each_side_imports_its_own_version_of_a_package_of_the_repository(project):
    model = (project.path / "model.py").read_text()
    project.write("model.py", model.replace("import numpy", "import of_this_project\nimport numpy"))
    project.write("src/of_this_project/__init__.py", "")
    project.commit("A package")
    project.write("src/of_this_project/__init__.py", 'raise RuntimeError("of head only")')
    project.commit("It breaks")
    words = ["HEAD~1", "HEAD", "--suite", "suite.toml", "--trust", "--budget", "2m"]
    status, output, errors = ab(*words, path=project.path / "src")
    assert status == 3, output + errors
    assert "FAILED in head" in output
    assert "of head only" in output


def test_a_revision_that_imports_the_working_tree_is_refused(project):
    model = (project.path / "model.py").read_text()
    lines = f'import sys\n\nsys.path.append("{project.path}/src")\nimport of_this_project\nimport numpy'
    project.write("model.py", model.replace("import numpy", lines))
    project.write("src/of_this_project.py", "")
    project.commit("A module")
    status, _, errors = ab("HEAD", "HEAD", "--suite", "suite.toml", "--trust", "--budget", "2m")
    assert status == 2, errors
    assert "imports of_this_project from the working tree" in errors


def test_bad_requests_end_with_2_and_say_what_to_do(project, tmp_path):
    requests = {
        ("nothing", "--suite", "suite.toml"): 'there is no revision "nothing"',
        ("HEAD", "--suite", "nothing.toml"): "nothing.toml does not exist in",
        ("HEAD", "--suite", "suite.toml"): "add --trust",
        ("HEAD",): "Missing option '--suite'",
        (): "Missing argument 'BASE'",
        ("HEAD", "--suite", "suite.toml", "--budget", "soon"): "is no time such as",
        ("HEAD", "--suite", "suite.toml", "--margin", "-1"): "is not above 0",
        ("HEAD", "--suite", "suite.toml", "--trust", "--base-python", "/nothing"): "is no Python interpreter",
        (".", ".", "--suite", "suite.toml", "--trust", "--bisect"): "--bisect searches among commits",
    }
    for words, message in requests.items():
        status, _, errors = ab(*words)
        assert status == 2, words
        assert message in errors


def test_a_suite_that_base_lacks_is_named_with_the_commit_that_added_it(project):
    project.write("other.toml", (project.path / "suite.toml").read_text())
    added = project.commit("Add the other suite")
    status, _, errors = ab("HEAD~1", "--suite", "other.toml", "--trust")
    assert status == 2
    assert f"{added[:7]} added it" in errors.replace("\n", " ")
    assert "--same-suite" in errors


def test_ctrl_c_ends_with_130_and_leaves_no_worktree(project):
    # A background job of a shell ignores Ctrl-C, and what it starts would too.
    process = start(
        "HEAD", "HEAD", "--suite", "suite.toml", "--trust", start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "timings" in line:
            break
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted" in output
    assert len(project.git("worktree", "list").splitlines()) == 1


def test_error_rates_of_stated_noise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, output, _ = ab("--error-rates", "--noise", "2%", "--json")
    assert status == 0
    rates = {entry["slowdown"]: entry for entry in json.loads(output)["rates"]}
    assert rates[0.0]["slower"] <= 0.01
    assert rates[0.05]["slower"] >= 0.95
    assert rates[0.15]["median_blocks"] < rates[0.05]["median_blocks"]
