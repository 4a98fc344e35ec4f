"""Claims about the parser: the values of a suite, as its file states them, and which suites are valid."""

from __future__ import annotations

import pytest

from bench_suite.suite.document import SuiteError, parse_document
from bench_suite.suite.parser import read_suite, suite_of

TEXT = """\
title = "Loans"
description = "Two lines,\\nand a tab\\t."

[[tasks]]
use = "loans"
groups = ["black"]

[[models]]
use = "mlp"
name = "small"
hidden = [8]
train = { epochs = 1 }

[[models]]
use = "logistic_regression"

[train]
learning_rate = 1

[matrix]
seed = 7
"models.small.dropout" = [0, 0.5]

[probes.quality]
metrics = ["log_loss"]
only = { model = "small" }

[probes.again]
use = "quality"

[gate]
"quality/accuracy" = { min = 0, tolerance = "5 %" }
"again/log_loss" = { max = 1 }

[report]
columns = ["again/accuracy"]
sort = "again/accuracy"
"""


@pytest.fixture
def read(tmp_path):
    """Read a suite from text."""

    def read(text: str = TEXT, *overrides: str):
        (tmp_path / "loans.toml").write_text(text, encoding="utf-8")
        return read_suite(str(tmp_path / "loans.toml"), overrides)

    return read


def test_a_suite_is_what_its_file_says_converted(read):
    suite = read()
    assert (suite.name, suite.title, suite.description) == ("loans", "Loans", "Two lines,\nand a tab\t.")
    assert [(c.label, dict(c.stated), dict(c.train)) for c in (*suite.tasks, *suite.models)] == [
        ("loans", {"groups": ("black",)}, {}),
        ("small", {"hidden": (8,)}, {"epochs": 1}),
        ("logistic_regression", {}, {}),
    ]
    assert suite.train == {"learning_rate": 1.0}
    assert suite.axes == {"seed": (7,), "models.small.dropout": (0.0, 0.5)}
    assert [(p.label, p.component.name, dict(p.only)) for p in suite.probes] == [
        ("quality", "quality", {"model": ("small",)}),
        ("again", "quality", {}),
    ]
    assert {g.metric: dict(g.rules) for g in suite.gates} == {
        "quality/accuracy": {"min": 0.0, "tolerance": "5 %"},
        "again/log_loss": {"max": 1.0},
    }
    assert (suite.report.columns, suite.report.sort) == (("again/accuracy",), "again/accuracy")
    assert [p.name for p in suite.problems["loans"]] == ["classification"]
    assert not suite.external


def test_a_probe_may_want_cells_by_any_axis_of_the_matrix(read):
    text = TEXT.replace("[matrix]\n", '[matrix]\n"evaluate.batch_size" = [1, 64]\n')
    suite = read(text.replace('only = { model = "small" }', 'only = { "evaluate.batch_size" = 64 }'))
    assert suite.probes[0].only == {"evaluate.batch_size": (64,)}


def test_a_suite_without_a_title_is_called_by_its_file(read):
    assert read(TEXT.split("\n", 1)[1]).title == "loans"


