"""Discovery: find a component by name, read its options and facts without importing it, and load it on use.

A component is one of:

- a file of this package (`tasks/mnist.py`), or a folder (`probes/fairness/`) whose `__init__.py` holds the facts, the
  options and the component's function;
- a module behind an entry point of an installed distribution (`bench.tasks`, `bench.models`, …);
- a file that the suite names.

Facts are literal constants and options are one frozen dataclass, so both are read with `ast` and nothing is run.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from bench_suite.components import evaluate_uri
from bench_suite.components.external import module_name
from bench_suite.components.facts import missing_parts, read_facts
from bench_suite.components.options import Option, find_mixin, read_options, show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import ComponentError, Kind, describe_error

PACKAGE = Path(__file__).parent.parent
"The package's folder: a family is a folder in it."
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Component:
    """A component as its source states it; it has not been run."""

    kind: Kind
    use: str
    "Name in a suite: `mnist`, or a path."
    path: Path
    module: str | None
    "Import name; None for a file that the suite names."
    facts: Mapping[str, Any]
    options: Mapping[str, Option]
    functions: frozenset[str]
    parameters: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    "By function and name, the parameters of `functions`, and whether each has to be given: it has no default."
    doc: str = ""
    source_hash: str = field(default="", compare=False)
    called: str = ""
    "Name of the component, if it differs from the file's name."
    folder: Path = field(default=Path(), compare=False)
    "Folder of the file that names it: paths among its options are relative to it."
    lightning: frozenset[str] = frozenset()
    "Methods of the classes in the file whose base is named `LightningModule`; empty if there is no such class."

    @property
    def name(self) -> str:
        """Return the file's name, or the folder's if the component is a folder."""
        return self.called or (self.path.parent.name if self.path.stem == "__init__" else self.path.stem)

    @property
    def external(self) -> bool:
        """Return whether the suite names it by file, so that running it needs `--trust`."""
        return self.module is None

    @property
    def version(self) -> int:
        """Return VERSION; 1 if it is not stated."""
        return int(self.facts.get("VERSION", 1))

    def words(self, fact: str) -> tuple[str, ...]:
        """Return a fact that is one word or several as a tuple."""
        value = self.facts.get(fact, ())
        return (value,) if isinstance(value, str) else tuple(value)

    @property
    def summary(self) -> str:
        """Return the first line of the module's docstring."""
        return self.doc.strip().splitlines()[0] if self.doc.strip() else ""


def is_path(use: str) -> bool:
    """Return whether a name in a suite is the path of a file."""
    return use.endswith(".py") or "/" in use


def builtin(kind: Kind) -> list[str]:
    """Return the names of the components of a kind in this package."""
    family = PACKAGE / kind
    files = [path.stem for path in family.glob("*.py")]
    folders = [path.parent.name for path in family.glob("*/__init__.py")]
    return sorted(name for name in (*files, *folders) if not name.startswith("_"))


def installed(kind: Kind) -> dict[str, str]:
    """Return names and modules of the components of a kind in other installed distributions.

    It reads the metadata of all distributions, which takes about 40 ms, once for a kind and a `sys.path`: call it only
    for names that are not built in.
    """
    return _installed(kind, tuple(sys.path))


@functools.lru_cache(maxsize=32)
def _installed(kind: Kind, folders: tuple[str, ...]) -> dict[str, str]:
    del folders  # only a part of the cache's key
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=f"bench.{kind}")}


def find(kind: Kind, use: str, folder: Path) -> Component:
    """Return the component that a suite names.

    Args:
        kind: of the component.
        use: its name, searched in this package and then among the entry points of installed distributions; or the path
            of a file; or for a metric `evaluate:ID`, a metric of Hugging Face `evaluate` (`evaluate_uri`), which has no
            file here and counts as external.
        folder: a relative path is relative to it.

    Raises:
        ComponentError: there is no such component, or its source cannot be read.
    """
    return replace(_find(kind, use, folder), folder=folder)


def _find(kind: Kind, use: str, folder: Path) -> Component:
    if kind == "metrics" and use.startswith(evaluate_uri.PREFIX):
        return _read_evaluate_metric(use, folder)
    if is_path(use):
        path = _find_file(folder / use, use)
        return _read_current(kind, use, path, None)
    if len(use) < 100 and use.isidentifier() and not use.startswith("_"):
        for path in (PACKAGE / kind / f"{use}.py", PACKAGE / kind / use / "__init__.py"):
            if path.is_file():
                return _read_current(kind, use, path, f"bench_suite.{kind}.{use}")
    others = installed(kind)
    if use in others:
        module = others[use]
        path = _locate(module)
        return _read_current(kind, use, path, module)
    names = [*builtin(kind), *others]
    raise ComponentError(f"there is no {kind[:-1]} {show(use)}{nearest(use, names)} (there are: {', '.join(names)})")


