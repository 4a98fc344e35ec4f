"""The CI jobs of `bench init --ci`, step by step, in a clone of a repository whose last commit broke a model."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench_suite.cli import bench
from bench_suite.cli.init import SERVICES, job_files
from bench_suite.cli.scaffold import TEMPLATES

yaml = pytest.importorskip("yaml", reason="PyYAML comes with transformers, of the extra `pretrained`")

ROOT = Path(__file__).parents[2]
SCRIPT = TEMPLATES / "ci" / "bench-ci.sh"
JOBS = {
    path.as_posix(): text
    for service in ("github", "gitlab")
    for path, text in job_files(service, Path("digits.toml")).items()
    if path.suffix == ".yml"
}
COMPARE, COMMENT = ".github/workflows/bench.yml", ".github/workflows/bench-comment.yml"
GITLAB = ".gitlab/bench.yml"
WORKFLOWS = {name: JOBS[name] for name in (COMPARE, COMMENT)} | {"action.yml": (ROOT / "action.yml").read_text()}
SUITE = """
[[tasks]]
use = "digits"
[[models]]
use = "./nearest.py"
[matrix]
threads = 1
[probes.quality]
resamples = 100
[gate]
"quality/accuracy" = { tolerance = 0.03 }
"""
MODEL = '''
"""The class whose mean is nearest."""

import numpy as np
from sklearn.neighbors import NearestCentroid

MODALITIES = ("image",)
PROBLEMS = ("classification",)


class Nearest:
    def fit(self, data, options, report):
        train = data.splits["train"].take(np.arange(len(data.splits["train"])))
        self.rule = NearestCentroid().fit(pixels(train), train["target"])

    def predict(self, split):
        return {"predictions": self.rule.predict(pixels(split.take(np.arange(len(split)))))}


def pixels(raw):
    return raw["image"].reshape(len(raw["image"]), -1).astype(float)


def build(data, options):
    return Nearest()
'''
BROKEN = MODEL.replace("-1).astype(float)", "-1).astype(float)[:, :24]")
SAMPLE = SUITE.replace("[matrix]", '[[models]]\nuse = "logistic_regression"\n[matrix]')
"The suite of the sample comment in the documentation."
SHA = "0123456789" * 4
LIMIT = 65_536
"Characters of a comment that GitHub accepts."


# ── what the files state ────────────────────────────────────────────────────────────────────────


def jobs_of(text: str) -> list[dict[str, Any]]:
    """Return the jobs of a workflow, or what an action runs."""
    document = yaml.safe_load(text)
    return [*document["jobs"].values()] if "jobs" in document else [document["runs"]]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_and_no_expression_becomes_a_part_of_a_command(name):
    for job in jobs_of(WORKFLOWS[name]):
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v1")), step
            assert "${{" not in step.get("run", ""), "an expression in a command lets its value run as code"
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_the_job_that_runs_foreign_code_can_only_read():
    document = yaml.safe_load(JOBS[COMPARE])
    assert document[True] == "pull_request"  # YAML 1.1 reads `on` as true
    assert document["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in document["jobs"].values())
    expressions = re.findall(r"\$\{\{ (.+?) \}\}", JOBS[COMPARE])
    assert expressions == ["github.ref"], "no secret, no token, nothing that the pull request states"


def test_the_job_that_may_write_runs_the_default_branch_and_nothing_more_than_it_needs():
    document = yaml.safe_load(JOBS[COMMENT])
    assert document[True] == {"workflow_run": {"workflows": ["bench"], "types": ["completed"]}}
    assert yaml.safe_load(JOBS[COMPARE])["name"] == "bench"
    assert document["permissions"] == {}
    (job,) = document["jobs"].values()
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}
    checkout, download, comment = job["steps"]
    assert "ref" not in checkout["with"]
    assert "repository" not in checkout["with"]
    assert download["with"]["path"].startswith("${{ runner.temp }}/"), "not over the files that are run"
    assert comment["run"] == "sh .github/bench-ci.sh comment"


def test_the_artifact_of_one_workflow_is_the_one_that_the_other_reads():
    (job,) = jobs_of(JOBS[COMPARE])
    uploads = [step["with"]["name"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    (job,) = jobs_of(JOBS[COMMENT])
    (download,) = [step["with"] for step in job["steps"] if "download-artifact" in step.get("uses", "")]
    assert download["name"] in uploads


def test_every_job_measures_the_suite_with_the_same_script(tmp_path):
    assert sorted(SERVICES) == ["github", "gitlab", "shell"]
    for service in SERVICES:
        texts = job_files(service, Path("digits.toml"))
        assert [text for path, text in texts.items() if path.suffix == ".sh"] == [SCRIPT.read_text()]
    for name, text in JOBS.items():
        for job in yaml.safe_load(text).get("jobs", yaml.safe_load(text)).values():
            for command in commands_of(job) if isinstance(job, dict) else []:
                folder = name.partition("/")[0]
                assert command.startswith(("pip install", f"sh {folder}/bench-ci.sh ")), command
    script = SCRIPT.relative_to(ROOT).as_posix()
    assert WORKFLOWS["action.yml"].count(f"$GITHUB_ACTION_PATH/{script}") == 2


def test_the_inputs_that_the_guide_shows_are_those_of_the_action():
    inputs = yaml.safe_load(WORKFLOWS["action.yml"])["inputs"]
    assert all(entry["description"] for entry in inputs.values())
    guide = (ROOT / "docs" / "guides" / "ci-gate.md").read_text()
    (block,) = re.findall(r"```yaml\n( +- uses: OWNER/.*?)```", guide, re.DOTALL)
    steps = yaml.safe_load(block)
    assert len(steps) == 2
    for step in steps:
        assert set(step["with"]) <= set(inputs)
        assert {name for name, entry in inputs.items() if entry.get("required")} <= set(step["with"])
    (job,) = jobs_of(JOBS[COMMENT])
    assert steps[1]["with"]["output"] == job["steps"][-1]["env"]["BENCH_OUTPUT"]


def commands_of(job: Mapping[str, Any]) -> list[str]:
    return [*job.get("script", []), *(step["run"] for step in job.get("steps", []) if "run" in step)]


def test_the_commands_of_the_script_are_those_of_the_program():
    script = SCRIPT.read_text().replace("\\\n", " ")
    commands = re.findall(r"^\s*bench ((?:run|compare) .+?)\s*(?:>.*)?$", script, re.MULTILINE)
    assert len(commands) == 2
    for words in map(shlex.split, commands):
        command = bench.get_command(None, words[0])
        rest = [word for word in words[1:] if word not in ("${BENCH_OPTIONS:-}", "$trust", "$@")]
        command.make_context("bench", rest, resilient_parsing=False)


def test_the_script_is_valid_for_every_shell_here_and_so_is_the_python_in_it():
    for shell in ("sh", "dash", "bash"):
        if shutil.which(shell):
            assert subprocess.run([shell, "-n", SCRIPT], capture_output=True).stderr == b"", shell
    programs = re.findall(r"<<'PYTHON'[^\n]*\n(.*?)^PYTHON$", SCRIPT.read_text(), re.MULTILINE | re.DOTALL)
    assert len(programs) == 2
    for program in programs:
        compile(program, "bench-ci.sh", "exec")


def test_a_suite_with_a_strange_name_stays_one_value(bench, tmp_path):
    name = 'my: "suite" # $HOME.toml'
    assert bench("init", name, "--ci", "github").status == 0
    (compare,) = jobs_of((tmp_path / COMPARE).read_text())
    (comment,) = jobs_of((tmp_path / COMMENT).read_text())
    for job, command in ((compare, "compare"), (comment, "comment")):
        (step,) = [step for step in job["steps"] if step.get("run", "").endswith(command)]
        assert step["env"]["BENCH_SUITE"] == name
    assert bench("init", name, "--ci", "gitlab").status == 0
    for job in yaml.safe_load((tmp_path / GITLAB).read_text()).values():
        assert job["variables"]["BENCH_SUITE"] == name.replace("$", "$$")


# ── the comment ─────────────────────────────────────────────────────────────────────────────────


@dataclass
class Service:
    """A stub of the programming interface of GitHub and GitLab: one pull request, number 7, with its comments."""

    address: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    head: str = SHA
    requests: list[tuple[str, str]] = field(default_factory=list)
    refused: int = 0
    "Status of the answers to requests that write, if it is not 0."

    def answer(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, Any]:
        """Return the status and the content of an answer."""
        self.requests.append((method, path.partition("?")[0]))
        path, _, query = path.partition("?")
        if method != "GET" and self.refused:
            return self.refused, {"message": "Resource not accessible by integration"}
        if path == "/repos/o/r/pulls/7":
            return 200, {"head": {"sha": self.head}}
        if path == "/user":
            return 200, {"username": "bot"}
        if path in ("/repos/o/r/issues/7/comments", "/projects/3/merge_requests/7/notes"):
            if method == "GET":
                page = int(re.search(r"\bpage=(\d+)", query)[1])
                return 200, self.comments[100 * (page - 1) : 100 * page]
            self.add(body["body"])
            return 201, self.comments[-1]
        match = re.fullmatch(r"/(?:repos/o/r/issues/comments|projects/3/merge_requests/7/notes)/(\d+)", path)
        if match and method in ("PATCH", "PUT"):
            (comment,) = [comment for comment in self.comments if comment["id"] == int(match[1])]
            comment["body"] = body["body"]
            return 200, comment
        return 404, {"message": "Not Found"}

    def add(self, body: str, login: str = "github-actions[bot]", username: str = "bot") -> None:
        """Append a comment."""
        identity = 1000 + len(self.comments)
        author = {"user": {"login": login}, "author": {"username": username}}
        self.comments.append({"id": identity, "body": body, **author})


@pytest.fixture
def service() -> Iterator[Service]:
    """A stub that listens on a port of this machine."""
    stub = Service()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            assert "secret" in (self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or "")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, content = stub.answer(self.command, self.path, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        do_GET = do_POST = do_PATCH = do_PUT = answer

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield stub
    server.shutdown()
    server.server_close()


Post = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def post(tmp_path, service) -> Post:
    """Return `post(text, **environment)`, which writes an artifact and comments as the workflow does."""
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "pull-request").write_text("7\n")

    def run(text: str | None = "### 1 gated metric: 1 regressed\n", **environment: str):
        if text is not None:
            (artifact / "comment.md").write_text(text)
        return subprocess.run(
            ["sh", SCRIPT, "comment"], cwd=tmp_path, capture_output=True, text=True,
            env=clean_environment() | github_environment(service) | {"BENCH_OUTPUT": str(artifact)} | environment,
        )  # fmt: skip

    return run


def clean_environment() -> dict[str, str]:
    """Return the environment without the settings of a CI service, with this program's commands first."""
    ours = ("BENCH_", "CI_", "GITHUB_", "GITLAB_")
    known = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return known | {"OMP_NUM_THREADS": "1", "PATH": path, "no_proxy": "127.0.0.1"}


