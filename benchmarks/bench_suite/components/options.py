"""Option types: what an `Options` class states, read from source, and whether a value of a suite file fits it.

An option's type is built from `int float bool str None Literal tuple Mapping` and `|`. It is read with `ast`, so
that a component's options are known, checked and documented without running a line of the component.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING", "__bool__": lambda self: False})()
"Default of an option that has none."

LARGEST = 2**63 - 1
"Largest whole number an option may be: what TOML promises to carry, and what NumPy and torch can take."

_NAMES = {"int": "an integer", "float": "a number", "bool": "true or false", "str": "a string", "None": "nothing"}
_PLURALS = {"int": "integers", "float": "numbers", "bool": "true or false", "str": "strings"}
_SCHEMA = {"int": "integer", "float": "number", "bool": "boolean", "str": "string", "None": "null"}


@dataclass(frozen=True)
class Type:
    """The type of an option: a name of `int float bool str None Literal tuple Mapping union`, and its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()
    "Member types; the values of a `Literal`; a `tuple` of any length has one member, and `open` set."
    open: bool = False

    def __str__(self) -> str:
        inner = ", ".join(json.dumps(a) if self.name == "Literal" else str(a) for a in self.arguments)
        if self.name == "union":
            return " | ".join(map(str, self.arguments))
        if self.name == "tuple" and self.open:
            inner += ", ..."
        return f"{self.name}[{inner}]" if inner else self.name


@dataclass(frozen=True)
class Option:
    """One option of a component: a field of its `Options`."""

    name: str
    type: Type
    default: Any = MISSING
    help: str = ""
    line: int = 0
    bounds: tuple[float | None, float | None] = (None, None)
    "Least and greatest value allowed, of each number in the option; None: unbounded."

    def accept(self, value: Any) -> Any:
        """The value as the component will see it: arrays as tuples, whole numbers as floats where floats are asked.

        Raises ValueError whose text says what would be right.
        """
        try:
            accepted = fit(value, self.type)
        except ValueError:
            raise ValueError(f"{show(value)} is not {describe(self.type)}") from None
        _bounded(accepted, self.bounds)
        return accepted


def read_options(tree: ast.Module, name: str, bounds: Mapping[str, Any]) -> dict[str, Option]:
    """Options stated by the class `name` of a parsed module; empty where there is no such class.

    Raises SyntaxError, with a line number, on what is not of the form that can be read.
    """
    cls = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if cls is None:
        return {}
    if cls.bases or not any(
        "dataclass" in ast.unparse(d) and "frozen=True" in ast.unparse(d) for d in cls.decorator_list
    ):
        raise _error(cls, f"`{name}` must be a @dataclass(frozen=True) without bases")
    options: dict[str, Option] = {}
    for position, node in enumerate(cls.body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            raise _error(node, f"`{name}` holds only fields, `option: type = default`, and their help strings")
        option = node.target.id
        kind = read_type(node.annotation)
        default = MISSING
        if node.value is not None:
            try:
                default = fit(ast.literal_eval(node.value), kind)
            except (ValueError, TypeError, RecursionError, MemoryError):
                raise _error(node, f"the default of `{option}` must be a literal of type {kind}") from None
        options[option] = Option(
            option, kind, default, _help(cls.body, position), node.lineno, tuple(bounds.get(option, (None, None)))
        )
        try:
            _bounded(default, options[option].bounds)
        except ValueError as error:
            raise _error(node, f"the default of `{option}`: {error}") from None
    for option in bounds:
        if option not in options:
            raise _error(cls, f"BOUNDS names `{option}`, which is no option of `{name}`")
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
    """The type that an annotation states; raises SyntaxError where it is built from anything else."""
    match node:
        case ast.Name(id=name) if name in ("int", "float", "bool", "str"):
            return Type(name)
        case ast.Constant(value=None):
            return Type("None")
        case ast.Constant(value=str(text)):
            try:
                return read_type(ast.parse(text, mode="eval").body)
            except SyntaxError:
                pass  # the fault is said below, with the line of the file
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
    raise _error(
        node,
        f"`{ast.unparse(node)}`: an option's type is built from "
        "int, float, bool, str, None, Literal, tuple, Mapping and |",
    )


def fit(value: Any, kind: Type) -> Any:
    """The value converted to the type; raises ValueError where it does not fit."""
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
            # An integer stays one where `int | float` allows both.
            for member in kind.arguments:
                try:
                    return fit(value, member)
                except ValueError:
                    continue
    raise ValueError


def describe(kind: Type) -> str:
    """The type in words: `a list of integers`."""
    match kind.name:
        case "Literal":
            return "one of " + ", ".join(json.dumps(v) for v in kind.arguments)
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
    """The strings that a type allows by name, for the nearest right spelling."""
    if kind.name == "Literal":
        return tuple(v for v in kind.arguments if isinstance(v, str))
    if kind.name in ("union", "tuple"):
        return tuple(c for a in kind.arguments for c in choices(a))
    return ()


def json_schema(option: Option) -> dict[str, Any]:
    """JSON Schema of an option's values, with help and default."""
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
    """A value as TOML would write it, cut to a readable length."""
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


def _bounded(value: Any, bounds: tuple[float | None, float | None]) -> None:
    for number in _numbers(value):
        _within(number, bounds)


def _within(number: float, bounds: tuple[float | None, float | None]) -> None:
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


def _error(node: ast.AST, message: str) -> SyntaxError:
    error = SyntaxError(message)
    error.lineno = getattr(node, "lineno", 1)
    return error
