"""Sources: hashes of all files that decide what a cell trains, for its weights key and its record."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from bench_suite.components import discovery
from bench_suite.components.discovery import PACKAGE
from bench_suite.suite.plan import Cell

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

ROOMS = ("data", "training", "pretrained")
"""Rooms of the program whose code decides the result of a training."""


def sources_of(cell: Cell, sources: Sources) -> dict[str, str]:
    """Return the hashes of a cell's components and of the files that its model reads, by what they are.

    Args:
        cell: the cell.
        sources: where pretrained weights are read from.

    Returns:
        `task`, `model`, `engine` and `problem`: the files of the components. `model.OPTION`: the file or folder that an
        option in the model's `PATHS` names, and the pretrained weights.

    Raises:
        BenchError: pretrained weights are not available.
    """
    model = cell.model.component
    hashes = {"task": cell.task.component.source_hash, "model": model.source_hash}
    if cell.engine is not None:
        hashes["engine"] = cell.engine.source_hash
    problems = [problem.source_hash for problem in cell.problems]
    hashes["problem"] = (
        problems[0] if len(problems) == 1 else hashlib.sha256("".join(problems).encode()).hexdigest()[:16]
    )
    stated = cell.options["model"]
    for option, path in sorted(discovery.resolve_paths(model, stated).items()):
        if option in model.words("PATHS") and isinstance(path, str):
            hashes[f"model.{option}"] = _hash_of_path(Path(path))
    if "weights_digest" in model.functions:
        weights = discovery.load(model).weights_digest(discovery.make_options(model, stated), sources)
        if weights is not None:
            hashes["model.pretrained"] = weights
    return hashes


def source_of_program() -> str:
    """Return a hash of the program's own source that decides the result of a training."""
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            digest.update(path.read_bytes())
    digest.update((PACKAGE / "execution" / "trained.py").read_bytes())
    return digest.hexdigest()[:16]


def _hash_of_path(path: Path) -> str:
    """Return the hash of a file, or of the names and contents of all files in a folder; `missing` if there is none."""
    try:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        stamps = [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
        return _hash(path, tuple((file, *stamp) for file, stamp in zip(files, stamps)))
    except OSError:
        return "missing"


@functools.lru_cache(maxsize=64)
def _hash(path: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    """Hash files by name and content; cached by modification time and size, since every cell of the model needs it."""
    from bench_suite.data.fingerprint import file_hash, hash_of

    return hash_of(*(part for file, *_ in files for part in (str(file.relative_to(path)), file_hash(file))))
