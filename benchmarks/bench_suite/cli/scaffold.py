"""Files that are written for somebody to go on from: templates filled, and nothing overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from bench_suite.contracts import BenchError

TEMPLATES = Path(__file__).parent / "templates"


def fill(template: str, **words: str) -> str:
    """A file of `templates/` with each `$word` filled in."""
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(words)


def write_new(texts: Mapping[Path, str]) -> None:
    """Write these files, all of them or none. Raises BenchError where one is there already or cannot be written."""
    for path in texts:
        if path.exists() or path.is_symlink():
            raise BenchError(f"{path} is there already, and nothing is overwritten; choose another name, or remove it")
    written: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise BenchError(f"{error.filename or path} cannot be written: {error.strerror}") from error