def _read_evaluate_metric(use: str, folder: Path) -> Component:
    """Return a metric of `evaluate` as far as it is known without running it."""
    try:
        read = evaluate_uri.read_name(use, folder)
    except ValueError as error:
        raise ComponentError(str(error)) from None
    query = use.partition("?")[2]
    # The path replaces the name, so it contains the query too, and the script's absolute path.
    path = f"{evaluate_uri.PREFIX}{read.target}" + (f"?{query}" if query else "")
    source = hashlib.sha256(Path(read.target).read_bytes()).hexdigest()[:16] if read.local else ""
    facts = {"UNIT": "", "BETTER": read.better, "IMPORTS": ("evaluate",)}
    doc = f"{use}: a metric of Hugging Face `evaluate`, which runs unchanged."
    return Component(
        "metrics", use, Path(path), None, facts, {}, frozenset({read.name}), {}, doc, source, called=read.name
    )


def _find_file(path: Path, use: str) -> Path:
    """Return the absolute path of a file that a suite names; raise ComponentError if there is no such file."""
    try:
        if path.is_file():
            return path.resolve()
        if path.is_dir():
            raise ComponentError(f"{show(use)} is a folder; a component is one Python file")
        siblings = [Path(use).with_name(other.name).as_posix() for other in path.parent.glob("*.py")]
    except (OSError, ValueError):  # the name is too long, or contains a NUL
        siblings = []
    raise ComponentError(
        f"there is no file {show(use)} (the path is relative to the folder of the file that names it)"
        f"{nearest(Path(use).as_posix(), siblings)}"
    )


def _files(path: Path) -> list[Path]:
    """Return the files of a component: one, or all files in its folder."""
    if path.stem != "__init__":
        return [path]
    return sorted(file for file in path.parent.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


Stamp = tuple[tuple[int, int], ...]
"Modification time in ns and size in bytes of each file of a component."


def _stamp(files: Sequence[Path]) -> Stamp:
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in (file.stat() for file in files))


def _locate(module: str) -> Path:
    """Return the file of a module without importing it: `find_spec("a.b")` would import `a`, so it gets `a`."""
    top, *rest = module.split(":")[0].split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise ComponentError(f"the entry point's module {module} is not installed")
    if not rest:
        return Path(spec.origin or "")
    for location in spec.submodule_search_locations or ():
        for candidate in (Path(location, *rest[:-1], f"{rest[-1]}.py"), Path(location, *rest, "__init__.py")):
            if candidate.is_file():
                return candidate
    raise ComponentError(f"the entry point's module {module} has no file")


def _read_current(kind: Kind, use: str, path: Path, module: str | None) -> Component:
    """Return the component as its files are now; they are parsed again only after an edit."""
    files = _files(path)
    mixin = _mixin_path(use, path, _stamp(files))
    if mixin is not None:
        files.append(mixin)
    return _read(kind, use, path, module, tuple(files), _stamp(files))


@functools.lru_cache(maxsize=1)  # `_mixin_path` and then `_read` need the tree, and parsing takes most of the time
def _parse(use: str, path: Path, stamp: Stamp) -> ast.Module:
    del stamp  # only a part of the cache's key: an edited file is parsed again
    try:
        source = path.read_bytes()
        with warnings.catch_warnings(action="ignore"):  # a stray backslash warns again when the file runs
            return ast.parse(source.decode("utf-8-sig"), filename=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ComponentError(f"{use} cannot be read: {error}") from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ComponentError(
            f"{path.name}:{getattr(error, 'lineno', None) or 1}: {getattr(error, 'msg', error)}"
        ) from error


@functools.lru_cache(maxsize=512)
def _mixin_path(use: str, path: Path, stamp: Stamp) -> Path | None:
    """Return the file of the base of a component's `Options`; None if it has no base."""
    try:
        mixin = find_mixin(_parse(use, path, stamp), "Options", PACKAGE)
    except SyntaxError as error:
        raise ComponentError(f"{path.name}:{error.lineno}: {error.msg}") from None
    return None if mixin is None else mixin.path


@functools.lru_cache(maxsize=512)
def _read(kind: Kind, use: str, path: Path, module: str | None, files: tuple[Path, ...], stamp: Stamp) -> Component:
    """Read a component; `files` are its own and that of its options' base, and `source_hash` covers all of them."""
    tree = _parse(use, path, stamp)
    facts = read_facts(tree, path)
    try:
        options = read_options(tree, "Options", facts.get("BOUNDS", {}), PACKAGE)
    except SyntaxError as error:
        file = Path(error.filename or path)
        raise ComponentError(f"{file.name}:{error.lineno}: {error.msg}") from None
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    parameters = {node.name: _parameters(node.args) for node in defined}
    component = Component(
        kind,
        use,
        path,
        module,
        facts,
        options,
        frozenset(parameters),
        parameters,
        ast.get_docstring(tree) or "",
        hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16],
        lightning=_lightning_methods(tree),
    )
    missing = missing_parts(kind, component.name, facts, component.functions)
    if missing:
        raise ComponentError(f"{path.name} is no {kind[:-1]}: it lacks {', '.join(missing)}")
    return component


