"""How `bench doctor` shows what it found: a page of 80 columns, problems with the command that mends them."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_suite.cli.package_check import Package
from bench_suite.environment import format_bytes

LISTED = 8  # data sets named; the rest are counted
_BREAKS = ("timm", "torchvision")


def lines(found: Mapping[str, Any], packages: Sequence[Package]) -> list[str]:
    """The examination for a person."""
    width = min(max(shutil.get_terminal_size().columns, 60), 100)
    text = [*_machine(found, width), "", *_measured(found["rates"]), "", *_packages(packages, width)]
    text += ["", *(line for part in _places(found) for line in _wrapped(*part, width))]
    lacking = [package for package in packages if package.required and package.state != "found"]
    if lacking:
        names = ", ".join(package.distribution for package in lacking)
        text += ["", f"The program needs {names}; mend that first: {lacking[0].command}"]
    return [*text, "", "next: bench run quickstart"] if not lacking else text


def _wrapped(label: str, value: str, width: int) -> Iterator[str]:
    first, *rest = textwrap.wrap(value, width - 13, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"  {label:10} {first}"
    yield from (f"{'':13}{line}" for line in rest)


def _machine(found: Mapping[str, Any], width: int) -> Iterator[str]:
    here = found["environment"]
    hardware, system, versions = here["hardware"], here["system"], here["packages"]
    yield "machine"
    cores, usable = hardware["cores"], hardware["usable_cores"]
    some = f"{cores} cores" if cores == usable else f"{usable} of {cores} cores"
    memory = f", {format_bytes(hardware['memory_bytes'])} memory" if "memory_bytes" in hardware else ""
    yield from _wrapped("processor", f"{hardware['cpu']}, {some}{memory}", width)
    for gpu in hardware.get("gpu", []):
        yield from _wrapped(
            "GPU", gpu["name"] + (f", {format_bytes(gpu['memory_bytes'])}" if "memory_bytes" in gpu else ""), width
        )
    if not hardware.get("gpu"):
        yield from _wrapped("GPU", "none that PyTorch sees", width)
    for device, facts in found["precision"].items():
        yield from _wrapped("precision", f"{device}: {_precisions_of(facts)}", width)
    yield from _wrapped("system", f"{system['name']} {system['release']}, Python {here['python']['version']}", width)
    shown = [
        f"{name} {versions[name]}" for name in ("bench-suite", "torch", "numpy", "scikit-learn") if name in versions
    ]
    yield from _wrapped("versions", ", ".join(shown), width)
    if here["threads"]:
        yield from _wrapped("variables", ", ".join(f"{name}={value}" for name, value in here["threads"].items()), width)
    if found["busy"]:
        yield from _wrapped(
            "note", found["busy"].replace("when the run began", "just now") + ": rates below are too low", width
        )


def _precisions_of(facts: Mapping[str, Any]) -> str:
    if "instructions" in facts:
        native = "bfloat16 native" if facts["bfloat16"] else "bfloat16 only emulated: slower than 32 bits"
        return f"{native} ({', '.join(facts['instructions']) or facts['kernels']})"
    kinds = [name for name in ("tf32", "bfloat16", "float16") if facts.get(name)]
    capability = f"compute capability {facts['capability']}, " if "capability" in facts else ""
    return capability + ", ".join(kinds)


def _measured(rates: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rates:
        yield "peak rates: not measured, since PyTorch does not load"
        return
    yield "peak rates, measured now (best window; in brackets the median)"
    for row in rates:
        threads = "" if row["device"] != "cpu" else f", {row['threads']} thread{'s' if row['threads'] > 1 else ''}"
        what = f"products, {row['precision']}" if row["precision"] else "memory, copying"
        if row["rate"] is None:
            value = f"not measured: {row['reason']}"
        else:
            divisor, unit = (1e12, "TFLOP/s") if row["precision"] and row["rate"] >= 1e12 else (1e9, "GFLOP/s")
            unit = unit if row["precision"] else "GB/s"
            value = f"{row['rate'] / divisor:7.3g} {unit:8} ({row['median'] / divisor:.3g})"
        yield f"  {row['device'] + threads:18} {what:22} {value}"


def _packages(packages: Sequence[Package], width: int) -> Iterator[str]:
    needed = [package for package in packages if package.required]
    good = sum(package.state == "found" for package in needed)
    yield f"required packages: {good} of {len(needed)} load"
    for package in needed:
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
        yield from _beneath(package.error, width, max_lines=3)
    if package.state != "found":
        yield from _beneath(_remedy(package), width)


def _beneath(text: str, width: int, max_lines: int | None = None) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=" " * 23, subsequent_indent=" " * 23, break_long_words=False,
        break_on_hyphens=False, max_lines=max_lines,
    )  # fmt: skip


def _remedy(package: Package) -> str:
    if package.state == "broken" and package.distribution in _BREAKS:
        return f"pip uninstall {package.distribution}   (it breaks Transformers too)"
    if package.state == "broken":
        return f"pip install --upgrade --force-reinstall {package.distribution}"
    return package.command


def _places(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Compiler, hub, data and cache."""
    compiler, hub, data, cache = (found[key] for key in ("compiler", "hub", "data", "cache"))
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
        yield "", "whether it compiles: bench doctor --compile"
    answer = {True: "can be reached", False: "cannot be reached", None: "was not asked"}[hub["reachable"]]
    yield "hub", f"{hub['endpoint']} {answer}" + (f" ({hub['reason']})" if "reason" in hub else "")
    if data["folder"] is None:
        yield "data", "BENCH_DATA is not set; a folder in it named like a hub id serves instead of the hub"
    else:
        held = [f"{name} ({format_bytes(size)})" for name, size in data["holds"].items()]
        more = f" and {len(held) - LISTED} more" if len(held) > LISTED else ""
        holds = data.get("reason") or (f"holds {', '.join(held[:LISTED])}{more}" if held else "holds no data set")
        yield "data", f"BENCH_DATA={data['folder']}: {holds}"
    if cache["folder"] is None:
        yield "cache", cache["reason"]
        return
    home = str(Path.home())
    folder = cache["folder"].replace(home, "~", 1) if cache["folder"].startswith(home + os.sep) else cache["folder"]
    writable = "" if cache["writable"] else "; it cannot be written: set BENCH_CACHE to a folder with room"
    yield "cache", f"{folder}, {format_bytes(cache['bytes'])}, {format_bytes(cache['free_bytes'])} free{writable}"