def github_environment(service: Service) -> dict[str, str]:
    return {
        "BENCH_SUITE": "digits.toml", "BENCH_HEAD_SHA": SHA, "BENCH_RUN_URL": "https://example.org/run/1",
        "GITHUB_TOKEN": "secret", "GITHUB_API_URL": service.address, "GITHUB_REPOSITORY": "o/r",
    }  # fmt: skip


def gitlab_environment(service: Service) -> dict[str, str]:
    return {
        "GITLAB_CI": "true", "CI_API_V4_URL": service.address, "BENCH_GITLAB_TOKEN": "secret", "CI_PROJECT_ID": "3",
        "CI_MERGE_REQUEST_IID": "7", "CI_COMMIT_SHA": SHA,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_the_comment_is_written_once_and_then_updated(service, post, name):
    environment = gitlab_environment(service) if name == "gitlab" else {}
    service.add("Looks good.", "somebody", "somebody")
    first = post(**environment)
    assert first.returncode == 0, first.stderr
    assert "comment written" in first.stdout
    second = post("### 1 gated metric: 1 not worse\n", **environment)
    assert second.returncode == 0, second.stderr
    assert "comment updated" in second.stdout
    assert [comment["id"] for comment in service.comments] == [1000, 1001]
    body = service.comments[1]["body"]
    assert body.startswith("<!-- bench-suite: digits.toml -->\n### 1 gated metric: 1 not worse\n")
    assert f"commit {SHA[:10]}" in body
    if name == "github":
        assert "[log and results](https://example.org/run/1)" in body


def test_the_earlier_comment_is_found_behind_hundreds_of_others(service, post):
    for number in range(250):
        service.add(f"remark {number}", "somebody")
    service.add("<!-- bench-suite: other.toml -->\nanother suite")
    assert post().returncode == 0
    assert "comment updated" in post().stdout
    assert len(service.comments) == 252
    assert service.comments[250]["body"].endswith("another suite")


def test_a_comment_of_somebody_else_is_never_replaced(service, post):
    service.add("<!-- bench-suite: digits.toml -->\nmine", "somebody")
    assert "comment written" in post().stdout
    assert service.comments[0]["body"].endswith("mine")


def test_an_artifact_cannot_choose_another_pull_request(service, post, tmp_path):
    service.head = "f" * 40
    refused = post()
    assert "pull request 7 is at another commit" in refused.stderr
    assert service.requests == [("GET", "/repos/o/r/pulls/7")]
    for number in ("7/../8", "7\n8", "", "٧", "1" * 50):
        (tmp_path / "artifact" / "pull-request").write_text(number)
        refused = post()
        assert refused.returncode == 2
        assert "the number of a pull request" in refused.stderr
    assert len(service.requests) == 1


@pytest.mark.parametrize("name", ["comment.md", "pull-request"])
def test_a_link_in_an_artifact_is_not_followed(service, post, tmp_path, name):
    (tmp_path / "secret").write_text("7")
    post("anything")
    service.requests.clear()
    path = tmp_path / "artifact" / name
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    refused = post(None)
    assert refused.returncode == 2
    assert f"{name} cannot be read" in refused.stderr
    assert all(method == "GET" for method, _ in service.requests)
    path.unlink()
    os.mkfifo(path)
    assert f"{name} is not a file" in post(None).stderr


def test_nobody_is_notified_and_control_characters_are_gone(service, post):
    assert (
        post("@everybody &#64;everybody &commat;everybody #12 \x1b[31m\x00 **regressed**, a &lt; b\n").returncode == 0
    )
    body = service.comments[0]["body"]
    assert not re.search(r"(@|&#64;|&commat;)everybody|#12|\x1b|\x00", body)
    assert "**regressed**, a &lt; b" in body


@pytest.mark.parametrize("letter", ["x", "−", "🐍"])
def test_a_long_comment_is_cut_to_what_the_service_accepts(service, post, letter):
    assert post("### Title\n" + f"{letter * 99}\n" * 5000).returncode == 0
    body = service.comments[0]["body"]
    assert 60_000 < len(body.encode()) <= LIMIT
    assert body.count(letter * 99) > 100
    assert "…cut here" in body
    assert "<sub>Written by" in body


def test_a_refusal_of_the_service_is_reported(service, post):
    service.refused = 403
    refused = post()
    assert refused.returncode == 1
    assert "403" in refused.stderr
    assert "Resource not accessible by integration" in refused.stderr
    assert "secret" not in refused.stderr + refused.stdout


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITHUB_REPOSITORY", "BENCH_HEAD_SHA"])
def test_a_setting_that_is_missing_is_named(post, name):
    refused = post(**{name: ""})
    assert refused.returncode == 2
    assert f"the environment variable {name} is not set" in refused.stderr


# ── the steps ───────────────────────────────────────────────────────────────────────────────────


@dataclass
class Ended:
    """What the steps of a job did."""

    status: dict[str, int] = field(default_factory=dict)
    output: dict[str, str] = field(default_factory=dict)
    artifacts: Path = Path()


@dataclass
class Runner:
    """Runs jobs in the clone `checkout` of a repository, as a runner of a CI service does."""

    folder: Path

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    def git(self, *arguments: str, cwd: str = "checkout") -> str:
        known = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        command = ["git", *known, *arguments]
        return subprocess.run(command, cwd=self.folder / cwd, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            (self.folder / "origin" / name.replace("_", ".")).write_text(text)
        self.git("add", ".", cwd="origin")
        self.git("commit", "-qm", ", ".join(files), cwd="origin")
        return self.git("rev-parse", "HEAD", cwd="origin")

    def run(self, command: str, environment: Mapping[str, str], shell: tuple[str, ...] = ("bash", "-e")):
        """Run one step in the clone; `pip install` is only recorded."""
        stubs = self.folder / "stubs"
        stubs.mkdir(exist_ok=True)
        (stubs / "pip").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{self.folder}/pip.txt"\n')
        (stubs / "pip").chmod(0o755)
        clean = clean_environment()
        environment = clean | {"PATH": f"{stubs}{os.pathsep}{clean['PATH']}"} | environment
        return subprocess.run(
            [*shell, "-c", command], cwd=self.checkout, env=environment, capture_output=True, text=True
        )

    def follow(self, steps: list[dict[str, Any]], values: Mapping[str, str], environment: Mapping[str, str]) -> Ended:
        """Run the steps of a job or of an action; `values` are those of expressions."""
        ended = Ended(artifacts=self.folder / "artifacts")
        for step in steps:
            if not holds(step.get("if", "success()"), values, failed=any(ended.status.values())):
                continue
            if "uses" in step:
                self.use(step, values)
                continue
            own = {name: filled(str(value), values) for name, value in step.get("env", {}).items()}
            process = self.run(step["run"], {**environment, **own})
            ended.status[step["name"]] = process.returncode
            ended.output[step["name"]] = process.stdout + process.stderr
        return ended

    def use(self, step: Mapping[str, Any], values: Mapping[str, str]) -> None:
        """Keep or fetch an artifact; the other actions set up what is here already."""
        kind = step["uses"].partition("@")[0]
        options = {name: filled(str(value), values) for name, value in step.get("with", {}).items()}
        if kind == "actions/upload-artifact":
            target = self.folder / "artifacts" / options["name"]
            target.mkdir(parents=True)
            for name in options["path"].split():
                source = self.checkout / name
                if source.is_dir():
                    shutil.copytree(source, target, dirs_exist_ok=True)
                elif source.exists():
                    shutil.copy(source, target)
        elif kind == "actions/download-artifact":
            shutil.copytree(self.folder / "artifacts" / options["name"], options["path"], dirs_exist_ok=True)
        else:
            assert kind in ("actions/checkout", "actions/setup-python")


def filled(text: str, values: Mapping[str, str]) -> str:
    """Replace each expression by its value."""
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda match: values[match[1]], text)


def holds(condition: str, values: Mapping[str, str], *, failed: bool) -> bool:
    """Evaluate a step's `if`: `always()`, `success()`, or comparisons of a value with a text."""
    if condition in ("always()", "success()"):
        return condition == "always()" or not failed
    comparisons = re.findall(r"([\w.-]+) (==|!=) '([^']*)'", condition)
    assert " && ".join(f"{name} {sign} '{text}'" for name, sign, text in comparisons) == condition
    return not failed and all((values[name] == text) == (sign == "==") for name, sign, text in comparisons)


@pytest.fixture
def runner(tmp_path) -> Runner:
    """A runner with an empty repository `origin`."""
    (tmp_path / "origin").mkdir()
    runner = Runner(tmp_path)
    runner.git("init", "-q", "-b", "main", cwd="origin")
    return runner


def propose(runner: Runner, suite: str, model: str, *, new: bool = False, base_suite: str = SUITE) -> tuple[str, str]:
    """Make a pull request, merge main into it as GitHub does, and clone the result; return the base and the head.

    The branch main goes on after the pull request began. The base has the suite and the model too, unless `new` is
    true: then the pull request adds them.
    """
    start = runner.commit(README_md="") if new else runner.commit(digits_toml=base_suite, nearest_py=MODEL)
    runner.git("checkout", "-qb", "change", cwd="origin")
    head = runner.commit(digits_toml=suite, nearest_py=model, note_txt="a change")
    runner.git("checkout", "-q", "main", cwd="origin")
    base = runner.commit(other_txt="main goes on")
    assert base != start
    runner.git("checkout", "-q", "--detach", cwd="origin")
    runner.git("merge", "-q", "--no-edit", head, cwd="origin")
    runner.git("update-ref", "refs/pull/7/merge", "HEAD", cwd="origin")
    runner.git("checkout", "-q", "main", cwd="origin")
    runner.git("clone", "-q", str(runner.folder / "origin"), "checkout", cwd=".")
    runner.git("fetch", "-q", "origin", "refs/pull/7/merge")
    runner.git("checkout", "-q", "--detach", "FETCH_HEAD")
    return base, head


def write_jobs(runner: Runner, service: str) -> None:
    """Write the files of `bench init --ci` into the clone."""
    for path, text in job_files(service, Path("digits.toml")).items():
        (runner.checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (runner.checkout / path).write_text(text)


def github(runner: Runner, **more: str) -> dict[str, str]:
    """Return the environment of a step of the workflow that compares."""
    return {
        "GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main", "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_STEP_SUMMARY": str(runner.folder / "summary.md"), **more,
    }  # fmt: skip


def compare_on_github(runner: Runner) -> Ended:
    write_jobs(runner, "github")
    (job,) = jobs_of(JOBS[COMPARE])
    return runner.follow(job["steps"], {"github.ref": "refs/pull/7/merge"}, github(runner))


@pytest.mark.slow
def test_the_workflows_find_what_a_pull_request_broke_and_comment_on_it(tmp_path, runner, service):
    base, service.head = propose(runner, SUITE, BROKEN)
    ended = compare_on_github(runner)
    assert ended.status == {"Install": 0, "Compare": 1}, ended.output
    assert "pip.txt" in os.listdir(tmp_path)
    output = ended.output["Compare"]
    assert f"bench-ci: the base, {base}" in output, "main went on, and the pull request was merged with it"
    assert "regressed: quality/accuracy" in output
    line = SUITE.splitlines().index('"quality/accuracy" = { tolerance = 0.03 }') + 1
    assert f"::error file=digits.toml,line={line},title=quality/accuracy%2C digits%2C nearest%2C threads 1::" in output
    summary = (tmp_path / "summary.md").read_text()
    assert "| **regressed** | quality/accuracy" in summary
    assert f"Base: `{base[:10]}`" in summary
    assert 'failures="1"' in (runner.checkout / "bench-ci" / "junit.xml").read_text()
    assert sorted(os.listdir(ended.artifacts / "bench-comment")) == ["comment.md", "pull-request"]
    assert list((ended.artifacts / "bench-results").glob("head/*/records"))
    assert runner.git("worktree", "list").count("\n") == 0, "the tree of the base is removed"
    assert "bench-ci/" not in runner.git("status", "--short")
    # The second workflow, twice, as after a second push.
    (job,) = jobs_of(JOBS[COMMENT])
    values = {
        "runner.temp": str(tmp_path / "temp"), "github.token": "secret", "github.event.workflow_run.id": "5",
        "github.event.workflow_run.head_sha": service.head,
        "github.event.workflow_run.html_url": "https://example.org/run/1",
    }  # fmt: skip
    known = {"GITHUB_API_URL": service.address, "GITHUB_REPOSITORY": "o/r"}
    for _ in range(2):
        ended = runner.follow(job["steps"], values, known)
        assert ended.status == {"Comment": 0}, ended.output
    (comment,) = service.comments
    assert "| **regressed** | quality/accuracy" in comment["body"]
    assert [method for method, _ in service.requests if method != "GET"] == ["POST", "PATCH"]


@pytest.mark.slow
def test_where_the_pull_request_makes_no_run_nothing_is_compared(tmp_path, runner):
    propose(runner, SUITE.replace("[matrix]", "[matrx]"), MODEL)
    ended = compare_on_github(runner)
    assert ended.status == {"Install": 0, "Compare": 2}, ended.output
    assert (
        "::error file=digits.toml,title=digits.toml::Head made no run that can be compared; " in ended.output["Compare"]
    )
    comment = (ended.artifacts / "bench-comment" / "comment.md").read_text()
    assert comment.startswith("### Nothing is compared"), "the comment on an earlier commit must not stay"
    assert "exit status 2" in comment


@pytest.mark.slow
def test_the_pull_request_that_brings_the_suite_is_judged_by_its_bounds_alone(tmp_path, runner):
    propose(runner, SUITE.replace("tolerance = 0.03", "tolerance = 0.03, min = 0.8"), MODEL, new=True)
    ended = compare_on_github(runner)
    assert ended.status == {"Install": 0, "Compare": 0}, ended.output
    assert "gate passed: quality/accuracy" in ended.output["Compare"]
    comment = (ended.artifacts / "bench-comment" / "comment.md").read_text()
    assert "The base has no digits.toml, so only min and max are judged." in comment
    assert "    gate passed: quality/accuracy" in comment


@pytest.mark.slow
def test_the_pull_request_that_mends_a_base_below_its_own_bound_passes(runner):
    propose(runner, SUITE, MODEL, base_suite=SUITE.replace("tolerance = 0.03", "tolerance = 0.03, min = 0.99"))
    ended = compare_on_github(runner)
    assert ended.status == {"Install": 0, "Compare": 0}, ended.output
    assert "gate failed: quality/accuracy" in ended.output["Compare"]
    assert "::error" not in ended.output["Compare"]


@pytest.mark.slow
def test_the_action_does_what_the_workflows_do(tmp_path, runner, service):
    _, service.head = propose(runner, SUITE, BROKEN)
    inputs = yaml.safe_load(WORKFLOWS["action.yml"])["inputs"]
    values = {"github.token": "secret", "github.event.workflow_run.html_url": "",
              "github.event.workflow_run.head_sha": service.head}  # fmt: skip
    defaults = {f"inputs.{name}": filled(str(entry.get("default", "")), values) for name, entry in inputs.items()}
    stated = {"inputs.suite": "digits.toml", "inputs.options": "--trust", "inputs.setup": "cp digits.toml seen.toml"}
    steps = yaml.safe_load(WORKFLOWS["action.yml"])["runs"]["steps"]
    known = github(
        runner, GITHUB_ACTION_PATH=str(ROOT), GITHUB_API_URL=service.address, GITHUB_REPOSITORY="o/r",
    )  # fmt: skip
    ended = runner.follow(steps, defaults | stated, known)
    assert ended.status == {"Install": 0, "Compare": 1}, ended.output
    assert (tmp_path / "pip.txt").read_text() == f"install {ROOT}[samples]\n"
    assert (runner.checkout / "seen.toml").is_file(), "the command of the input setup runs"
    ended = runner.follow(steps, defaults | stated | {"inputs.command": "comment"}, known)
    assert ended.status == {"Comment": 0}, ended.output
    assert "| **regressed** | quality/accuracy" in service.comments[0]["body"]
    assert runner.follow(steps, defaults | stated | {"inputs.command": "x"}, known).status == {"Neither": 2}


@pytest.mark.slow
def test_the_jobs_of_gitlab_compare_with_the_merge_base_and_comment(tmp_path, runner, service):
    _, head = propose(runner, SUITE, BROKEN)
    start = runner.git("merge-base", "origin/main", head)
    runner.git("checkout", "-q", "--detach", head)
    write_jobs(runner, "gitlab")
    jobs = yaml.safe_load(JOBS[GITLAB])
    known = gitlab_environment(service) | {"CI_MERGE_REQUEST_DIFF_BASE_SHA": start}
    statuses = []
    for name in ("bench", "bench-comment"):
        environment = known | {key: str(value) for key, value in jobs[name]["variables"].items()}
        for command in jobs[name]["script"]:
            process = runner.run(command, environment, ("sh", "-e"))
            statuses.append(process.returncode)
            if "compare" in command:
                assert f"bench-ci: the base, {start}" in process.stdout, process.stderr
    assert statuses == [0, 1, 0], process.stderr
    assert (runner.checkout / jobs["bench"]["artifacts"]["reports"]["junit"]).is_file()
    assert "| **regressed** | quality/accuracy" in service.comments[0]["body"]
    assert yaml.safe_load(JOBS[".gitlab-ci.yml"]) == {"include": [{"local": GITLAB}]}


@pytest.mark.slow
def test_the_script_compares_in_a_plain_shell_and_prints_what_an_editor_can_jump_to(runner):
    """The comment is the sample that the documentation shows; only commits, names and hashes differ."""
    _, head = propose(runner, SAMPLE, BROKEN, base_suite=SAMPLE)
    start = runner.git("merge-base", "origin/main", head)
    runner.git("checkout", "-q", "--detach", head)
    write_jobs(runner, "shell")
    page = (ROOT / "docs" / "appendix" / "ci-comment.md").read_text()
    command = re.search(r"^BENCH_SUITE=digits\.toml .*$", page, re.MULTILINE)[0]
    process = runner.run(command, {})
    assert process.returncode == 1, process.stderr
    assert f"bench-ci: the base, {start}" in process.stdout
    line = SAMPLE.splitlines().index('"quality/accuracy" = { tolerance = 0.03 }') + 1
    assert f"\ndigits.toml:{line}: error: quality/accuracy, digits, nearest, threads 1: regressed" in process.stdout
    sample = page.partition("<!-- the comment -->\n")[2]
    assert without_names((runner.checkout / "bench-ci" / "comment.md").read_text()) == without_names(sample)


def without_names(text: str) -> str:
    """Replace commits, hashes and names of runs, which differ each time, and join the blanks of tables."""
    text = re.sub(r"\b\d{8}T\d{6}Z-digits-[0-9a-f]{4}\b", "RUN", text)
    text = text.replace('<details markdown="1">', "<details>")  # MkDocs needs the attribute for the table in it
    return " ".join(re.sub(r"\b[0-9a-f]{7,10}\b", "HASH", text).split())


# ── what can be wrong ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "state the suite: BENCH_SUITE=suite.toml"),
        ({"BENCH_SUITE": "digits.toml"}, "state the branch to compare with: BENCH_BASE=main"),
        ({"BENCH_SUITE": "digits.toml", "BENCH_BASE": "nowhere"}, "there is no branch or commit nowhere"),
        ({"BENCH_SUITE": "digits.toml", "BENCH_BASE": "-x; echo y"}, "there is no branch or commit -x; echo y"),
        ({"BENCH_SUITE": "digits.toml", "BENCH_BASE": "main", "BENCH_OUTPUT": "."}, "must be a folder of its own"),
        ({"BENCH_SUITE": "digits.toml", "BENCH_BASE": "main", "BENCH_OUTPUT": ".git"}, "holds other files"),
        ({"BENCH_SUITE": "other.toml", "BENCH_BASE": "main"}, "Head has no other.toml."),
    ],
)
def test_wrong_settings_end_with_a_message_before_anything_is_measured(runner, environment, message):
    propose(runner, SUITE, MODEL)
    process = runner.run(f"sh {SCRIPT} compare", environment)
    assert process.returncode == 2
    assert message in process.stdout + process.stderr
    assert not list(runner.checkout.glob("bench-ci/*/*"))


