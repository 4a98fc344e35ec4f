"""The environment of a run is described quickly, the same each time, and without names or paths."""

import getpass
import json
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from bench_suite import environment


def test_the_description_names_hardware_and_versions() -> None:
    described = environment.describe()
    assert described["hardware"]["cpu"]
    assert 1 <= described["hardware"]["usable_cores"] <= described["hardware"]["cores"]
    assert described["packages"]["numpy"] == metadata.version("numpy")
    assert described["packages"]["bench-suite"] == metadata.version("bench-suite")
    assert described["python"]["version"] == ".".join(map(str, sys.version_info[:3]))


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
