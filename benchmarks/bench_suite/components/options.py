"""Options: read the `Options` class of a component from its source, and check a suite's values against its types.

An option's type is built from `int float bool str None Literal tuple Mapping` and `|`. The class is read with `ast`, so
a component's options are known, checked and documented without running the component.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.components.suggestions import misspelt


class _Missing:
    """The type of `MISSING`; a copy, and what another process receives, is the same object."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"Default of an option without a default."

LARGEST = 2**63 - 1
"Largest integer that an option may have: the largest that TOML, NumPy and PyTorch support."

_NAMES = {"int": "an integer", "float": "a number", "bool": "true or false", "str": "a string", "None": "nothing"}
_PLURALS = {"int": "integers", "float": "numbers", "bool": "true or false", "str": "strings"}
_SCHEMA = {"int": "integer", "float": "number", "bool": "boolean", "str": "string", "None": "null"}


@dataclass(frozen=True)
class Type:
    """The type of an option: one of `int float bool str None word Literal tuple Mapping union`, and its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()
    "Member types, the values of a `Literal`, or the usual values of a `word`."
    open: bool = False
    "Whether it is a `tuple` of any length, which has one member type."

    def __str__(self) -> str:
        inner = ", ".join(json.dumps(a) if self.name in ("Literal", "word") else str(a) for a in self.arguments)
        if self.name == "union":
            return " | ".join(map(str, self.arguments))
        if self.name == "tuple" and self.open:
            inner += ", ..."
        return f"{self.name}[{inner}]" if inner else self.name


@dataclass(frozen=True)
class Option:
    """An option of a component: a field of its `Options`."""

    name: str
    type: Type
    default: Any = MISSING
    help: str = ""
    line: int = 0
    bounds: tuple[float | None, float | None] = (None, None)
    "Least and greatest value of each number in the option; None: unbounded."

    def accept(self, value: Any) -> Any:
        """Return the value as the component receives it: arrays as tuples, and integers as floats for a float option.

        Raises:
            ValueError: the value does not fit the type or the bounds; the message says what is right.
        """
        try:
            accepted = fit(value, self.type)
        except ValueError:
            raise ValueError(f"{show(value)} is not {describe(self.type)}") from None
        _check_bounds(accepted, self.bounds)
        return accepted


@dataclass(frozen=True)
class Mixin:
    """The base of an `Options` class: a frozen dataclass in a module of this package."""

    name: str
    path: Path


def find_mixin(tree: ast.Module, name: str, package: Path) -> Mixin | None:
    """Return the base that the class `name` of a parsed module states; None if it states none.

    The base must be imported at the module's top level from a module of the package. Nothing is imported here: the
    import's dotted name is turned into a path.

    Args:
        tree: the parsed module of a component.
        name: the class that holds the options.
        package: folder of the package; its name is the first part of the import.

    Raises:
        SyntaxError: the class has more than one base, or a base from elsewhere; `lineno` is the line of the class.
    """
    cls = _class(tree, name)
    if cls is None or not (cls.bases or cls.keywords):
        return None
    match cls:
        case ast.ClassDef(bases=[ast.Name(id=base)], keywords=[]):
            for node in tree.body:
                if not isinstance(node, ast.ImportFrom) or node.level or node.module is None:
                    continue
                imported = next((alias.name for alias in node.names if (alias.asname or alias.name) == base), None)
                root, *parts = node.module.split(".")
                path = package.joinpath(*parts).with_suffix(".py")
                if imported is not None and parts and root == package.name and path.is_file():
                    return Mixin(imported, path)
    raise _syntax_error(
        cls,
        f"`{name}` must be a @dataclass(frozen=True) without bases, "
        f"or with one base that the file imports from a module of {package.name}",
    )


def read_options(
    tree: ast.Module, name: str, bounds: Mapping[str, Any], package: Path | None = None
) -> dict[str, Option]:
    """Return the options that the class `name` of a parsed module states; empty if there is no such class.

    The class may have one base, a frozen dataclass in a module of the package (`find_mixin`). As in Python, the base's
    fields come first, and a field that the class states again replaces the base's and keeps its position.

    Args:
        tree: the parsed module of a component.
        name: the class that holds the options.
        bounds: least and greatest value by option, those of the base included.
        package: folder of the package that a base may come from; None: the class may have no base.

    Raises:
        SyntaxError: the class or its base is not of the form that can be read. `lineno` is the line, and `filename`
            the base's file if the error is there.
    """
    cls = _class(tree, name)
    if cls is None:
        return {}
    if package is None and cls.bases:
        raise _syntax_error(cls, f"`{name}` must be a @dataclass(frozen=True) without bases")
    mixin = None if package is None else find_mixin(tree, name, package)
    options = _fields(cls, bounds)
    if mixin is not None:
        others = {option: limits for option, limits in bounds.items() if option not in options}
        options = {**_fields_of_mixin(mixin, others), **options}
    for option in bounds:
        if option not in options:
            raise _syntax_error(cls, f"BOUNDS names `{option}`, which is no option of `{name}`")
    return options


def _class(tree: ast.Module, name: str) -> ast.ClassDef | None:
    return next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)


def _fields_of_mixin(mixin: Mixin, bounds: Mapping[str, Any]) -> dict[str, Option]:
    try:
        cls = _class(ast.parse(mixin.path.read_bytes(), filename=str(mixin.path)), mixin.name)
        if cls is None or cls.bases or cls.keywords:
            raise _syntax_error(cls or ast.Pass(), f"`{mixin.name}` must be a @dataclass(frozen=True) without bases")
        return _fields(cls, bounds)
    except SyntaxError as error:
        error.filename = str(mixin.path)
        raise


def _fields(cls: ast.ClassDef, bounds: Mapping[str, Any]) -> dict[str, Option]:
    """Return the options that the body of a frozen dataclass states."""
    if not any("dataclass" in ast.unparse(d) and "frozen=True" in ast.unparse(d) for d in cls.decorator_list):
        raise _syntax_error(cls, f"`{cls.name}` must be a @dataclass(frozen=True)")
    options: dict[str, Option] = {}
    for position, node in enumerate(cls.body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            raise _syntax_error(
                node, f"`{cls.name}` holds only fields, `option: type = default`, and their help strings"
            )
        name = node.target.id
        kind = read_type(node.annotation)
        default = MISSING
        if node.value is not None:
            try:
                default = fit(ast.literal_eval(node.value), kind)
            except (ValueError, TypeError, RecursionError, MemoryError):
                raise _syntax_error(node, f"the default of `{name}` must be a literal of type {kind}") from None
        limits = tuple(bounds.get(name, (None, None)))
        options[name] = Option(name, kind, default, _help(cls.body, position), node.lineno, limits)
        try:
            _check_bounds(default, limits)
        except ValueError as error:
            raise _syntax_error(node, f"the default of `{name}`: {error}") from None
    return options


def _help(body: list[ast.stmt], position: int) -> str:
    following = body[position + 1] if position + 1 < len(body) else None
    if (
        isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
        and isinstance(following.value.value, str)
    ):
        return " ".join(following.value.value.split())
    return ""


def read_type(node: ast.expr) -> Type:
    """Return the type that an annotation states; raise SyntaxError if it is built from anything else."""
    match node:
        case ast.Name(id=name) if name in ("int", "float", "bool", "str"):
            return Type(name)
        case ast.Constant(value=None):
            return Type("None")
        case ast.Constant(value=str(text)):
            try:
                return read_type(ast.parse(text, mode="eval").body)
            except SyntaxError:
                pass  # the error below has the line of the file
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            members = [t.arguments if t.name == "union" else (t,) for t in (read_type(left), read_type(right))]
            return Type("union", (*members[0], *members[1]))
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            values = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            try:
                return Type("Literal", tuple(ast.literal_eval(e) for e in values))
            except (ValueError, TypeError):
                pass
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[item, ast.Constant(value=v)])) if v is ...:
            return Type("tuple", (read_type(item),), open=True)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=inner):
            return Type("tuple", tuple(read_type(e) for e in (inner.elts if isinstance(inner, ast.Tuple) else [inner])))
        case ast.Subscript(value=ast.Name(id="Mapping"), slice=ast.Tuple(elts=[key, value])):
            return Type("Mapping", (read_type(key), read_type(value)))
    raise _syntax_error(
        node,
        f"`{ast.unparse(node)}`: an option's type is built from "
        "int, float, bool, str, None, Literal, tuple, Mapping and |",
    )


_WORD = re.compile("[a-z][a-z0-9_]*")


def fit(value: Any, kind: Type) -> Any:
    """Return the value converted to the type; raise ValueError if it does not fit."""
    match kind.name:
        case "int" if isinstance(value, int) and not isinstance(value, bool):
            return value
        case "float" if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:
                return math.inf
        case "bool" if isinstance(value, bool):
            return value
        case "str" if isinstance(value, str):
            return value
        case "None" if value is None:
            return None
        case "word" if isinstance(value, str) and _WORD.fullmatch(value) and not misspelt(value, kind.arguments):
            return value
        case "Literal" | "tuple" | "Mapping" | "union":
            return _fit_compound(value, kind)
    raise ValueError


def _fit_compound(value: Any, kind: Type) -> Any:
    """Do what `fit` does for a type with arguments."""
    match kind.name:
        case "Literal":
            for allowed in kind.arguments:
                if type(value) is type(allowed) and value == allowed:
                    return allowed
        case "tuple" if isinstance(value, list | tuple):
            if kind.open:
                return tuple(fit(item, kind.arguments[0]) for item in value)
            if len(value) == len(kind.arguments):
                return tuple(fit(item, member) for item, member in zip(value, kind.arguments))
        case "Mapping" if isinstance(value, Mapping):
            return {fit(k, kind.arguments[0]): fit(v, kind.arguments[1]) for k, v in value.items()}
        case "union":
            # The first member that fits: an integer stays an integer for `int | float`.
            for member in kind.arguments:
                try:
                    return fit(value, member)
                except ValueError:
                    continue
    raise ValueError


def describe(kind: Type) -> str:
    """Return the type in words, such as `a list of integers`."""
    match kind.name:
        case "Literal":
            return "one of " + ", ".join(json.dumps(v) for v in kind.arguments)
        case "word":
            return "a lower-case word, such as " + ", ".join(json.dumps(v) for v in kind.arguments)
        case "tuple":
            parts = ", ".join(describe(a) for a in kind.arguments)
            if kind.open and kind.arguments[0].name in _PLURALS:
                return f"a list of {_PLURALS[kind.arguments[0].name]}"
            return f"a list, each item {parts}" if kind.open else f"a list of {len(kind.arguments)}: {parts}"
        case "Mapping":
            return f"a table whose values are each {describe(kind.arguments[1])}"
        case "union":
            stated = [a for a in kind.arguments if a.name != "None"]
            return " or ".join(describe(a) for a in stated) or _NAMES["None"]
    return _NAMES[kind.name]


def choices(kind: Type) -> tuple[str, ...]:
    """Return the strings that a type's literals allow, for suggestions."""
    if kind.name in ("Literal", "word"):
        return tuple(v for v in kind.arguments if isinstance(v, str))
    if kind.name in ("union", "tuple"):
        return tuple(c for a in kind.arguments for c in choices(a))
    return ()


