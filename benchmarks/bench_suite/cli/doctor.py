"""`bench doctor`: this machine, its peak rates measured anew, and what is missing with the command that brings it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from bench_suite import environment
from bench_suite.cli.arguments import JSON
from bench_suite.cli.doctor_report import lines
from bench_suite.cli.output import say
from bench_suite.cli.package_check import examine

ENDPOINT = "https://huggingface.co"
REACHING = 4.0  # seconds that the hub is waited for
COMPILING = 120.0  # seconds that a tiny network may take to compile
BROKEN = 3
# Compiled by another process, into a folder that is removed: an earlier one would prove nothing.
_COMPILE = """
import time, torch
began = time.perf_counter()
torch.compile(lambda x: (x.sin() + x.cos()).sum())(torch.ones(64))
print(f"compiled in {time.perf_counter() - began:.1f}")
"""


@click.command()
@click.option("--compile", "compiles", is_flag=True, help="Compile a tiny network too; takes up to two minutes.")
@click.option("--offline", is_flag=True, help="Do not ask whether the Hugging Face hub can be reached.")
@JSON
def command(compiles: bool, offline: bool, as_json: bool) -> int:
    """Devices, versions, peak rates of this machine, what is missing and the command that brings it.

    Peak rates are measured anew, which takes some seconds and wants an idle machine; the probe `compute` measures
    utilisation against them. Exit status 3 where a package that the program needs does not load.

    \b
      bench doctor
      bench doctor --compile
      bench doctor --json > machine.json
    """
    hub = _in_background(_hub, offline)
    say("importing the installed packages …", err=True)
    packages = examine()
    loads = not any(p.state != "found" for p in packages if p.distribution in ("torch", "numpy", "threadpoolctl"))
    found: dict[str, Any] = {"schema": 1}
    if loads:
        say("measuring peak rates …", err=True)
        import torch  # noqa: F401 - the accelerators of `describe` are those that torch knows

    # Before the rates: they make the machine busy by themselves.
    busy = environment.busy()
    found |= {"environment": environment.describe(), "busy": busy}
    found["precision"], found["rates"] = (_precision(), [*_rates()]) if loads else ({}, [])
    found["packages"] = [vars(package) for package in packages]
    found["compiler"] = _compiler()
    if compiles:
        say("compiling a tiny network, which may take two minutes …", err=True)
        found["compiler"]["compiles"] = _compiles()
    found |= {"hub": hub(), "data": _data(), "cache": _cache()}
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        say("\n".join(lines(found, packages)))
    return BROKEN if any(package.required and package.state != "found" for package in packages) else 0


# ── what is asked of the machine ────────────────────────────────────────────────────────────────


def _precision() -> dict[str, Any]:
    """What the processor and the accelerators compute by themselves; in other precisions they are slower."""
    import torch

    flags = _processor_flags()
    cpu = {
        "bfloat16": "amx_bf16" in flags or "avx512_bf16" in flags or "bf16" in flags,
        "instructions": [
            flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "neon", "bf16") if flag in flags
        ],
        "kernels": torch.backends.cpu.get_cpu_capability(),
    }
    found: dict[str, Any] = {"cpu": cpu}
    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        found["cuda"] = {"capability": f"{major}.{minor}", "bfloat16": major >= 8, "tf32": major >= 8, "float16": True}
    if torch.backends.mps.is_available():
        found["mps"] = {"float16": True}
    return found


def _processor_flags() -> set[str]:
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip().lower() in ("flags", "features"):
                return set(value.split())
    return set()


def _rates() -> Iterator[dict[str, Any]]:
    """Peak rates by device, precision and threads; what cannot be measured has a reason."""
    import torch

    from bench_suite.training import peaks
    from bench_suite.training.placement import cores

    places = [("cpu", threads) for threads in sorted({1, cores()})]
    places += [("cuda", 1)] if torch.cuda.is_available() else []
    places += [("mps", 1)] if torch.backends.mps.is_available() else []
    for device, threads in places:
        for precision in (*peaks.precisions(device), None):
            row = {"device": device, "threads": threads, "precision": precision}
            unit = "bytes/s" if precision is None else "FLOP/s"
            try:
                if precision is None:
                    measured = peaks.bandwidth(device, threads)
                else:
                    measured = peaks.peak(device, precision, threads, anew=True)
            except (RuntimeError, MemoryError) as error:  # no kernel for it, or no memory
                yield row | {"unit": unit, "rate": None, "reason": (str(error).splitlines() or ["no memory"])[0]}
                continue
            yield row | {
                "unit": unit, "rate": measured.rate, "median": measured.median, "samples": measured.samples,
                "size": measured.size,
            }  # fmt: skip


def _compiler() -> dict[str, Any]:
    """The C++ compiler and the headers that `torch.compile` needs on a processor."""
    named = os.environ.get("CXX")
    names = [named] if named else ["g++", "clang++", "cl", "c++"]
    command = next((name for name in names if shutil.which(name)), None)
    headers = (Path(sysconfig.get_path("include")) / "Python.h").is_file()
    version = None
    if command is not None:
        with suppress(OSError, subprocess.SubprocessError):
            asked = subprocess.run(
                [command, "--version"], capture_output=True, text=True, timeout=5, check=False, errors="replace"
            )
            version = asked.stdout.partition("\n")[0].strip() or None
    return {"command": command, "looked_for": names, "version": version, "python_headers": headers}


def _compiles() -> dict[str, Any]:
    """Whether a tiny network compiles, and in how many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": folder}
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", _COMPILE], capture_output=True, text=True, timeout=COMPILING, check=False,
                env=variables, errors="replace", stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"ok": False, "error": f"it took more than {COMPILING:g} seconds"}
    if done.returncode == 0 and "compiled in" in done.stdout:
        return {"ok": True, "seconds": float(done.stdout.rsplit(" ", 1)[-1])}
    errors = [line.strip() for line in done.stderr.splitlines() if "Error" in line or "error" in line]
    return {"ok": False, "error": errors[-1] if errors else f"exit status {done.returncode}"}


