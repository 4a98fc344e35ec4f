"""Plain metrics offered as modules of Hugging Face `evaluate`, which load without a network."""

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
    """What `bench_suite.evaluate_module` gives."""
    metric = _plain(use)
    try:
        from bench_suite.huggingface.evaluate_wrapper import module_of
    except ModuleNotFoundError as error:
        if error.name != "evaluate":
            raise
        raise BenchError(MISSING) from None
    return module_of(metric, **settings)


def evaluate_path(use: str | Path) -> str:
    """What `bench_suite.evaluate_path` gives."""
    metric = _plain(use)
    where = str(metric.path) if metric.external else metric.use
    text = _SCRIPT.format(name=metric.name, summary=metric.summary.replace("\\", "").replace('"', "'"), use=where)
    # The script's folder must be called like the script; the one above keeps files of one name apart.
    folder = default_root() / "evaluate" / hashlib.sha256(text.encode()).hexdigest()[:16] / metric.name
    script = folder / f"{metric.name}.py"
    if not script.is_file() or script.read_text(encoding="utf-8") != text:
        write_file(script, text.encode())
    return str(folder)


def _plain(use: str | Path) -> Component:
    """The metric, from a name or a path relative to the working folder."""
    if str(use).startswith(evaluate_uri.PREFIX):
        raise BenchError(f"{use} is a module of evaluate already: evaluate.load takes it as it is")
    path = isinstance(use, Path) or discovery.is_path(use)
    return discovery.find("metrics", os.path.abspath(use) if path else str(use), Path())