def json_schema(option: Option) -> dict[str, Any]:
    """Return the JSON Schema of an option's values, with help and default."""
    schema = _schema(option.type, option.bounds)
    if option.help:
        schema["description"] = option.help
    if option.default is not MISSING and option.default is not None:
        schema["default"] = option.default
    return schema


def _schema(kind: Type, bounds: tuple[float | None, float | None]) -> dict[str, Any]:
    match kind.name:
        case "Literal":
            return {"enum": list(kind.arguments)}
        case "word":
            return {"type": "string", "pattern": f"^{_WORD.pattern}$", "examples": list(kind.arguments)}
        case "tuple" if kind.open:
            return {"type": "array", "items": _schema(kind.arguments[0], bounds)}
        case "tuple":
            size = len(kind.arguments)
            return {
                "type": "array",
                "prefixItems": [_schema(a, bounds) for a in kind.arguments],
                "minItems": size,
                "maxItems": size,
            }
        case "Mapping":
            return {"type": "object", "additionalProperties": _schema(kind.arguments[1], bounds)}
        case "union":
            members = [_schema(a, bounds) for a in kind.arguments if a.name != "None"]
            return members[0] if len(members) == 1 else {"anyOf": members}
    schema: dict[str, Any] = {"type": _SCHEMA[kind.name]}
    if kind.name in ("int", "float"):
        low, high = bounds
        schema |= {} if low is None else {"minimum": low}
        schema |= {} if high is None else {"maximum": high}
    return schema


