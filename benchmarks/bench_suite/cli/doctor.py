"""`bench doctor`: describe this machine, measure its peak rates, and name what is missing and how to install it."""

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
from bench_suite.training import machine

ENDPOINT = "https://huggingface.co"
HUB_TIMEOUT = 4.0  # seconds
COMPILE_TIMEOUT = 120.0  # seconds
EXIT_BROKEN_PACKAGE = 3
# Runs in another process with an empty cache folder: a cached result of an earlier compilation would prove nothing.
# The last line that it prints is the number of seconds, as JSON.
_COMPILE = """
import json, time, torch
began = time.perf_counter()
torch.compile(lambda x: (x.sin() + x.cos()).sum())(torch.ones(64))
print("\\n" + json.dumps(round(time.perf_counter() - began, 1)), flush=True)
"""


@click.command()
@click.option("--compile", "compiles", is_flag=True, help="Also compile a tiny network; this takes up to two minutes.")
@click.option("--offline", is_flag=True, help="Do not check whether the Hugging Face hub is reachable.")
@JSON
def command(compiles: bool, offline: bool, as_json: bool) -> int:
    """Check this machine: devices, versions, peak rates, missing packages and how to install them.

    The command measures the peak rates, which takes some seconds and needs an idle machine. The probe `compute`
    reports utilisation relative to these rates. Exit status 3 if a required package does not load.

    \b
      bench doctor
      bench doctor --compile
      bench doctor --json > machine.json
    """
    hub = _start(_hub, offline)
    say("importing the installed packages …", err=True)
    packages = examine()
    loads = not any(p.state != "found" for p in packages if p.distribution in ("torch", "numpy", "threadpoolctl"))
    examination: dict[str, Any] = {"schema": 1}
    if loads:
        say("measuring peak rates …", err=True)
        import torch  # noqa: F401 - `machine.describe` lists the accelerators that an imported torch finds

    # Before the rates, which load the machine themselves.
    examination |= {"environment": machine.describe(), "busy": bool(environment.busy()), "load": _load()}
    examination["precision"], examination["rates"] = (_precision(), [*_peak_rates()]) if loads else ({}, [])
    examination["packages"] = [vars(package) for package in packages]
    examination["compiler"] = _compiler()
    if compiles:
        say("compiling a tiny network (up to two minutes) …", err=True)
        examination["compiler"]["compiles"] = _compile_test()
    examination |= {"hub": hub(), "data": _data(), "cache": _cache()}
    if as_json:
        click.echo(json.dumps(examination, indent=2))
    else:
        say("\n".join(lines(examination, packages)))
    return EXIT_BROKEN_PACKAGE if any(package.required and package.state != "found" for package in packages) else 0


# ── examinations ────────────────────────────────────────────────────────────────────────────────


