"""The document of a suite: the TOML text with the flags that change it, and the line or flag behind each value."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError
from bench_suite.suite.toml_positions import Path as KeyPath
from bench_suite.suite.toml_positions import positions

DATA_ENDINGS = (
    ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".xlsx", ".xls", ".zip",
    ".png", ".jpg", ".jpeg",
)  # fmt: skip
"Endings of files that hold data: one of them in place of a suite is not judged as TOML."
MAX_KEY_PARTS = 100
"Parts of a dotted key: reading takes time that grows with the square of their number, and no key of a suite has six."
_WORD = r"""(?:[A-Za-z0-9_-]++|"(?:\\.|[^"\\\n])*+"|'[^'\n]*+')"""
_LONG_KEY = re.compile(
    rf"""(?<![A-Za-z0-9_"'-]){_WORD}(?:[ \t]*+\.[ \t]*+{_WORD}){{{MAX_KEY_PARTS},}}+[ \t]*+(?P<end>[=\]]?)"""
)
_PART = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|[^."\']+')


@dataclass(frozen=True)
class ErrorEntry:
    """One error of a suite, and where it is."""

    text: str
    "As it is shown: file, line, key, message, and the line of the file; or flag and message."
    message: str
    line: int = 0
    "0 if a flag brought it."
    key: KeyPath = ()
    flag: str | None = None


class SuiteError(BenchError):
    """All errors of a suite file, each with its line and key."""

    def __init__(self, errors: Iterable[str], entries: Iterable[ErrorEntry] = ()) -> None:
        self.errors = tuple(errors)
        self.entries = tuple(entries)
        "The same errors in parts, if they are of a document."
        super().__init__("\n".join(self.errors))


@dataclass
class Document:
    """A parsed suite file. It collects errors, so that a person sees all of them at once."""

    name: str
    "The file as the person named it."
    text: str
    values: dict[str, Any]
    lines: Mapping[KeyPath, int]
    "The line of each key, from 1."
    flags: dict[KeyPath, str] = field(default_factory=dict)
    "The flag that set a key."
    errors: list[ErrorEntry] = field(default_factory=list)
    _known: set[tuple[int, str]] = field(default_factory=set)
    "Line and text of the errors."

    def error(self, path: KeyPath, message: str) -> None:
        """Add an error about the value at `path`; it shows the file, line, key, and the line itself."""
        flag = next((self.flags[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.flags), None)
        if flag is None and path and path not in self.lines:  # a table that a flag has brought
            flag = next((flag for key, flag in self.flags.items() if key[: len(path)] == path), None)
        if flag is not None:
            self.flag_error(flag, message)
            return
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), 1)
        key = f"{spell(path)}: " if path else ""
        source = self._source[line - 1].strip() if path and self.text else ""
        shown = f"\n    {source if len(source) <= 100 else source[:99] + '…'}" if source else ""
        self._add(ErrorEntry(f"{self.name}:{line}: {key}{message}{shown}", message, line, path))

    @cached_property
    def _source(self) -> list[str]:
        return self.text.splitlines()

    def flag_error(self, flag: str, message: str) -> None:
        """Add an error about a flag, which has no line."""
        self._add(ErrorEntry(f"{flag}: {message}", message, flag=flag))

    def _add(self, entry: ErrorEntry) -> None:
        if (entry.line, entry.text) not in self._known:
            self._known.add((entry.line, entry.text))
            self.errors.append(entry)

    def raise_errors(self) -> None:
        """Raise SuiteError with all errors so far, in the order of their lines; do nothing if there are none."""
        if self.errors:
            entries = sorted(self.errors, key=lambda entry: entry.line)
            texts = [entry.text for entry in entries]
            # A line of the file may be wrong only in combination with a flag, so the other flags are named too.
            blamed = {entry.flag for entry in entries}
            others = [flag for flag in self.flags.values() if flag not in blamed]
            if others and any(entry.line for entry in entries):
                texts.append(f"the suite was read with {' '.join(others)}")
            raise SuiteError(texts, entries)