def _hub(offline: bool) -> dict[str, Any]:
    from bench_suite.data.sources import Sources

    endpoint = os.environ.get("HF_ENDPOINT") or ENDPOINT
    if Sources(offline=offline).is_offline:
        return {"reachable": None, "endpoint": endpoint, "reason": "offline"}
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=REACHING):
            return {"reachable": True, "endpoint": endpoint}
    except urllib.error.HTTPError:
        return {"reachable": True, "endpoint": endpoint}  # it answered
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        return {"reachable": False, "endpoint": endpoint, "reason": reason}


def _in_background(ask: Callable[..., dict[str, Any]], *arguments: Any) -> Callable[[], dict[str, Any]]:
    """Ask at once, and get the answer later. A name server that is silent is waited for no longer than for the hub."""
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(ask(*arguments)), daemon=True)
    thread.start()

    def answer() -> dict[str, Any]:
        thread.join(REACHING)
        silent = {"reachable": False, "endpoint": ENDPOINT, "reason": f"no answer in {REACHING:g} seconds"}
        return answers[0] if answers else silent

    return answer


def _data() -> dict[str, Any]:
    """What `BENCH_DATA` holds: data sets by hub id, with their bytes."""
    stated = os.environ.get("BENCH_DATA")
    if not stated:
        return {"folder": None, "holds": {}}
    folder = Path(stated)
    if not folder.is_dir():
        return {"folder": stated, "reason": "there is no such folder", "holds": {}}
    held = {}
    for place in sorted(folder.glob("*/*")):
        if place.is_dir() and not place.name.startswith(".") and not place.parent.name.startswith("."):
            held[f"{place.parent.name}/{place.name}"] = _bytes(place)
    return {"folder": stated, "holds": held}


def _cache() -> dict[str, Any]:
    try:
        from bench_suite.data.cache import default_root
    except ImportError:
        return {"folder": None, "reason": "unknown, since NumPy does not load"}
    folder = default_root()
    there = folder if folder.exists() else next(parent for parent in folder.absolute().parents if parent.exists())
    return {
        "folder": str(folder), "bytes": _bytes(folder), "writable": os.access(there, os.W_OK),
        "free_bytes": shutil.disk_usage(there).free,
    }  # fmt: skip


def _bytes(folder: Path) -> int:
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except OSError:
                continue  # gone meanwhile
    return total
