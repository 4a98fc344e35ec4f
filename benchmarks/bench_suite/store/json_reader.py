"""Read the JSON of a run: check its types, and report damage with the file, the line and the field.

A full disk, an editor or a merge may have damaged any file. A check describes a format, and is made of the functions
below: `record({"process": integer, "since": text})`. Fields that a check does not name are
ignored: a later version may have added them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Check = Callable[[Any], None]
"A function that raises Damage if a value is not of the form that it describes."
MAX_DEPTH = 50
"Number of levels of lists and objects that a value of any form may have."

_CONTAINERS = {dict, list}
_SPACE = re.compile(r"\s*")


class Damage(ValueError):
    """A file of a run, or a part of it, that cannot be read."""

    def __init__(self, message: str, field: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        "What is wrong, without the position."
        self.field = field
        "Keys and numbers that lead to the damaged value, from the outermost."
        self.file = ""
        "The file's path, relative to the run's folder."
        self.line: int | None = None
        "Number of the line, from 1; None if it is not known."

    def __str__(self) -> str:
        """Return the damage as text: file, line, field and what is wrong."""
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.field).lstrip(".")
        parts = [
            self.file,
            "" if self.line is None else f"line {self.line}",
            f"field {_brief(path, 100)}" if path else "",
        ]
        position = ", ".join(part for part in parts if part)
        return f"{position}: {self.message}" if position else self.message


def read_json(content: bytes, check: Check, file: str = "", line: int | None = None) -> Any:
    """Return the JSON value in `content`.

    Args:
        content: the content of a file, or one line of it.
        check: the form that the value must have.
        file: path of the file, for the error.
        line: number of the line in the file, if the content is one line; otherwise the line is computed.

    Raises:
        Damage: the content is no JSON, or the value does not have this form.
    """
    try:
        try:
            value = json.loads(content)
        except RecursionError:
            raise Damage("it is nested too deeply") from None
        except json.JSONDecodeError as error:
            damage = Damage(f"it is no JSON ({error.msg})")
            damage.line = error.lineno
            raise damage from None
        except ValueError as error:  # no UTF-8, or an integer of thousands of digits
            raise Damage(f"it is no JSON ({_brief(str(error), 80)})") from None
        check(value)
    except Damage as damage:
        damage.file = file
        damage.line = damage.line if line is None else line
        if damage.line is None and damage.field:
            damage.line = _line_of(content.decode(errors="replace"), damage.field)
        raise
    return value


def _line_of(text: str, field: Sequence[str | int]) -> int:
    """Return the number of the line with the value at `field`, or with the innermost value around it that exists."""
    position = 0
    for step in field:
        inner = _enter(text, _after_space(text, position), step)
        if inner is None:
            break
        position = inner
    return text.count("\n", 0, _after_space(text, position)) + 1


def _enter(text: str, position: int, step: str | int) -> int | None:
    """Return the position of a member of the object or list at `position`; None if it has no such member."""
    decode = json.JSONDecoder().raw_decode
    is_object = text[position] == "{"
    number = 0
    while text[position] not in "]}":
        position = _after_space(text, position + 1)
        if text[position] in "]}":
            return None
        key: Any = number
        if is_object:
            key, position = decode(text, position)
            position = _after_space(text, _after_space(text, position) + 1)  # the colon
        if key == step:
            return position
        position = _after_space(text, decode(text, position)[1])
        number += 1
    return None


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()


def _brief(value: Any, most: int = 40) -> str:
    words = value if isinstance(value, str) else repr(value)
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _refuse(value: Any, wanted: str) -> Damage:
    shown = _brief(json.dumps(value)) if _is_shallow(value, 4) else "nested deeply"
    return Damage(f"it must be {wanted}, and is {shown}")


# ── checks of one value ─────────────────────────────────────────────────────────────────────────


def text(value: Any) -> None:
    """Check that the value is a string."""
    if type(value) is not str:
        raise _refuse(value, "text")


def name(value: Any) -> None:
    """Check that the value is a string that can be the name of a file or folder."""
    if type(value) is not str or value in ("", ".", "..") or len(value) > 200 or re.search(r"[/\\\0]", value):
        raise _refuse(value, "the name of a folder")


def flag(value: Any) -> None:
    """Check that the value is true or false."""
    if type(value) is not bool:
        raise _refuse(value, "true or false")


def integer(value: Any) -> None:
    """Check that the value is an integer that is not negative and has at most 64 bits."""
    if type(value) is not int or not 0 <= value < 2**63:
        raise _refuse(value, "a count")


def number(value: Any) -> None:
    """Check that the value is a finite number."""
    if not is_number(value):
        raise _refuse(value, "a finite number")


def is_number(value: Any) -> bool:
    """Return whether the value is a finite number, and not a bool."""
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is int and abs(value) < 2**1023  # a larger one is no float


def scalar(value: Any) -> None:
    """Check that the value is a string, number, bool or null."""
    if isinstance(value, (dict, list)) or (type(value) is int and not is_number(value)):
        raise _refuse(value, "text, a number, true, false or null")


def coordinate(value: Any) -> None:
    """Check that the value is a string or a number."""
    if not is_text_or_number(value):
        raise _refuse(value, "text or a number")


def is_text_or_number(value: Any) -> bool:
    """Return whether the value is a string, a finite number or a bool."""
    return type(value) is str or type(value) is bool or is_number(value)


def anything(value: Any) -> None:
    """Check that the value is not nested too deeply."""
    if isinstance(value, (dict, list)) and not _is_shallow(value, MAX_DEPTH):
        raise Damage("it is nested too deeply")


def _is_shallow(value: Any, levels: int) -> bool:
    layer = [value] if type(value) in _CONTAINERS else []
    for _ in range(levels):
        if not layer:
            return True
        groups = [outer.values() if type(outer) is dict else outer for outer in layer]
        layer = [
            member
            for members in groups
            if not _CONTAINERS.isdisjoint(map(type, members))  # most lists contain numbers only
            for member in members
            if type(member) in _CONTAINERS
        ]
    # The members of the last layer are one level deeper than what contains them.
    return not any(layer)


# ── checks of several values ────────────────────────────────────────────────────────────────────


def optional(check: Check) -> Check:
    """Return a check that accepts null, too."""

    def checked(value: Any) -> None:
        if value is not None:
            check(value)

    return checked


def both(first: Check, second: Check) -> Check:
    """Return a check that passes what passes two checks."""

    def checked(value: Any) -> None:
        first(value)
        second(value)

    return checked


def one_of(words: Sequence[str]) -> Check:
    """Return a check that the value is one of these strings."""

    def checked(value: Any) -> None:
        if type(value) is not str or value not in words:
            raise _refuse(value, f"one of {', '.join(words)}")

    return checked


def list_of(check: Check) -> Check:
    """Return a check of a list whose members pass `check`."""

    def checked(value: Any) -> None:
        if type(value) is not list:
            raise _refuse(value, "a list")
        for index, member in enumerate(value):
            _check_member(check, member, index)

    return checked


def mapping(value: Any) -> None:
    """Check that the value is an object, whatever it contains."""
    if type(value) is not dict:
        raise _refuse(value, "an object")


def map_of(check: Check) -> Check:
    """Return a check of an object with any keys, whose values pass `check`."""

    def checked(value: Any) -> None:
        if type(value) is not dict:
            raise _refuse(value, "an object")
        for key, member in value.items():
            _check_member(check, member, key)

    return checked


def record(required: Mapping[str, Check], also: Mapping[str, Check] | None = None) -> Check:
    """Return a check of an object with these keys.

    Args:
        required: the checks of the values that must be there.
        also: the checks of values that may be missing.
    """
    others = also or {}

    def checked(value: Any) -> None:
        if type(value) is not dict:
            raise _refuse(value, "an object")
        for key, check in required.items():
            if key not in value:
                raise Damage("it is missing", (key,))
            _check_member(check, value[key], key)
        for key, check in others.items():
            if key in value:
                _check_member(check, value[key], key)

    return checked


def _check_member(check: Check, value: Any, step: str | int) -> None:
    try:
        check(value)
    except Damage as damage:
        damage.field = (step, *damage.field)
        raise