def test_what_an_earlier_job_wrote_is_removed_before_anything_can_go_wrong(runner):
    propose(runner, SUITE, MODEL)
    (runner.checkout / "bench-ci").mkdir()
    for name in (".gitignore", "comment.md", "junit.xml", "pull-request"):
        (runner.checkout / "bench-ci" / name).write_text("earlier")
    process = runner.run(f"sh {SCRIPT} compare", {"BENCH_SUITE": "digits.toml", "BENCH_BASE": "nowhere"})
    assert process.returncode == 2
    assert {path.name for path in (runner.checkout / "bench-ci").iterdir()} <= {".gitignore"}
    process = runner.run(f"/bin/sh {SCRIPT} compare", {"BENCH_SUITE": "digits.toml", "PATH": "/usr/bin:/bin"})
    assert "the command bench is not found" in process.stderr


def test_a_shallow_clone_is_told_to_fetch_the_history(tmp_path, runner):
    propose(runner, SUITE, MODEL)
    shutil.rmtree(runner.checkout)
    origin = (runner.folder / "origin").as_uri()
    runner.git("clone", "-q", "--depth", "1", "--no-single-branch", "-b", "change", origin, "checkout", cwd=".")
    process = runner.run(f"sh {SCRIPT} compare", {"BENCH_SUITE": "digits.toml", "BENCH_BASE": "main"})
    assert process.returncode == 2
    assert "fetch the whole history (fetch-depth: 0, GIT_DEPTH: 0)" in process.stderr