def _load() -> float | None:
    """Return the average load of the last minute in processes, or None if the system does not report it."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def _precision() -> dict[str, Any]:
    """Return, by device, the precisions that it computes natively; other precisions are emulated and slower."""
    import torch

    from bench_suite.training import devices

    flags = _processor_flags()
    cpu = {
        "bfloat16": "amx_bf16" in flags or "avx512_bf16" in flags or "bf16" in flags,
        "instructions": [
            flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "neon", "bf16") if flag in flags
        ],
        "kernels": torch.backends.cpu.get_cpu_capability(),
    }
    precision: dict[str, Any] = {"cpu": cpu}
    if devices.is_available("cuda") and (capability := devices.capability("cuda")) is not None:
        major, minor = capability
        precision["cuda"] = {
            "capability": f"{major}.{minor}",
            "bfloat16": major >= 8,
            "tf32": major >= 8,
            "float16": True,
        }
    if devices.is_available("mps"):
        precision["mps"] = {"float16": True}
    return precision


def _processor_flags() -> set[str]:
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip().lower() in ("flags", "features"):
                return set(value.split())
    return set()


def _peak_rates() -> Iterator[dict[str, Any]]:
    """Yield a peak rate for each device, precision and number of threads; a rate of None has a reason."""
    from bench_suite.environment import usable_cores
    from bench_suite.training import devices, peaks

    settings = [("cpu", threads) for threads in sorted({1, len(usable_cores())})]
    settings += [(kind, 1) for kind in devices.kinds() if kind != "cpu"]
    for device, threads in settings:
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
    """Find the C++ compiler and the headers that `torch.compile` needs on a CPU."""
    stated = os.environ.get("CXX")
    names = [stated] if stated else ["g++", "clang++", "cl", "c++"]
    command = next((name for name in names if shutil.which(name)), None)
    headers = (Path(sysconfig.get_path("include")) / "Python.h").is_file()
    version = None
    if command is not None:
        with suppress(OSError, subprocess.SubprocessError):
            version_output = subprocess.run(
                [command, "--version"], capture_output=True, text=True, timeout=5, check=False, errors="replace"
            )
            version = version_output.stdout.partition("\n")[0].strip() or None
    return {"command": command, "looked_for": names, "version": version, "python_headers": headers}


def _compile_test() -> dict[str, Any]:
    """Compile a tiny network: return `ok` and the seconds that it took, or the error."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": folder}
        try:
            process = subprocess.run(
                [sys.executable, "-P", "-c", _COMPILE], capture_output=True, text=True, timeout=COMPILE_TIMEOUT,
                check=False, env=variables, errors="replace", stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"ok": False, "error": f"it took more than {COMPILE_TIMEOUT:g} seconds"}
    if process.returncode == 0:
        return {"ok": True, "seconds": float(json.loads(process.stdout.splitlines()[-1]))}
    # Of a compiler's long output, the last line that mentions an error says most.
    errors = [line.strip() for line in process.stderr.splitlines() if "Error" in line or "error" in line]
    return {"ok": False, "error": errors[-1] if errors else f"exit status {process.returncode}"}


def _hub(offline: bool) -> dict[str, Any]:
    from bench_suite.data.sources import Sources

    endpoint = os.environ.get("HF_ENDPOINT") or ENDPOINT
    if Sources(offline=offline).is_offline:
        return {"reachable": None, "endpoint": endpoint, "reason": "offline"}
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=HUB_TIMEOUT):
            return {"reachable": True, "endpoint": endpoint}
    except urllib.error.HTTPError:
        return {"reachable": True, "endpoint": endpoint}  # an error status is an answer too
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        return {"reachable": False, "endpoint": endpoint, "reason": reason}


def _start(function: Callable[..., dict[str, Any]], *arguments: Any) -> Callable[[], dict[str, Any]]:
    """Call `function` in the background, and return a function that waits for its result.

    The wait ends after HUB_TIMEOUT: a name server that does not answer has no time-out of its own here.
    """
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(function(*arguments)), daemon=True)
    thread.start()

    def answer() -> dict[str, Any]:
        thread.join(HUB_TIMEOUT)
        silent = {"reachable": False, "endpoint": ENDPOINT, "reason": f"no answer in {HUB_TIMEOUT:g} seconds"}
        return answers[0] if answers else silent

    return answer


def _data() -> dict[str, Any]:
    """Return the folder `BENCH_DATA` and the size in bytes of each data set in it, by hub id."""
    stated_folder = os.environ.get("BENCH_DATA")
    if not stated_folder:
        return {"folder": None, "holds": {}}
    folder = Path(stated_folder)
    if not folder.is_dir():
        return {"folder": stated_folder, "reason": "there is no such folder", "holds": {}}
    sizes = {}
    for path in sorted(folder.glob("*/*")):
        if path.is_dir() and not path.name.startswith(".") and not path.parent.name.startswith("."):
            sizes[f"{path.parent.name}/{path.name}"] = _folder_bytes(path)
    return {"folder": stated_folder, "holds": sizes}


def _cache() -> dict[str, Any]:
    try:
        from bench_suite.data.cache import default_root
    except ImportError:
        return {"folder": None, "reason": "unknown, because NumPy does not load"}
    folder = default_root()
    existing = folder if folder.exists() else next(parent for parent in folder.absolute().parents if parent.exists())
    return {
        "folder": str(folder), "bytes": _folder_bytes(folder), "writable": os.access(existing, os.W_OK),
        "free_bytes": shutil.disk_usage(existing).free,
    }  # fmt: skip


def _folder_bytes(folder: Path) -> int:
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except OSError:
                continue  # removed in the meantime
    return total