def spell(path: KeyPath) -> str:
    """Return a path as a person writes it: `tasks[0].use`, `gate."quality/accuracy".min`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            part = part if len(part) <= 60 else part[:57] + "…"
            quoted = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'
            text += f".{quoted}" if text else quoted
    return text


def read_document(path: Path, name: str, overrides: Iterable[str] = ()) -> Document:
    """Read a suite file and apply `KEY=VALUE` overrides. Raises SuiteError."""
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise SuiteError([f"{name}: there is no such file{_nearest_file(path)}"]) from None
    except IsADirectoryError:
        raise SuiteError([f"{name}: is a folder; a suite is a TOML file{_suite_of_data(path)}"]) from None
    except UnicodeDecodeError as error:
        if _is_data(path):
            raise SuiteError([_no_suite(path, name)]) from None
        raise SuiteError([f"{name}: is not UTF-8 (byte {error.start}); save it as UTF-8"]) from None
    except OSError as error:
        raise SuiteError([f"{name}: cannot be read: {error.strerror}"]) from None
    try:
        return parse_document(text, name, overrides)
    except SuiteError:
        if _is_data(path):
            raise SuiteError([_no_suite(path, name)]) from None
        raise


def _is_data(path: Path) -> bool:
    """Return whether a file is one of data, to judge by its name, compressed or not."""
    return any(suffix.lower() in DATA_ENDINGS for suffix in path.suffixes[-2:])


def _no_suite(path: Path, name: str) -> str:
    return f"{name}: is a file of data; a suite is a TOML file that names it{_suite_of_data(path)}"


def _suite_of_data(path: Path) -> str:
    """Return the lines of a suite that name a file or folder of data; none for an empty folder or one of suites."""
    try:
        if path.is_dir() and (any(path.glob("*.toml")) or not any(path.iterdir())):
            return ""
    except OSError:
        return ""
    lines = f'[[tasks]]\n    use = "files"\n    path = {json.dumps(path.name, ensure_ascii=False)}'
    label = "" if path.is_dir() else '\n    label = "NAME OF THE COLUMN TO PREDICT"'
    return f":\n    {lines}{label}\n  `bench init` writes a whole suite, to put these lines into"


def parse_document(text: str, name: str, overrides: Iterable[str] = ()) -> Document:
    """Return the document of a suite's text with overrides applied; errors call it `name`. Raises SuiteError."""
    _check_keys(name, text)
    try:
        document = Document(name, text, tomllib.loads(text), positions(text))
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError, as is a number of 5,000 digits
        raise SuiteError([_syntax_error(name, text, error)]) from None
    for override in overrides:
        _apply_override(document, override)
    document.raise_errors()
    return document


def _check_keys(name: str, text: str) -> None:
    """Raise SuiteError if a key has too many parts: before the text is parsed, since parsing would take long."""
    for match in _LONG_KEY.finditer(text):
        if match["end"]:
            parts = len(re.findall(_WORD, match[0]))
            line = text.count("\n", 0, match.start()) + 1
            raise SuiteError([f"{name}:{line}: {_too_many_parts(parts)}\n    {match[0][:99]}…"])


def _too_many_parts(parts: int) -> str:
    return f"a key with {parts:,} parts between dots; no key of a suite has more than {MAX_KEY_PARTS}"