def test_what_a_tree_needs_first_is_set_up_in_both(runner):
    """A stub of bench shows in which trees and with which options the suite is run."""
    propose(runner, SUITE, MODEL)
    stub = runner.folder / "stubs" / "bench"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\necho "$(git rev-parse HEAD) $(cat set-up) $*" >> "{runner.folder}/calls.txt"\n'
                    'mkdir -p "$7/run-1" && echo "{}" > "$7/run-1/run.json"\n')  # fmt: skip
    stub.chmod(0o755)
    environment = {
        "BENCH_SUITE": "digits.toml", "BENCH_BASE": "main", "BENCH_OPTIONS": "--trust --set a=*.toml",
        "BENCH_SETUP": "echo 'done' > set-up",
    }  # fmt: skip
    process = runner.run(f"sh {SCRIPT} compare", environment)
    calls = (runner.folder / "calls.txt").read_text().splitlines()
    base, head = runner.git("rev-parse", "origin/main"), runner.git("rev-parse", "HEAD")
    output = runner.checkout / "bench-ci"
    first = f"{base} done run digits.toml --trust --set a=*.toml --results {output}/base --seeds all"
    assert calls[0] == first, process.stderr
    assert calls[1] == (
        f"{head} done run digits.toml --trust --set a=*.toml --results {output}/head --against {output}/base/run-1"
    )


@pytest.mark.parametrize(
    "name",
    [
        "quality/accuracy",
        "quality/accuracy (group few)",
        "quality/accuracy, tolerance 0.02",
        "quality/accuracy, ratio to linear",
        "quality/accuracy (group few), ratio to linear, tolerance 0.05",
    ],
)
def test_an_annotation_is_at_the_line_of_its_gate(tmp_path: Path, name: str) -> None:
    script = SCRIPT.read_text()
    function = script[script.index("def line_of(name):") :].partition("\n\n\n")[0]
    (tmp_path / "s.toml").write_text(
        '[gate]\n"quality/accuracy_gap" = { max = 1 }\n"quality/accuracy" = { min = 0.5 }\n'
    )
    names: dict[str, Any] = {"re": re, "pathlib": pathlib, "suite": str(tmp_path / "s.toml")}
    exec(function, names)
    assert names["line_of"](name) == 3
