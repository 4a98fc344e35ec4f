"""The environment of each side: an interpreter, and packages of its own if the revisions require others."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from bench_suite.contracts import BenchError
from bench_suite.data.cache import default_root

SECONDS = 1800.0
"Most seconds that an environment may take to be built."
COMPLETE = "complete"
"File of an environment whose packages are all installed."


class EnvironmentBuildError(BenchError):
    """An environment of a side cannot be built or used."""


def requirements(folder: Path) -> tuple[str, ...]:
    """Return the requirements that a revision states: of `pyproject.toml`, and of `requirements.txt`, sorted.

    Raises:
        EnvironmentBuildError: `pyproject.toml` cannot be read.
    """
    stated: set[str] = set()
    project = folder / "pyproject.toml"
    if project.is_file():
        try:
            section = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        except (OSError, ValueError) as error:
            raise EnvironmentBuildError(f"pyproject.toml of {folder.name} cannot be read: {error}") from error
        stated |= {str(line) for line in section.get("dependencies", ())}
    listed = folder / "requirements.txt"
    if listed.is_file():
        lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
        stated |= {line for text in lines if (line := text.split(" #")[0].strip()) and line[0] not in "#-"}
    return tuple(sorted(stated))


def lacking_requirements(stated: Sequence[str]) -> tuple[str, ...]:
    """Return the requirements that the packages of this process do not meet.

    Raises:
        EnvironmentBuildError: a requirement cannot be read.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    lacking = []
    for text in stated:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise EnvironmentBuildError(f'the requirement "{text}" cannot be read: {error}') from error
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            lacking.append(text)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            lacking.append(text)
    return tuple(lacking)


def checked_python(path: str) -> str:
    """Return the interpreter of a side that the user named. Raises EnvironmentBuildError if there is none."""
    candidates = [Path(path)] if os.sep in path else [Path(which) for which in [shutil.which(path)] if which]
    candidates += [Path(path) / "bin" / "python", Path(path) / "Scripts" / "python.exe"]
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return os.path.abspath(candidate)
    raise EnvironmentBuildError(f'"{path}" is no Python interpreter, and no environment that has one')


def overlay(lacking: Sequence[str], root: Path | None = None) -> str:
    """Return the interpreter of an environment that has this one's packages, and over them some that it lacks.

    It is kept in the cache, under the requirements and the interpreter.

    Args:
        lacking: requirements to install.
        root: folder of the environments; by default in the cache.

    Raises:
        EnvironmentBuildError: it cannot be built; the message says what to do.
    """
    key = hashlib.sha256("\n".join([sys.executable, sys.version, *lacking]).encode()).hexdigest()[:12]
    folder = (root or default_root() / "ab-environments") / key
    python = folder / "bin" / "python"
    if (folder / COMPLETE).is_file():
        return str(python)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _call([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        libraries = Path(_call([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
        own = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
        # `addsitedir` also reads the path files of these packages, such as those of editable installations.
        lines = [f"import site; site.addsitedir({path!r})\n" for path in own]
        (libraries / "bench_suite_shared.pth").write_text("".join(lines), encoding="utf-8")
        _call([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *lacking])
        (folder / COMPLETE).write_text("\n".join(lacking), encoding="utf-8")
    except (EnvironmentBuildError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise EnvironmentBuildError(
            f"an environment with {', '.join(lacking)} cannot be built:\n    {error}\n"
            "  install both environments yourself, and name them: --base-python PATH --head-python PATH"
        ) from error
    return str(python)


def _call(command: Sequence[str]) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        raise EnvironmentBuildError(f"{Path(command[0]).name} took more than {SECONDS:.0f} s") from None
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        with suppress(IndexError):
            raise EnvironmentBuildError(next((line for line in lines if "ERROR" in line), lines[-1]).strip())
        raise EnvironmentBuildError(f"{Path(command[0]).name} ended with exit status {done.returncode}")
    return done.stdout