def _syntax_error(name: str, text: str, error: Exception) -> str:
    """Return the error of a text that is not TOML, with the line that the parser names, or else the likeliest one."""
    lines = text.split("\n")
    message = str(error).partition(" (at ")[0]
    # `tomllib` states the cause, and before Python 3.14 the position too, in its message only. An unknown wording costs
    # the hint and the line, not the error.
    position = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    line, where = len(lines), " (at the end of the file)"
    if position:
        line, where = int(position[1]), f" (column {position[2]})"
    if isinstance(error, RecursionError):
        message, where = "nested too deeply", ""
        line = max(range(len(lines)), key=lambda n: sum(map(lines[n].count, "[{"))) + 1
    elif not isinstance(error, tomllib.TOMLDecodeError):
        message, where = "a number with too many digits", ""
        line = max(range(len(lines)), key=lambda n: max(map(len, re.findall(r"\d+", lines[n])), default=0)) + 1
    source = lines[line - 1].strip()
    if message.startswith("Expected '=' after a key") and re.match(r"[^\s\"'=]+\s*=", source):
        message += '; a key with other characters than letters, digits, "_" and "-" is written in quotes'
    return f"{name}:{line}: is not TOML: {message}{where}" + (
        f"\n    {source if len(source) <= 100 else source[:99] + '…'}" if source else ""
    )


def _nearest_file(path: Path) -> str:
    """Return the nearest right spelling among the suites in the same folder."""
    try:
        return nearest(path.name, [other.name for other in path.parent.glob("*.toml")])
    except OSError:
        return ""


def _apply_override(document: Document, override: str) -> None:
    """Set the value that `KEY=VALUE` names, or add an error about it. A value that is not TOML is a string."""
    flag = f"--set {override if len(override) <= 80 else override[:79] + '…'}"
    key, equals, written = override.partition("=") if '"' not in override.split("=")[0] else _split_at_equals(override)
    parts = _PART.findall(key.strip())
    if not equals or not parts or ".".join(parts) != key.strip():
        document.flag_error(flag, "is not KEY=VALUE, such as --set train.epochs=5")
        return
    if len(parts) > MAX_KEY_PARTS:
        document.flag_error(flag, _too_many_parts(len(parts)))
        return
    parts = [p[1:-1] if p[0] in "\"'" else p.strip() for p in parts]
    if parts[0] == "matrix" and len(parts) > 2 and parts[1] not in ("include", "exclude"):
        parts = ["matrix", ".".join(parts[1:])]  # an axis is one key, dots and all
    try:
        parsed = tomllib.loads(f"value = {written}")
        value = parsed["value"] if len(parsed) == 1 else written
    except (ValueError, RecursionError):
        value = written
    target: Any = document.values
    path: KeyPath = ()
    for part in parts[:-1]:
        if isinstance(target, list):
            index = _entry_index(target, part)
            if index is None:
                labels = [str(label(entry)) for entry in target if isinstance(entry, dict)]
                document.flag_error(
                    flag,
                    f'nothing in {spell(path)} is named "{part}"{nearest(part, labels)} '
                    f"(there are: {', '.join(labels)})",
                )
                return
            path, target = (*path, index), target[index]
        else:
            path = (*path, part)
            target = target.setdefault(part, {})
        if not isinstance(target, dict | list):
            document.flag_error(flag, f"{spell(path)} is a value, not a table")
            return
    last: str | int = parts[-1]
    if isinstance(target, list):
        entry = "0" if path[0] == "gate" else "NAME"
        document.flag_error(flag, f"name a key of one of {spell(path)}, such as {spell(path)}.{entry}.{last}")
        return
    # A single value for an axis is an axis of one value.
    target[last] = value
    document.flags[(*path, last)] = flag


def _split_at_equals(override: str) -> tuple[str, str, str]:
    """Return the parts before, at and after the first equals sign outside quotes."""
    match = re.match(r"""((?:"(?:\\.|[^"\\])*"|'[^']*'|[^="'])*)(=)(.*)""", override, re.DOTALL)
    return (match[1], match[2], match[3]) if match else (override, "", "")


def _entry_index(entries: list[Any], part: str) -> int | None:
    """Return the index of the entry with this label, or whose index `part` is; None if there is none."""
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and label(entry) == part:
            return index
    return int(part) if part.isdigit() and int(part) < len(entries) else None


def label(entry: Mapping[str, Any]) -> Any:
    """Return the label of an entry of `tasks` or `models`: its `name`, or else the name of its component."""
    use = entry.get("use")
    return entry.get("name", Path(use).stem if isinstance(use, str) and use.endswith(".py") else use)
