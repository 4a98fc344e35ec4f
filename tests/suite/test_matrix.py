"""Claims about the matrix: the values of axes and selectors, and errors at the key that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.components import discovery
from bench_suite.components.options import MISSING
from bench_suite.suite.document import SuiteError, parse_document
from bench_suite.suite.matrix import Scope, read_axes, read_engines, read_selector, read_selectors
from bench_suite.suite.section_reader import Sections
from bench_suite.suite.spec import EVALUATE, ComponentUse

TASK = ComponentUse(discovery.find("tasks", "loans", Path()), "loans", {})
MODELS = [ComponentUse(discovery.find("models", "mlp", Path()), label, {}) for label in ("mlp", "mlp.wide")]
SCOPE = Scope([TASK], MODELS, EVALUATE)


def matrix(text: str) -> Sections:
    return Sections(parse_document(f"[matrix]\n{text}\n", "s.toml"), Path())


def errors(sections: Sections) -> list[tuple]:
    return [(entry.key, entry.message) for entry in sections.document.errors]


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("seed = [0, 1]", {"seed": (0, 1)}),
        ("seed = 3", {"seed": (3,)}),
        ('"train.learning_rate" = [1, 0.5]', {"train.learning_rate": (1.0, 0.5)}),
        ('"evaluate.batch_size" = [8]', {"evaluate.batch_size": (8,)}),
        ('"models.mlp.hidden" = [[4], [8, 8]]', {"models.mlp.hidden": ((4,), (8, 8))}),
        ('"models.mlp.wide.dropout" = [0.5]', {"models.mlp.wide.dropout": (0.5,)}),
        ("include = [{ seed = 1 }]", {}),
    ],
)
def test_the_values_of_an_axis_are_converted_as_its_option(text, axes):
    sections = matrix(text)
    assert read_axes(sections, SCOPE) == axes
    assert errors(sections) == []


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("seed = [1, 1]", ("seed",), "names a value twice"),
        ("seed = []", ("seed",), "is an axis without values, so there are no cells"),
        ("sede = [1]", ("sede",), 'is no axis; did you mean "seed"?'),
        ("train.epochs = [1]", ("train",), 'a dotted axis is one key, in quotes: "train.epochs" = […]'),
        ('"train.epoch" = [1]', ("train.epoch",), '`epoch` is no option there; did you mean "epochs"?'),
        ('"models.mlp.hidden" = [4]', ("models.mlp.hidden",), "an axis of lists is a list of lists: [[4]]"),
        ('"models.cnn.width" = [4]', ("models.cnn.width",), "names no model of this suite"),
    ],
)
def test_an_axis_that_cannot_be_read_says_why_at_its_key(text, key, says):
    sections = matrix(text)
    read_axes(sections, SCOPE)
    ((path, message),) = errors(sections)
    assert path == ("matrix", *key)
    assert says in message


def test_a_value_that_does_not_fit_keeps_its_place_among_the_others():
    sections = matrix('seed = [0, "x", 2]')
    assert read_axes(sections, SCOPE) == {"seed": (0, MISSING, 2)}
    assert [key for key, _ in errors(sections)] == [("matrix", "seed", 1)]


def test_engines_are_those_of_the_axis_or_the_default_one():
    assert list(read_engines(matrix(""), {})) == ["native"]
    sections = matrix('engine = ["native", "absent"]')
    assert list(read_engines(sections, {"engine": ("native", "absent", MISSING)})) == ["native"]
    assert [key for key, _ in errors(sections)] == [("matrix", "engine")]


def test_selectors_have_a_tuple_of_values_for_each_axis():
    sections = matrix('include = [{ model = "mlp", seed = [7, 8] }, { "train.epochs" = 2 }]')
    assert read_selectors(sections, "include", SCOPE) == ({"model": ("mlp",), "seed": (7, 8)}, {"train.epochs": (2,)})
    assert read_selectors(sections, "exclude", SCOPE) == ()
    assert errors(sections) == []


@pytest.mark.parametrize("value", ["3", "[3]", "[{}]"])
def test_selectors_that_are_no_list_of_tables_are_one_error(value):
    sections = matrix(f"exclude = {value}")
    assert read_selectors(sections, "exclude", SCOPE) == ()
    assert errors(sections) == [
        (("matrix", "exclude"), "must be a list of tables: exclude = [{ model = …, seed = … }]")
    ]


def test_a_selector_of_a_model_or_an_axis_that_is_not_there_names_the_nearest():
    sections = matrix("seed = [0]")
    path = ("probes", "quality", "only")
    assert read_selector(sections, {"model": "mpl", "train.epochs": 1}, path, SCOPE) == {
        "model": ("mpl",), "train.epochs": (),
    }  # fmt: skip
    model, axis = errors(sections)
    assert model == ((*path, "model"), 'no model is called "mpl"; did you mean "mlp"? (there are: mlp, mlp.wide)')
    assert axis[0] == (*path, "train.epochs")
    assert axis[1].startswith("is no axis of this matrix")


@pytest.mark.parametrize("axis", [{"seed": [0] * 20_000}, {"train.target": [{"accuracy": 0.9}, {"accuracy": 0.9}]}])
def test_a_value_that_occurs_twice_is_one_error(plan, axis):
    with pytest.raises(SuiteError, match="names a value twice") as error:
        plan(matrix=axis)
    assert len(error.value.errors) == 1
