"""The program uses the field's terms: names that were replaced do not come back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "benchmarks" / "bench_suite"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

IN_ROOT = {"__init__", "__main__", "_version", "contracts", "environment"}
"Modules that lie in no room."
OLD_MODULES = {
    "cli": "saying trial conclusion diagnosis installed completing generating rates",
    "huggingface": "borrowed offered plain_metric",
    "probes/fairness": "given shown unread swapping",
    "probes/attribution": "subjects references measuring memory drawing claims",
    "data": "drawing feeding preparing needs",
    "pretrained": "adapting assembling",
    "selftest": "answers chance compared explained fair worked running",
    "execution": "watching inline tensorboard",
    "training": "predicting options",
    "reports": "marks numbers junit",
}
"By room: names that its modules had."
UNIQUE = {
    "Watcher", "Silent", "Workplace", "Draft", "Attempt", "Choice", "Odd", "OtherExamples", "judged",
    "looked_at", "in_order", "smallest_found", "strange_classes", "misfit", "unfit_choices", "strangers",
    "dealt", "kept_apart", "part_of", "likeness", "Together", "OfMatrices", "OfImages", "OfTables",
    "OfVectors", "OfBags", "spoken", "spoken_size", "raise_faults", "faults", "freedom", "foreign", "FEWEST",
    "_chain", "Found", "Made",
    "Meter", "Records", "TITLE",
}  # fmt: skip
"Names that stand for one thing each: gone from the package and from its tests."
WORDS = {
    "found", "each", "said", "made", "kept", "told", "place", "fault", "reuse", "reach", "needed", "unmet",
    "aside", "_go_on", "_said", "_told", "_made", "_found", "_fault", "_bytes", "foreign_splits",
    "_kept_positions", "fewest",
}  # fmt: skip
"Words that say nothing of the value that they name: gone from the package and from its tests."
TAKEN = {
    # Suites state this option: it is part of a cell's identity.
    ("benchmarks/bench_suite/tasks/planted_pixels.py", "place"),
    ("tests/tasks/test_planted_pixels.py", "place"),
    ("benchmarks/bench_suite/cli/arguments.py", "Choice"),  # click's class
    ("benchmarks/bench_suite/cli/ab.py", "Choice"),
    ("benchmarks/bench_suite/cli/run.py", "Choice"),
    ("benchmarks/bench_suite/cli/try_command.py", "Choice"),
}
"Names that belong to somebody else."


def names_of(tree: ast.AST) -> Iterator[str]:
    """Return every identifier of a module: names, attributes, parameters, fields, keywords and imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.alias(name=name, asname=other):
                yield from (*name.split("."), *([other] if other else []))


def is_old_constant(name: str) -> bool:
    """Return whether a constant is named `MOST_…` or `LEAST_…` instead of `MAX_…` or `MIN_…`."""
    return name.lstrip("_").split("_")[0] in ("MOST", "LEAST") and name.isupper()


def old_names(path: Path) -> list[str]:
    """Return the names of a file that were replaced, without those that are somebody else's there."""
    names = set(names_of(ast.parse(path.read_text(encoding="utf-8"))))
    taken = {name for file, name in TAKEN if path == ROOT / file}
    return sorted((names & (UNIQUE | WORDS) | set(filter(is_old_constant, names))) - taken)


def test_every_module_lies_in_a_room() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} <= IN_ROOT
    old = [PACKAGE / room / f"{name}.py" for room, names in OLD_MODULES.items() for name in names.split()]
    assert [path.relative_to(PACKAGE).as_posix() for path in old if path.exists()] == []


@pytest.mark.parametrize("path", MODULES, ids=[path.relative_to(PACKAGE).as_posix() for path in MODULES])
def test_no_module_of_the_package_uses_an_old_name(path: Path) -> None:
    assert old_names(path) == []


def test_no_test_uses_a_name_that_the_package_gave_up() -> None:
    old = {path.relative_to(ROOT).as_posix(): names for path in TESTS if (names := old_names(path))}
    assert old == {}
