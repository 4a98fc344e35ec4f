"""The Python interface as a whole: what is public, documented and typed, and that its import costs nothing."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bench_suite

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "benchmarks" / "bench_suite"
FUNCTIONS = [name for name in bench_suite.__all__ if inspect.isfunction(getattr(bench_suite, name))]
CLASSES = [name for name in bench_suite.__all__ if inspect.isclass(getattr(bench_suite, name))]


def public_functions() -> list[ast.FunctionDef]:
    """Return the public functions of the package's own file."""
    body = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body
    return [node for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


def test_all_that_is_public_is_listed_and_documented() -> None:
    assert sorted(node.name for node in public_functions()) == FUNCTIONS
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^::: bench_suite\.([\w.]+)$", page, re.MULTILINE))
    assert set(FUNCTIONS) - shown == set()
    for name in CLASSES:
        kind = getattr(bench_suite, name)
        assert f"{kind.__module__}.{name}".removeprefix("bench_suite.") in shown or name == "BenchError", name


@pytest.mark.parametrize("node", public_functions(), ids=lambda node: node.name)
def test_no_public_signature_leaves_a_type_open(node: ast.FunctionDef) -> None:
    arguments = [*node.args.args, *node.args.kwonlyargs, *filter(None, (node.args.vararg, node.args.kwarg))]
    stated = [argument.annotation for argument in arguments] + [node.returns]
    assert None not in stated
    names = {
        part.id for annotation in filter(None, stated) for part in ast.walk(annotation) if isinstance(part, ast.Name)
    }
    assert "Any" not in names


@pytest.mark.parametrize("node", public_functions(), ids=lambda node: node.name)
def test_every_parameter_is_explained(node: ast.FunctionDef) -> None:
    text = ast.get_docstring(node) or ""
    arguments = [*node.args.args, *node.args.kwonlyargs, *filter(None, (node.args.vararg, node.args.kwarg))]
    for argument in arguments:
        assert re.search(rf"^    {argument.arg}: \S", text, re.MULTILINE), argument.arg


def test_classes_can_be_named_and_other_names_are_errors() -> None:
    assert bench_suite.StoredRun.__mro__[1] is bench_suite.Run
    assert (PACKAGE / "py.typed").is_file()
    with pytest.raises(AttributeError, match="module 'bench_suite' has no attribute 'lead'"):
        getattr(bench_suite, "lead")  # noqa: B009 - a type checker refuses the name itself


@pytest.mark.slow
def test_a_program_that_uses_it_passes_mypy_strict(tmp_path: Path) -> None:
    """The same is part of `tox -e types`, with the settings of the project."""
    pytest.importorskip("mypy", reason="mypy is not installed: pip install mypy")
    command = [
        sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", "--cache-dir", "cache",
        str(ROOT / "tests" / "typed_program.py"),
    ]  # fmt: skip
    environment = {**os.environ, "MYPYPATH": str(PACKAGE.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
