"""Export of plain metrics as modules of Hugging Face `evaluate`, which load without a network."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from bench_suite.components import discovery, evaluate_uri
from bench_suite.components.discovery import Component
from bench_suite.contracts import BenchError
from bench_suite.data.cache import default_root
from bench_suite.store.atomic import write_file

MISSING = "the package evaluate is not installed\n  to get it: pip install 'bench-suite[evaluate]'"
_SCRIPT = '''"""{name} of bench-suite, as a module of `evaluate`. Written by `bench_suite.evaluate_path`."""

from bench_suite.huggingface import evaluate_wrapper


class {name}(evaluate_wrapper.PlainMetric):
    """{summary}"""

    USE = {use!r}
'''


def evaluate_module(use: str | Path, **settings: Any) -> Any:
    """Return a metric as a module of `evaluate`; documented at `bench_suite.evaluate_module`."""
    metric = _find_metric(use)
    try:
        from bench_suite.huggingface.evaluate_wrapper import module_of
    except ModuleNotFoundError as error:
        if error.name != "evaluate":
            raise
        raise BenchError(MISSING) from None
    return module_of(metric, **settings)


def evaluate_path(use: str | Path) -> str:
    """Return the folder of a metric's script for `evaluate.load`; documented at `bench_suite.evaluate_path`."""
    metric = _find_metric(use)
    target = str(metric.path) if metric.external else metric.use
    text = _SCRIPT.format(name=metric.name, summary=metric.summary.replace("\\", "").replace('"', "'"), use=target)
    # The script's folder must have the script's name; the folder above it separates scripts of one name.
    folder = default_root() / "evaluate" / hashlib.sha256(text.encode()).hexdigest()[:16] / metric.name
    script = folder / f"{metric.name}.py"
    if not script.is_file() or script.read_text(encoding="utf-8") != text:
        write_file(script, text.encode())
    return str(folder)


def _find_metric(use: str | Path) -> Component:
    """Return the metric of a name, or of a path relative to the working folder."""
    if str(use).startswith(evaluate_uri.PREFIX):
        raise BenchError(f"{use} is a module of evaluate already: pass it to evaluate.load")
    path = isinstance(use, Path) or discovery.is_path(use)
    return discovery.find("metrics", os.path.abspath(use) if path else str(use), Path())
