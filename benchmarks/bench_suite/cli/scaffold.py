"""Files to start from: filled templates, written without overwriting anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from bench_suite.contracts import BenchError

TEMPLATES = Path(__file__).parent / "templates"


def fill(template: str, **words: str) -> str:
    """Return the text of a file of `templates/`, with a value for each `$word`."""
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(words)


def write_new(texts: Mapping[Path, str]) -> None:
    """Write these files, all of them or none. Raises BenchError if one exists already or cannot be written."""
    for path in texts:
        if path.exists() or path.is_symlink():
            raise BenchError(f"{path} exists already, and no file is overwritten; choose another name, or remove it")
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