def _lightning_methods(tree: ast.Module) -> frozenset[str]:
    """Return the methods of the classes that name `LightningModule`, of either package, as a base."""
    return frozenset(
        method.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(_last_name(base) == "LightningModule" for base in node.bases)
        for method in node.body
        if isinstance(method, ast.FunctionDef)
    )


def _last_name(node: ast.expr) -> str:
    """Return the last name of `a` or `a.b`; empty for another expression."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _parameters(arguments: ast.arguments) -> dict[str, bool]:
    """Return a function's parameters, without `*args` and `**kwargs`, and whether each has no default."""
    positional = [*arguments.posonlyargs, *arguments.args]
    required = {
        part.arg: position < len(positional) - len(arguments.defaults) for position, part in enumerate(positional)
    }
    named = {part.arg: default is None for part, default in zip(arguments.kwonlyargs, arguments.kw_defaults)}
    return required | named


def load(component: Component) -> ModuleType:
    """Import the component's module and return it; a file that a suite names runs once, under its own module name.

    Raises:
        ComponentError: the import fails; the cause is chained.
    """
    try:
        if component.module is not None:
            return importlib.import_module(component.module.split(":")[0])
        return importlib.import_module(module_name(component.path, component.source_hash))
    except (Exception, SystemExit) as error:  # a component's import may raise anything
        raise ComponentError(f"{component.kind[:-1]} {component.use} does not load: {describe_error(error)}") from error


def make_options(component: Component, values: Mapping[str, Any]) -> Any:
    """Return the component's `Options` with these values; None if it has no such class."""
    cls = getattr(load(component), "Options", None)
    values = resolve_paths(component, values)
    return None if cls is None else cls(**{name: value for name, value in values.items() if name in component.options})


def default_options(component: Component, values: Mapping[str, Any]) -> Any:
    """Return the component's default options with those of some values that it has and accepts together."""
    default = make_options(component, {})
    known = {name: value for name, value in values.items() if name in component.options}
    try:
        options = make_options(component, {name: component.options[name].accept(known[name]) for name in known})
        check = getattr(load(component), "check", None)
        if check is not None:
            check(options)
    except ValueError:
        return default
    return options


def resolve_paths(component: Component, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options with absolute paths.

    A text in an option of `PATHS` is a path, and so are those of a table (a list holds names); `pretrained` is one if
    it begins with `.` or `~`. Like the path of a component, it is relative to the folder of the file that names it. An
    empty text and an address (`https://…`) stay, so that the component can refuse them.
    Plans and records keep the path as stated, so a cell has the same identity on each machine.

    Args:
        component: whose options they are.
        values: of the options, by name.
    """
    paths = {name: values[name] for name in component.words("PATHS") if isinstance(values.get(name), str | Mapping)}
    stated = values.get("pretrained")
    if isinstance(stated, str) and stated.startswith((".", "~")):
        paths["pretrained"] = stated
    resolved = {name: _absolute(path, component.folder) for name, path in paths.items()}
    return {**values, **resolved} if resolved else values


def _absolute(value: Any, folder: Path) -> Any:
    """Return a path, or the paths of a list or of a table, as absolute ones; relative ones start from `folder`."""
    if isinstance(value, str):
        return value if not value or "://" in value else os.path.abspath(folder / Path(os.path.expanduser(value)))
    if isinstance(value, Mapping):
        return {key: _absolute(path, folder) for key, path in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_absolute(path, folder) for path in value)
    return value
