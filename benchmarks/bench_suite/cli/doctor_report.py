"""The text of `bench doctor`: a page of 80 columns that names a command for each problem."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_suite.cli.package_check import Package
from bench_suite.environment import format_bytes

MAX_DATA_SETS = 8
"Number of data sets in `BENCH_DATA` that are named; the others are counted."
_BREAKS_TRANSFORMERS = ("timm", "torchvision")
"Packages that keep Transformers from loading if they do not load themselves."


def lines(examination: Mapping[str, Any], packages: Sequence[Package]) -> list[str]:
    """Return the lines of the page.

    Args:
        examination: the document of `bench doctor --json`.
        packages: the packages with their states.
    """
    width = min(max(shutil.get_terminal_size().columns, 60), 100)
    text = [*_machine(examination, width), "", *_peak_rates(examination["rates"]), "", *_packages(packages, width)]
    text += ["", *(line for part in _locations(examination) for line in _wrapped(*part, width))]
    missing = [package for package in packages if package.required and package.state != "found"]
    if missing:
        names = ", ".join(package.distribution for package in missing)
        text += ["", f"The program needs {names}; install this first: {missing[0].command}"]
    return [*text, "", "next: bench run quickstart"] if not missing else text


def _wrapped(label: str, value: str, width: int) -> Iterator[str]:
    first, *rest = textwrap.wrap(value, width - 13, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"  {label:10} {first}"
    yield from (f"{'':13}{line}" for line in rest)


def _machine(examination: Mapping[str, Any], width: int) -> Iterator[str]:
    environment = examination["environment"]
    hardware, system, versions = environment["hardware"], environment["system"], environment["packages"]
    yield "machine"
    cores, usable = hardware["cores"], hardware["usable_cores"]
    core_count = f"{cores} cores" if cores == usable else f"{usable} of {cores} cores"
    memory = f", {format_bytes(hardware['memory_bytes'])} memory" if "memory_bytes" in hardware else ""
    yield from _wrapped("processor", f"{hardware['cpu']}, {core_count}{memory}", width)
    for gpu in hardware.get("gpu", []):
        yield from _wrapped(
            "GPU", gpu["name"] + (f", {format_bytes(gpu['memory_bytes'])}" if "memory_bytes" in gpu else ""), width
        )
    if not hardware.get("gpu"):
        yield from _wrapped("GPU", "none found by PyTorch", width)
    for device, facts in examination["precision"].items():
        yield from _wrapped("precision", f"{device}: {_precision_text(facts)}", width)
    yield from _wrapped(
        "system", f"{system['name']} {system['release']}, Python {environment['python']['version']}", width
    )
    main_versions = [
        f"{name} {versions[name]}" for name in ("bench-suite", "torch", "numpy", "scikit-learn") if name in versions
    ]
    yield from _wrapped("versions", ", ".join(main_versions), width)
    if environment["threads"]:
        yield from _wrapped(
            "variables", ", ".join(f"{name}={value}" for name, value in environment["threads"].items()), width
        )
    if examination["busy"]:
        busy = f"the machine is busy, load {examination['load']:.1f} on {usable} cores: the rates below are too low"
        yield from _wrapped("note", busy, width)


def _precision_text(facts: Mapping[str, Any]) -> str:
    if "instructions" in facts:
        bfloat16 = "bfloat16 native" if facts["bfloat16"] else "bfloat16 only emulated: slower than 32 bits"
        return f"{bfloat16} ({', '.join(facts['instructions']) or facts['kernels']})"
    formats = [name for name in ("tf32", "bfloat16", "float16") if facts.get(name)]
    capability = f"compute capability {facts['capability']}, " if "capability" in facts else ""
    return capability + ", ".join(formats)


def _peak_rates(rates: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rates:
        yield "peak rates: not measured, because PyTorch does not load"
        return
    yield "peak rates, measured now (best window; the median in parentheses)"
    for row in rates:
        threads = "" if row["device"] != "cpu" else f", {row['threads']} thread{'s' if row['threads'] > 1 else ''}"
        workload = f"matmul, {row['precision']}" if row["precision"] else "memory copy"
        if row["rate"] is None:
            value = f"not measured: {row['reason']}"
        else:
            divisor, unit = (1e12, "TFLOP/s") if row["precision"] and row["rate"] >= 1e12 else (1e9, "GFLOP/s")
            unit = unit if row["precision"] else "GB/s"
            value = f"{row['rate'] / divisor:7.3g} {unit:8} ({row['median'] / divisor:.3g})"
        yield f"  {row['device'] + threads:18} {workload:22} {value}"


def _packages(packages: Sequence[Package], width: int) -> Iterator[str]:
    required = [package for package in packages if package.required]
    loading = sum(package.state == "found" for package in required)
    yield f"required packages: {loading} of {len(required)} load"
    for package in required:
        if package.state != "found":
            yield from _package(package, width)
    yield ""
    yield "optional packages"
    for package in packages:
        if not package.required:
            yield from _package(package, width)


def _package(package: Package, width: int) -> Iterator[str]:
    version = package.version or ""
    yield f"  {package.distribution:20} {package.state:7} {version or '–':10} {package.purpose}"
    if package.error:
        yield from _indented(package.error, width, max_lines=3)
    if package.state != "found":
        yield from _indented(_remedy(package), width)


def _indented(text: str, width: int, max_lines: int | None = None) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=" " * 23, subsequent_indent=" " * 23, break_long_words=False,
        break_on_hyphens=False, max_lines=max_lines,
    )  # fmt: skip


def _remedy(package: Package) -> str:
    if package.state == "broken" and package.distribution in _BREAKS_TRANSFORMERS:
        return f"pip uninstall {package.distribution}   (it breaks Transformers too)"
    if package.state == "broken":
        return f"pip install --upgrade --force-reinstall {package.distribution}"
    return package.command


def _locations(examination: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield label and text for the compiler, the hub, the data and the cache."""
    compiler, hub, data, cache = (examination[key] for key in ("compiler", "hub", "data", "cache"))
    if compiler["command"] is None:
        yield "compiler", f"none of {', '.join(compiler['looked_for'])}: compile = true needs one: apt-get install g++"
    else:
        headers = "" if compiler["python_headers"] else "; Python.h is missing: apt-get install python3-dev"
        yield "compiler", f"{compiler['version'] or compiler['command']}{headers}"
    if "compiles" in compiler:
        outcome = compiler["compiles"]
        yield (
            "",
            f"compiles in {outcome['seconds']:.1f} s" if outcome["ok"] else f"does not compile: {outcome['error']}",
        )
    elif compiler["command"] is not None:
        yield "", "to test whether it compiles: bench doctor --compile"
    reachability = {True: "is reachable", False: "is not reachable", None: "was not checked"}[hub["reachable"]]
    yield "hub", f"{hub['endpoint']} {reachability}" + (f" ({hub['reason']})" if "reason" in hub else "")
    if data["folder"] is None:
        yield "data", "BENCH_DATA is not set; its folders owner/name replace the data sets of the hub with that id"
    else:
        data_sets = [f"{name} ({format_bytes(size)})" for name, size in data["holds"].items()]
        more = f" and {len(data_sets) - MAX_DATA_SETS} more" if len(data_sets) > MAX_DATA_SETS else ""
        contents = data.get("reason") or (
            f"holds {', '.join(data_sets[:MAX_DATA_SETS])}{more}" if data_sets else "holds no data set"
        )
        yield "data", f"BENCH_DATA={data['folder']}: {contents}"
    if cache["folder"] is None:
        yield "cache", cache["reason"]
        return
    home = str(Path.home())
    folder = cache["folder"].replace(home, "~", 1) if cache["folder"].startswith(home + os.sep) else cache["folder"]
    writable = "" if cache["writable"] else "; it cannot be written: set BENCH_CACHE to a folder with room"
    yield "cache", f"{folder}, {format_bytes(cache['bytes'])}, {format_bytes(cache['free_bytes'])} free{writable}"
