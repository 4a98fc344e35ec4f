"""Call a component's `check(options)` without running the rest of its file, which may import PyTorch.

Only the statements of the file are run that `check` and `Options` refer to, directly or through one another: imports,
constants, functions and classes. So a plan refuses the options that a run would refuse, and answers at once.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from bench_suite.components.discovery import PACKAGE, Component, resolve_paths


def can_check(component: Component) -> bool:
    """Return whether the options of a component can be checked here: its file is a part of the program.

    Code of others runs in a run only: files that a suite names need `--trust`, and those of installed distributions
    may be slow to import.
    """
    return "check" in component.functions and PACKAGE in component.path.parents


def check_options(component: Component, values: Mapping[str, Any]) -> None:
    """Call the `check` of a component for which `can_check` holds.

    Args:
        component: of this package.
        values: the options that the suite states, by name.

    Raises:
        Exception: what `check` raises.
    """
    part = _checking_part(component.path, component.source_hash)
    stated = resolve_paths(component, values)
    part.check(part.Options(**{name: value for name, value in stated.items() if name in component.options}))


@functools.lru_cache(maxsize=128)
def _checking_part(path: Any, source_hash: str) -> ModuleType:
    """Return a module of the statements that `check` and `Options` need; the hash is a part of the cache's key."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    chosen = [*_needed(tree, ("check", "Options"))]
    # A dataclass looks its own module up, so it must have one.
    module = ModuleType(f"bench_suite._checks_{source_hash}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    code = compile(ast.Module(chosen, type_ignores=[]), str(path), "exec", dont_inherit=True, flags=_flags(tree))
    exec(code, vars(module))
    return module


def _flags(tree: ast.Module) -> int:
    """Return the flags with which a module is compiled: that its annotations are not evaluated, if it says so."""
    import __future__

    imported = [alias.name for node in tree.body for alias in getattr(node, "names", ()) if _is_future(node)]
    return __future__.annotations.compiler_flag if "annotations" in imported else 0


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _needed(tree: ast.Module, names: tuple[str, ...]) -> Iterator[ast.stmt]:
    """Yield the statements of a module that these names need, in the order of the file."""
    by_name = {name: node for node in tree.body if not _is_future(node) for name in _bound(node)}
    todo, chosen = [*names], set()
    while todo:
        node = by_name.get(todo.pop())
        if node is not None and id(node) not in chosen:
            chosen.add(id(node))
            todo += _names_in(node)
    yield from (node for node in tree.body if id(node) in chosen)


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module binds."""
    match node:
        case ast.Import(names=aliases):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases)
        case ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name for alias in aliases)
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign() | ast.AnnAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))


def _names_in(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement reads, without those of annotations."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                yield part.id
            elif isinstance(part, ast.AST):
                yield from _names_in(part)
