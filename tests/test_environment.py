"""The environment of a run is described quickly, the same each time, and without names or paths."""

import getpass
import json
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from bench_suite import environment


def test_the_description_names_hardware_and_versions() -> None:
    described = environment.describe()
    assert described["hardware"]["cpu"]
    assert 1 <= described["hardware"]["usable_cores"] <= described["hardware"]["cores"]
    assert described["packages"]["numpy"] == metadata.version("numpy")
    assert described["packages"]["bench-suite"] == metadata.version("bench-suite")
    assert described["python"]["version"] == ".".join(map(str, sys.version_info[:3]))


def test_each_version_is_the_one_that_the_packages_metadata_state() -> None:
    """They are read from the headers alone, without the long description."""
    packages = environment.describe()["packages"]
    assert packages == {name: metadata.version(name) for name in packages}


def test_the_same_machine_gives_the_same_description() -> None:
    assert json.dumps(environment.describe()) == json.dumps(environment.describe())


def test_no_name_and_no_path_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    described = environment.describe()
    text = json.dumps(described)
    assert described["threads"]["OMP_NUM_THREADS"] == "2"
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
    for name in (getpass.getuser(), socket.gethostname()):
        assert f'"{name}"' not in text


def test_describing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from bench_suite import environment; environment.describe();"
        "print({'torch', 'numpy', 'pandas', 'sklearn'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, "-C", str(tmp_path), *words], check=True, capture_output=True)

    git("init", "-b", "trunk")
    (tmp_path / "suite.toml").write_text("title = 'x'\n")
    git("add", ".")
    git("commit", "-m", "x")
    return tmp_path


def test_git_state_is_commit_branch_and_whether_tracked_files_differ(repository: Path) -> None:
    clean = environment.git_state(repository)
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert (clean["branch"], clean["dirty"]) == ("trunk", False)
    (repository / "results").mkdir()
    (repository / "results" / "new").write_text("")
    assert environment.git_state(repository / "results") == clean
    (repository / "suite.toml").write_text("title = 'y'\n")
    changed = environment.git_state(repository)
    assert changed is not None
    assert {**changed, "changes": ""} == clean | {"dirty": True, "changes": ""}
    assert environment.git_state(repository / "results") == changed, "the same changes, the same hash"
    (repository / "suite.toml").write_text("title = 'z'\n")
    assert environment.git_state(repository) != changed


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    subprocess.run(["git", "-C", str(repository), "checkout", "--detach"], check=True, capture_output=True)
    state = environment.git_state(repository)
    assert state is not None
    assert state["branch"] is None


def test_before_the_first_commit_there_is_no_commit(tmp_path: Path) -> None:
    subprocess.run(["git", "-C", str(tmp_path), "init", "-b", "trunk"], check=True, capture_output=True)
    assert environment.git_state(tmp_path) == {"commit": None, "branch": "trunk", "dirty": False}


def test_outside_a_repository_or_without_git_there_is_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment.git_state(tmp_path) is None
    assert environment.git_state(tmp_path / "absent") is None
    monkeypatch.setenv("PATH", "")
    assert environment.git_state(tmp_path) is None


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (2048, "2.0 KiB"), (110_592, "108 KiB"),
     (1.5 * 2**20, "1.5 MiB"), (1.5 * 2**30, "1.5 GiB"), (2**42, "4096 GiB")],
)  # fmt: skip
def test_a_size_is_written_in_binary_units(size: float, text: str) -> None:
    assert environment.format_bytes(size) == text


def test_reading_the_state_runs_nothing_that_the_repository_configures(repository: Path, tmp_path: Path) -> None:
    """Every command that a repository can name leaves a file behind: monitor, hooks, filters, drivers, transports."""
    trace = tmp_path / "trace"
    trace.mkdir()

    def git(*words: str, folder: Path = repository) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]
        subprocess.run(["git", *identity, "-C", str(folder), *words], check=True, capture_output=True)

    def leaving(name: str) -> str:
        return f"touch '{trace / name}'; cat"

    inner = tmp_path / "inner"
    git("init", "-b", "trunk", str(inner))
    git("commit", "--allow-empty", "-m", "x", folder=inner)
    git("submodule", "add", str(inner), "module")
    names = ("clean", "process=odd.name", "textconv")
    (repository / ".gitattributes").write_text(
        "a filter=clean diff=clean\nb filter=process=odd.name\nc diff=textconv\n", encoding="utf-8"
    )
    for name in "abc":
        (repository / name).write_text("1")
    git("add", ".")
    git("commit", "-m", "files")
    commands = {
        "core.fsmonitor": leaving("monitor"),
        f"filter.{names[0]}.clean": leaving("clean"),
        f"filter.{names[0]}.required": "true",
        f"filter.{names[1]}.process": leaving("process"),
        "diff.external": leaving("external"),
        "diff.textconv.textconv": leaving("textconv"),
        "diff.clean.command": leaving("command"),
        "core.pager": leaving("pager"),
        "core.sshCommand": leaving("ssh"),
        "core.hooksPath": str(tmp_path / "hooks"),
    }
    (tmp_path / "hooks").mkdir()
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        hook = tmp_path / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch '{trace / name}'\n")
        hook.chmod(0o755)
    for key, value in commands.items():
        git("config", key, value)
    git("config", "core.fsmonitor", leaving("monitor of the submodule"), folder=repository / "module")
    for name in "abc":
        (repository / name).write_text("2")
    state = environment.git_state(repository)
    assert sorted(path.name for path in trace.iterdir()) == []
    assert state is not None
    assert state["dirty"]
    assert len(state["changes"]) == 8
    for words in (["status"], ["diff", "--", "c"]):
        subprocess.run(["git", "-C", str(repository), *words], check=False, capture_output=True)
    ran = {path.name for path in trace.iterdir()}
    assert ran >= {"monitor", "monitor of the submodule", "clean", "process", "post-index-change", "external"}, (
        "git itself runs them, so the test would see them"
    )


def test_a_git_that_ignores_the_settings_is_not_asked(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def older(command: list[str], *, env: dict[str, str], **options: Any) -> Any:
        settings = {name: value for name, value in env.items() if not name.startswith("GIT_CONFIG")}
        assert "status" not in command
        return run(command, env=settings, **options)

    monkeypatch.setattr(subprocess, "run", older)
    assert environment.git_state(repository) is None