def show(value: Any) -> str:
    """Return a value as in TOML, cut to 60 characters."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        text = f"a whole number of {value.bit_length()} bits" if isinstance(value, int) else repr(value)
    except RecursionError:
        text = "a value nested too deeply"
    return text if len(text) <= 60 else text[:57] + "…"


def _numbers(value: Any) -> list[float]:
    if isinstance(value, bool | str) or value is None or value is MISSING:
        return []
    if isinstance(value, int | float):
        return [value]
    items = value.values() if isinstance(value, Mapping) else value
    return [number for item in items for number in _numbers(item)]


def _check_bounds(value: Any, bounds: tuple[float | None, float | None]) -> None:
    for number in _numbers(value):
        _check_number(number, bounds)


def _check_number(number: float, bounds: tuple[float | None, float | None]) -> None:
    low, high = bounds
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"{number} is not a finite number")
    if (low is not None and number < low) or (high is not None and number > high):
        if low is not None and high is not None:
            raise ValueError(f"{show(number)} is out of bounds: from {low} to {high}")
        raise ValueError(
            f"{show(number)} is out of bounds: " + (f"{low} or more" if low is not None else f"{high} or less")
        )
    if isinstance(number, int) and abs(number) > LARGEST:
        raise ValueError(f"{show(number)} is out of bounds: it does not fit into 64 bits")


def _syntax_error(node: ast.AST, message: str) -> SyntaxError:
    """Return a SyntaxError at the line of a node."""
    error = SyntaxError(message)
    error.lineno = getattr(node, "lineno", 1)
    return error