def test_metrics_carry_the_label_of_their_probe_and_the_unit_of_their_problem(read):
    metrics = read().metrics
    assert metrics["again/log_loss"]["unit"] == "nats"
    assert metrics["again/log_loss"]["better"] == "lower"
    assert set(metrics) == {
        f"{label}/{name}"
        for label in ("quality", "again")
        for name in (
            *("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "average_precision", "binary_f1", "log_loss"),
            *("threshold", "threshold_score"),
        )
    }


def test_all_that_a_suite_names_by_file_is_foreign_each_once(read, tmp_path):
    (tmp_path / "mine.py").write_text("METRICS = {}\ndef probe(trained, options): ...\n")
    (tmp_path / "own.py").write_text('UNIT = "share"\nBETTER = "higher"\ndef own(targets, predictions): ...\n')
    text = (
        TEXT.replace('metrics = ["log_loss"]', 'metrics = ["./own.py"]')
        + '[probes.a]\nuse = "./mine.py"\n[probes.b]\nuse = "mine.py"\n'
    )
    suite = read(text)
    assert [component.name for component in suite.external] == ["own", "mine"]
    assert suite.metrics["quality/own"] == {"unit": "share", "better": "higher", "of_predictions": True}


@pytest.mark.parametrize("text", ["[train]\nmomentum = 0.8\n", '[train]\noptimizer = "adamw"\nmomentum = 0.8\n'])
def test_momentum_for_all_models_is_fine_where_one_model_uses_it(read, text):
    """`[train]` gives defaults to every model; a model with another optimizer does not use them."""
    base = TEXT.replace("[train]\n", text)
    with pytest.raises(SuiteError, match="momentum is an option of optimizer"):
        read(base)
    read(base.replace("{ epochs = 1 }", '{ optimizer = "sgd" }'))


def test_momentum_is_fine_where_an_axis_or_an_include_brings_sgd(read):
    base = TEXT.replace("[train]\n", "[train]\nmomentum = 0.8\n")
    read(base.replace("[matrix]\n", '[matrix]\n"train.optimizer" = ["adamw", "sgd"]\n'))
    read(base.replace("[matrix]\n", '[matrix]\ninclude = [{ "train.optimizer" = "sgd" }]\n'))


def test_a_suite_without_a_file_has_the_name_that_is_given(tmp_path):
    document = parse_document(TEXT, "typed", ["train.epochs=5"])
    suite = suite_of(document, "trial", tmp_path, ["train.epochs=5"])
    assert (suite.name, suite.folder, suite.overrides) == ("trial", tmp_path, ("train.epochs=5",))
    assert suite.train == {"learning_rate": 1.0, "epochs": 5}


def test_all_errors_are_raised_at_once_in_the_order_of_lines(read):
    broken = TEXT.replace('"log_loss"]', '"loss"]').replace("seed = 7", 'seed = "x"').replace("max = 1", "mx = 1")
    with pytest.raises(SuiteError) as raised:
        read(broken)
    assert [(entry.line, entry.key) for entry in raised.value.entries] == [
        (21, ("matrix", "seed")),
        (25, ("probes", "quality", "metrics", 0)),
        (33, ("gate", "again/log_loss", "mx")),
    ]


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("{ min = 0.9, max = 0.5 }", "contradicts itself: min 0.9 is above max 0.5"),
        ("{ tolerance = -0.1 }", "must be 0 or more, in the metric's own direction"),
        (
            "{ tolerance = 5.0 }",
            'allows any loss: the metric is a fraction, 1 is all of it; did you mean "5%", or 0.05?',
        ),
        ('{ tolerance = "100%" }', "allows any loss, since nothing can lose more than 100 %"),
        ("{}", "must be a table with min, max or tolerance: { min = 0.85 }"),
    ],
)
def test_a_gate_that_decides_nothing_says_why(read, rules, says):
    with pytest.raises(SuiteError) as raised:
        read(TEXT.replace('{ min = 0, tolerance = "5 %" }', rules))
    assert [entry.message for entry in raised.value.entries] == [says]


@pytest.mark.parametrize(
    ("axis", "values", "stated"),
    [
        ("train.learning_rate", "[0.1]", ("train", "learning_rate")),
        ("train.epochs", "[1]", ("models", 0, "train", "epochs")),
        ("models.small.hidden", "[[4]]", ("models", 0, "hidden")),
        ("tasks.loans.groups", '[["black"]]', ("tasks", 0, "groups")),
    ],
)
def test_an_option_that_is_an_axis_has_no_value_beside_it(read, axis, values, stated):
    with pytest.raises(SuiteError) as raised:
        read(TEXT.replace("[matrix]\n", f'[matrix]\n"{axis}" = {values}\n'))
    assert [(entry.key, entry.message) for entry in raised.value.entries] == [
        (stated, f"contradicts the axis {axis}: keep one of the two")
    ]
