"""Bad input: exit 2, one clear message with file, line, key and the nearest valid spelling, and no file written."""

# ruff: noqa: E501 - a case is one line, with the message it wants

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import pytest

BASE = """\
[[tasks]]
use = "loans"

[[models]]
use = "mlp"

[probes.quality]
"""
DEEP_TABLE = f"{'.'.join(['a'] * 90)} = {{ " * 20 + "a = 1" + " }" * 20
"A table of 1,801 levels, whose keys have 90 parts each."
TASK, MODEL, PROBE, END = 2, 5, 7, 8
"Lines of BASE after which a case adds its own."


@dataclass(frozen=True)
class Case:
    """An invalid suite, and the required parts of its error message."""

    id: str
    text: str
    line: int
    says: tuple[str, ...]
    errors: int = 1


def case(
    id: str, added: str, says: str, *more: str, after: int = END, line: int | None = None, errors: int = 1
) -> Case:
    """Return BASE with lines added after one of them; the error is on the first added line unless `line` is given."""
    lines = BASE.splitlines()
    text = "\n".join([*lines[:after], added, *lines[after:]]) + "\n"
    return Case(id, text, line or min(after, len(lines)) + 1, (says, *more), errors)


def replaced(id: str, old: str, new: str, says: str, *more: str, errors: int = 1) -> Case:
    """Return BASE with one part replaced; the error is on the line of that part."""
    assert BASE.count(old) == 1
    return Case(id, BASE.replace(old, new), BASE[: BASE.index(old)].count("\n") + 1, (says, *more), errors)


def whole(id: str, text: str, line: int, says: str, *more: str, errors: int = 1) -> Case:
    """Return a case with a suite of its own."""
    return Case(id, text, line, (says, *more), errors)


def near(word: str) -> str:
    """Return the hint at the nearest valid spelling in a message."""
    return f'did you mean "{word}"?'


UNKNOWN_KEYS = [
    case("a section", "[matrx]\nseed = 1", "matrx: unknown key", near("matrix")),
    whole("a top-level key", f'titel = "x"\n{BASE}', 1, "titel: unknown key", near("title")),
    case("of a task", 'dta = "full"', "tasks[0].dta: unknown key", near("data"), after=TASK),
    case("of a model", "hiden = [3]", "models[0].hiden: unknown key", near("hidden"), after=MODEL),
    case("of train", "[train]\nepoch = 3", "train.epoch: unknown key", near("epochs"), line=9),
    case(
        "of a model's train", "train = { epoch = 3 }", "models[0].train.epoch: unknown key", near("epochs"), after=MODEL
    ),
    case("in a list", '[train]\naugment = ["shift", "flp"]', "train.augment: ", near("flip"), line=9),
    case("of evaluate", "[evaluate]\nbatchsize = 3", "evaluate.batchsize: unknown key", near("batch_size"), line=9),
    case("of a probe", "resample = 300", "probes.quality.resample: unknown key", near("resamples"), after=PROBE),
    case("of the matrix", "[matrix]\nsed = [1]", "matrix.sed: is no axis", near("seed"), line=9),
    case(
        "a dotted axis",
        '[matrix]\n"train.lerning_rate" = [0.1]',
        "`lerning_rate` is no option there",
        near("learning_rate"),
        line=9,
    ),
    case(
        "an axis of a model",
        '[matrix]\n"models.mlp.hiden" = [[1]]',
        "`hiden` is no option there",
        near("hidden"),
        line=9,
    ),
    case(
        "an axis of no model",
        '[matrix]\n"models.mpl.hidden" = [[1]]',
        "names no model of this suite",
        near("models.mlp.hidden"),
        line=9,
    ),
    case("of a gate", '[gate]\n"quality/accuracy" = { mn = 0.5 }', "unknown key", near("min"), line=9),
    case("of the report", "[report]\ncolums = []", "report.colums: unknown key", near("columns"), line=9),
]

UNKNOWN_NAMES = [
    replaced("task", '"loans"', '"loan"', 'there is no task "loan"', near("loans")),
    replaced("model", '"mlp"', '"MLP"', 'there is no model "MLP"', near("mlp")),
    replaced("probe", "[probes.quality]", "[probes.qualty]", 'there is no probe "qualty"', near("quality")),
    case(
        "probe by use", '[probes.mine]\nuse = "qualty"', "probes.mine.use: there is no probe", near("quality"), line=9
    ),
    case("engine", '[matrix]\nengine = "natve"', 'there is no engine "natve"', near("native"), line=9),
    case("metric", 'metrics = ["acuracy"]', 'there is no metric "acuracy"', near("accuracy"), after=PROBE),
    case(
        "gated metric",
        '[gate]\n"quality/acc" = { min = 0.5 }',
        'no probe of this suite emits "quality/acc"',
        near("quality/accuracy"),
        line=9,
    ),
    case(
        "metric of a column at a coordinate",
        '[report]\ncolumns = ["quality/acc?group=a"]',
        'report.columns[0]: no probe of this suite emits "quality/acc"',
        near("quality/accuracy"),
        line=9,
    ),
    case(
        "coordinate of a column",
        '[report]\nsort = "quality/accuracy?group"',
        'report.sort: "quality/accuracy?group": write key=value after the question mark',
        line=9,
    ),
    case(
        "gated metric without its probe",
        "[gate]\naccuracy = { min = 0.5 }",
        'emits "accuracy"',
        near("quality/accuracy"),
        line=9,
    ),
    case(
        "column",
        '[report]\ncolumns = [\n  "quality/log_loss",\n  "quality/logloss",\n]',
        "report.columns[1]",
        near("quality/log_loss"),
        line=11,
    ),
    case("column to sort by", '[report]\nsort = "quality/acuracy"', "report.sort", near("quality/accuracy"), line=9),
    case("reference", '[report]\nreference = "mpl"', 'report.reference: there is no model "mpl"', near("mlp"), line=9),
    case(
        "choice without its probe",
        '[report]\nselect = "validation/log_loss"',
        "report.select",
        "add [probes.validation]",
        line=9,
    ),
    case(
        "choice on test examples",
        '[probes.validation]\n[report]\nselect = "quality/log_loss"',
        "measured on test examples, which must not choose",
        line=10,
    ),
    case(
        "choice by a number without a direction",
        '[probes.validation]\n[report]\nselect = "validation/epochs"',
        "no better direction",
        line=10,
    ),
    case("sensitive attribute", 'groups = ["blck"]', 'no sensitive attribute "blck"', near("black"), after=TASK),
    case(
        "model of a selector",
        '[matrix]\nexclude = [{ model = "mpl" }]',
        'no model is called "mpl"',
        near("mlp"),
        line=9,
    ),
    case("axis of a selector", "only = { sed = 0 }", "probes.quality.only.sed: is no axis", near("seed"), after=PROBE),
    case("a file", 'use = "./none.py"\n[[models]]', 'there is no file "./none.py"', after=4, line=5),
    replaced("a folder", '"loans"', '"./"', "is a folder; a component is one Python file"),
]

WRONG_TYPES = [
    case("string for an integer", '[train]\nepochs = "3"', 'train.epochs: "3" is not an integer', line=9),
    case("number for an integer", "[train]\nepochs = 3.0", "3.0 is not an integer", line=9),
    case("truth for an integer", "[train]\nepochs = true", "true is not an integer", line=9),
    case("date for an integer", "[train]\nepochs = 2020-01-01", '"2020-01-01" is not an integer', line=9),
    case("no choice", '[train]\noptimizer = "adam"', 'is not one of "sgd", "adamw"', near("adamw"), line=9),
    case(
        "the beginning of a choice", '[matrix]\nprecision = "bf16"', '"bf16" is not one of', near("bf16-mixed"), line=9
    ),
    case("number for a list", "hidden = 3", "models[0].hidden: 3 is not a list of integers", after=MODEL),
    case("string for a list", 'groups = "black"', '"black" is not a list of strings', after=TASK),
    case(
        "lists of an axis",
        '[matrix]\n"models.mlp.hidden" = [64, 128]',
        "an axis of lists is a list of lists: [[64, 128]]",
        line=9,
    ),
    case("threads", '[matrix]\nthreads = "many"', '"many" is not an integer or one of "auto"', line=9),
    case("seed", '[matrix]\nseed = [0, "a"]', 'matrix.seed[1]: "a" is not an integer', line=9),
    case("only", "only = 3", "must be a table of axes", after=PROBE),
    case("gate", '[gate]\n"quality/accuracy" = 0.9', "must be a table with min, max or tolerance", line=9),
    case("gate without rules", '[gate]\n"quality/accuracy" = {}', "must be a table with min, max or tolerance", line=9),
    case(
        "tolerance",
        '[gate]\n"quality/accuracy" = { tolerance = "5" }',
        'neither a number nor a share such as "5%"',
        line=9,
    ),
    case("exclude", "[matrix]\nexclude = { seed = 0 }", "must be a list of tables", line=9),
    case("exclude everything", "[matrix]\nexclude = [{}]", "must be a list of tables", line=9),
    replaced("use", '"loans"', "3", "3 is no task: a name (breast_cancer, cifar10,"),
    replaced("empty use", '"loans"', '""', '"" is no task'),
    replaced("no use", 'use = "loans"', 'uses = "loans"', "has `uses`, and lacks `use`"),
    replaced("a table for entries", "[[tasks]]", "[tasks]", "tasks: must be written [[tasks]]"),
    whole("a section that is a value", f"matrix = [1]\n{BASE}", 1, "matrix: must be a table: [matrix]"),
    whole("title", f"title = 3\n{BASE}", 1, "title: 3 is not a string"),
    whole(
        "a probe that is a value",
        BASE.replace("[probes.quality]", "[probes]\nquality = true"),
        8,
        "must be a table: [probes.quality]",
    ),
]

OUT_OF_BOUNDS = [
    case("below", "[train]\nbatch_size = 0", "train.batch_size: 0 is out of bounds: 1 or more", line=9),
    case("above", "[train]\nwarmup = 2", "2.0 is out of bounds: from 0.0 to 1.0", line=9),
    case("nan", "[train]\nlearning_rate = nan", "nan is not a finite number", line=9),
    case("inf", "[train]\nlearning_rate = inf", "inf is not a finite number", line=9),
    case("nan in a gate", '[gate]\n"quality/accuracy" = { min = nan }', "nan is not a finite number", line=9),
    case("within a list", "hidden = [64, 0]", "0 is out of bounds: 1 or more", after=MODEL),
    case("seed", "[matrix]\nseed = [-1]", "-1 is out of bounds", line=9),
    case("threads", "[matrix]\nthreads = [0]", "0 is out of bounds: 1 or more", line=9),
    case("more than 64 bits", f"[train]\nepochs = {10**30}", "does not fit into 64 bits", line=9),
    case("larger than any float", f"[train]\nlearning_rate = {10**400}", "not a finite number", line=9),
    case("more digits than Python reads", f"[train]\nepochs = {'9' * 5000}", "a number with too many digits", line=9),
    case(
        "a tolerance of all there is",
        '[gate]\n"quality/accuracy" = { tolerance = 5 }',
        'allows any loss: the metric is a fraction, 1 is all of it; did you mean "5%", or 0.05?',
        line=9,
    ),
    case(
        "a tolerance of all of it",
        '[gate]\n"quality/accuracy" = { tolerance = "100%" }',
        "allows any loss, since nothing can lose more than 100 %",
        line=9,
    ),
    case(
        "a gate on a timing that is never measured in several processes",
        '[probes.attribution]\n[gate]\n"attribution/cost" = { tolerance = "5%" }',
        "and this suite measures it in fewer: leave it out of [gate]",
        line=10,
    ),
    case("tolerance below zero", '[gate]\n"quality/accuracy" = { tolerance = -0.1 }', "must be 0 or more", line=9),
]

CONTRADICTIONS = [
    case("empty axis", "[matrix]\nseed = []", "matrix.seed: is an axis without values", line=9),
    case("value twice", "[matrix]\nseed = [1, 0, 1]", "names a value twice", line=9),
    case(
        "two models of one name",
        '[[models]]\nuse = "mlp"\nhidden = [3]',
        'two models are called "mlp"; give one of them another `name`',
        line=9,
    ),
    case(
        "two tasks of one name", '[[tasks]]\nuse = "diabetes"\nname = "loans"', 'two tasks are called "loans"', line=10
    ),
    case(
        "axis and train",
        '[train]\nepochs = 3\n[matrix]\n"train.epochs" = [1, 2]',
        "train.epochs: contradicts the axis train.epochs",
        line=9,
    ),
    case(
        "axis and a model's train",
        'train = { epochs = 3 }\n[matrix]\n"train.epochs" = [1, 2]',
        "models[0].train.epochs: contradicts the axis",
        after=MODEL,
    ),
    case(
        "axis and option of a model",
        'hidden = [3]\n[matrix]\n"models.mlp.hidden" = [[1]]',
        "contradicts the axis models.mlp.hidden",
        after=MODEL,
    ),
    case(
        "axis and option of a task",
        'data = "full"\n[matrix]\n"tasks.loans.data" = ["full"]',
        "contradicts the axis tasks.loans.data",
        after=TASK,
    ),
    case(
        "axis and evaluate",
        '[evaluate]\nbatch_size = 8\n[matrix]\n"evaluate.batch_size" = [1]',
        "contradicts the axis evaluate.batch_size",
        line=9,
    ),
    case(
        "patience without validation",
        "[train]\npatience = 2\nvalidation = 0",
        "train.patience: patience decides on validation data",
        line=9,
    ),
    case(
        "patience in a cell without validation",
        '[train]\npatience = 2\n[matrix]\n"train.validation" = [0.1, 0]',
        "train.patience: patience decides",
        line=9,
    ),
    case(
        "momentum of adamw",
        "[train]\nmomentum = 0.5",
        'train.momentum: momentum is an option of optimizer = "sgd"',
        line=9,
    ),
    case("momentum of a model with adamw", "train = { momentum = 0.5 }", "models[0].train.momentum", after=MODEL),
    case(
        "momentum as an axis of adamw",
        '[matrix]\n"train.momentum" = [0.5, 0.9]',
        'an option of optimizer = "sgd"',
        line=9,
    ),
    case(
        "nesterov without momentum",
        '[train]\nnesterov = true\nmomentum = 0\noptimizer = "sgd"',
        "a variant of momentum",
        line=9,
    ),
    case("min above max", '[gate]\n"quality/accuracy" = { min = 0.9, max = 0.1 }', "min 0.9 is above max 0.1", line=9),
    case(
        "a timing gated",
        '[probes.throughput]\n[gate]\n"throughput/train" = { min = 3 }',
        "5 or more fresh processes",
        line=10,
    ),
    case(
        "a tolerance of what has no better direction",
        '[probes.fairness]\n[gate]\n"fairness/selection_rate" = { max = 0.9, tolerance = 0.1 }',
        'gate."fairness/selection_rate".tolerance: has no better direction',
        "bound it with min and max instead",
        line=10,
    ),
    case(
        "a class that the task has not",
        '[probes.fairness]\npositive = "aproved"',
        f'probes.fairness.positive: "aproved" is no class of loans; {near("approved")} (it has: denied, approved)',
        line=9,
    ),
    case("metric twice", 'metrics = ["rmse", "mae", "rmse", "rmse"]', 'metrics: names "rmse" twice', after=PROBE),
    case("attribute twice", 'groups = ["black", "black"]', "names an attribute twice", after=TASK),
]

NO_CELL = [
    case(
        "a model that fits nothing",
        '[[models]]\nuse = "cnn"',
        "the model cnn fits no task of this suite: loans (takes image, the task is table)",
        line=9,
    ),
    case(
        "a task that fits nothing",
        '[[tasks]]\nuse = "imdb"',
        "the task imdb fits no model of this suite: mlp (takes image or table, the task is text)",
        line=9,
    ),
    case(
        "all excluded",
        "[matrix]\nexclude = [{ seed = 0 }]",
        "the task loans is in no cell: all of its cells are excluded",
        line=2,
        errors=2,
    ),
    case("only", "only = { seed = 5 }", "probes.quality.only: chooses no cell of this suite", after=PROBE),
    case(
        "the same twice",
        '[[models]]\nuse = "mlp"\nname = "other"\nhidden = [128]\n[matrix]\nseed = [0, 1]',
        "are the same but for their names",
        line=8,
    ),
    case(
        "an axis of nothing",
        '[matrix]\n"precision" = ["32-true", "bf16-mixed"]',
        "concerns no cell of this suite",
        line=9,
    ),
    case(
        "a slip of the pen",
        f'[matrix]\nseed = {list(range(1000))}\n"train.epochs" = {list(range(1000))}',
        "comes to more than 100,000 cells",
        line=8,
    ),
]
NO_CELL[5] = Case(NO_CELL[5].id, NO_CELL[5].text.replace('"mlp"', '"logistic_regression"'), 9, NO_CELL[5].says)

MISSING = [
    whole("everything", "", 1, "at least one task", "at least one model", "at least one probe", errors=3),
    whole(
        "tasks",
        BASE.replace('[[tasks]]\nuse = "loans"\n', ""),
        1,
        'a suite needs at least one task: [[tasks]] with use = "NAME"',
    ),
    whole("probes", BASE.replace("[probes.quality]\n", ""), 1, "a suite needs at least one probe: [probes.quality]"),
    replaced("probes in their table", "[probes.quality]", "[probes]", "a suite needs at least one probe"),
    replaced("use", 'use = "loans"', "# nothing", "tasks[0]: lacks `use`: the name of a task (breast_cancer, cifar10,"),
]
MISSING[-1] = Case("use", MISSING[-1].text, 1, MISSING[-1].says)

HOSTILE = [
    case("control character in a name", r'name = "a\u001b[31mb"', "is no name", after=MODEL),
    case("direction of writing in a name", r'name = "a\u202eb"', "is no name", after=MODEL),
    case("long name", f'name = "{"x" * 10_000}"', "1 to 100 printable characters", after=MODEL),
    case("empty name", 'name = ""', "is no name", after=MODEL),
    case("name of spaces", 'name = "  "', "is no name", after=MODEL),
    case(
        "control character in a probe's name", '[probes."a\\u001bb"]\nuse = "quality"', "is no name for a probe", line=8
    ),
    case("slash in a probe's name", '[probes."a/b"]\nuse = "quality"', "is no name for a probe", line=8),
    case("a probe called predictions", '[probes.predictions]\nuse = "quality"', "is no name for a probe", line=8),
    case("control character in a key", '[train]\n"\\u001b[31mepochs" = 3', "unknown key", near("epochs"), line=9),
    case("long key", f"[train]\n{'x' * 10_000} = 3", "unknown key", line=9),
    case("control character in a value", '[train]\noptimizer = "\\u001b[31m"', "is not one of", line=9),
    case("raw control sequence of one byte", "[train]\noptimizer = '\x9b31m'", "is not one of", line=9),
    case("long value", f'[train]\noptimizer = "{"x" * 10_000}"', "is not one of", line=9),
    replaced("NUL in a path", '"loans"', '"./a\\u0000.py"', "there is no file"),
    replaced("long path", '"loans"', f'"./{"x" * 5000}.py"', "there is no file"),
    replaced("long use", '"loans"', f'"{"x" * 10_000}"', "there is no task"),
    whole("title", f'title = "\\u001b[31m"\n{BASE}', 1, "title:", "holds a control character"),
    whole("deep list", f"x = {'[' * 5000}{']' * 5000}\n{BASE}", 1, "is not TOML: nested too deeply"),
    whole("list not quite so deep", f"x = {'[' * 300}{']' * 300}\n{BASE}", 1, "x: unknown key"),
    case("deep list for an option", f"hidden = {'[' * 300}1{']' * 300}", "is not a list of integers", after=MODEL),
    whole("deep dotted key", f"{'a.' * 99}a = 1\n{BASE}", 1, "a: unknown key"),
    whole("deeper dotted key", f"{'a.' * 2000}a = 1\n{BASE}", 1, "a key with 2,001 parts between dots"),
    case("deep table for an option", f"[train]\nepochs.{DEEP_TABLE}", "is not an integer", line=9),
]

BROKEN = [
    case("table", "[train", "is not TOML: Expected ']'", line=8),
    case("value", "epochs =", "is not TOML: Invalid value", line=8),
    case("string", 'x = "abc', "is not TOML: Illegal character", line=8),
    case("table twice", "[probes.quality]", "is not TOML: Cannot declare", line=8),
    case("key twice", 'title = "a"\ntitle = "b"', "is not TOML: Cannot overwrite a value", line=9),
    case("a metric without quotes", "[gate]\nquality/accuracy = { min = 1 }", "is written in quotes", line=9),
    case(
        "a metric with a dot",
        "[gate]\nquality.accuracy = { min = 1 }",
        'one key with a slash, in quotes: "quality/accuracy"',
        line=9,
    ),
    case(
        "a dotted axis without quotes",
        "[matrix]\ntrain.epochs = [1]",
        'one key, in quotes: "train.epochs" = […]',
        line=9,
    ),
]

FAMILIES = {
    "unknown key": UNKNOWN_KEYS,
    "unknown name": UNKNOWN_NAMES,
    "wrong type": WRONG_TYPES,
    "out of bounds": OUT_OF_BOUNDS,
    "contradiction": CONTRADICTIONS,
    "no cell": NO_CELL,
    "missing": MISSING,
    "hostile": HOSTILE,
    "broken": BROKEN,
}
CASES = [pytest.param(case, id=f"{family}: {case.id}") for family, cases in FAMILIES.items() for case in cases]


def faults_of(err: str) -> list[str]:
    """Return the errors in a command's output: each begins at the start of a line, and the file's line is indented."""
    return [line.removeprefix("bench: ") for line in err.splitlines() if not line.startswith("    ")]


@pytest.mark.parametrize("wrong", CASES)
def test_a_wrong_suite_is_explained_with_file_line_key_and_nearest_spelling(bench, tmp_path, wrong):
    (tmp_path / "wrong.toml").write_text(wrong.text, encoding="utf-8")
    ended = bench("run", "wrong.toml")
    assert ended.status == 2, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    for message in wrong.says:
        assert message in ended.err
    errors = faults_of(ended.err)
    assert len(errors) == wrong.errors, ended.err
    assert re.match(rf"wrong\.toml:{wrong.line}: ", errors[0]), ended.err
    assert all(c.isprintable() or c == "\n" for c in ended.err), "a file must not steer the terminal"
    assert max(map(len, ended.err.splitlines())) < 500
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.toml"], "nothing is written"


def test_all_faults_of_a_file_are_shown_at_once_in_the_order_of_its_lines(bench, tmp_path):
    (tmp_path / "wrong.toml").write_text(
        'titel = "x"\n[[tasks]]\nuse = "loans"\ndta = "full"\n[[models]]\nuse = "mlp"\nhiden = 3\ntrain = { epoch = 3 }\n'
        '[train]\nepochs = "3"\n[matrix]\nsed = [1]\n[probes.quality]\n[gate]\n"quality/acc" = { min = 1 }\n[report]\ncolums = []\n'
    )
    ended = bench("plan", "wrong.toml")
    lines = [int(error.split(":")[1]) for error in faults_of(ended.err)]
    assert (ended.status, lines) == (2, [1, 4, 7, 8, 10, 12, 15, 17])


def test_one_misspelt_name_is_one_fault_and_not_one_for_all_that_refers_to_it(bench, tmp_path):
    (tmp_path / "wrong.toml").write_text(
        '[[tasks]]\nuse = "diabets"\n[[tasks]]\nuse = "loans"\n[[models]]\nuse = "mpl"\n[evaluate]\nbeams = 3\n'
        '[matrix]\n"models.mlp.hidden" = [[3]]\n"tasks.diabetes.data" = ["full"]\nexclude = [{ model = "mlp", task = "diabetes" }]\n'
        '[probes.quality]\nonly = { model = "mlp" }\n[gate]\n"quality/r2" = { min = 0.1 }\n[report]\nsort = "quality/r2"\n'
    )
    assert [error.split(":")[1] for error in faults_of(bench("plan", "wrong.toml").err)] == ["2", "6"]


def test_a_probe_that_applies_nowhere_is_an_error_with_the_reason(bench, tmp_path):
    probe = 'NEEDS = ("gradients",)\nMETRICS = {}\n\n\ndef probe(trained, options):\n    yield from ()\n'
    (tmp_path / "attribution.py").write_text(probe)
    text = BASE.replace('"mlp"', '"logistic_regression"') + '[probes.explain]\nuse = "./attribution.py"\n'
    (tmp_path / "wrong.toml").write_text(text)
    ended = bench("plan", "wrong.toml")
    assert ended.status == 2
    assert "wrong.toml:8: probes.explain: applies to no cell of this suite: needs gradients" in ended.err


# ── the file itself ─────────────────────────────────────────────────────────────────────────────


def test_a_missing_file_is_named_with_the_nearest_file_beside_it(bench, tmp_path):
    (tmp_path / "sentiment.toml").write_text(BASE)
    ended = bench("run", "sentimnt.toml")
    assert (ended.status, ended.err) == (
        2,
        'bench: sentimnt.toml: there is no such file; did you mean "sentiment.toml"?\n',
    )


def test_an_unknown_suite_is_named_with_the_nearest_that_ships(bench):
    ended = bench("plan", "quikstart")
    assert ended.status == 2
    assert 'there is no suite "quikstart"; did you mean "quickstart"?' in ended.err


def test_a_folder_of_the_same_name_does_not_hide_a_suite_that_ships(bench, tmp_path):
    (tmp_path / "quickstart").mkdir()
    assert bench("plan", "quickstart").status == 0


def test_a_folder_is_no_suite(bench, tmp_path):
    (tmp_path / "suites").mkdir()
    ended = bench("plan", "./suites")
    assert (ended.status, ended.err) == (2, "bench: ./suites: is a folder; a suite is a TOML file\n")


def test_a_name_that_no_file_can_have_is_a_missing_file(bench):
    ended = bench("plan", "x" * 5000)
    assert ended.status == 2
    assert "Traceback" not in ended.err


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="the superuser reads every file, and modes are POSIX's"
)
def test_a_file_that_may_not_be_read_says_so(bench, tmp_path):
    (tmp_path / "secret.toml").write_text(BASE)
    (tmp_path / "secret.toml").chmod(0)
    ended = bench("plan", "secret.toml")
    assert (ended.status, ended.err) == (2, "bench: secret.toml: cannot be read: Permission denied\n")


def test_a_file_behind_a_file_cannot_be_read(bench, tmp_path):
    (tmp_path / "file.toml").write_text(BASE)
    ended = bench("plan", "file.toml/suite.toml")
    assert (ended.status, ended.err) == (2, "bench: file.toml/suite.toml: cannot be read: Not a directory\n")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_that_is_not_utf_8_says_at_which_byte(bench, tmp_path, encoding):
    (tmp_path / "wrong.toml").write_bytes(f'title = "é"\n{BASE}'.encode(encoding))
    ended = bench("plan", "wrong.toml")
    assert ended.status == 2
    assert re.fullmatch(r"bench: wrong\.toml: is not UTF-8 \(byte \d+\); save it as UTF-8\n", ended.err)


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(bench, tmp_path):
    (tmp_path / "windows.toml").write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert bench("plan", "windows.toml").status == 0
    (tmp_path / "windows.toml").write_bytes(
        b"\xef\xbb\xbf" + BASE.replace("loans", "loan").replace("\n", "\r\n").encode()
    )
    assert "windows.toml:2: tasks[0].use" in bench("plan", "windows.toml").err


@pytest.mark.parametrize("name", ["模型 é", "[bold red]x[/]", "<b>|`*_", "../../etc/passwd", "a.b", "a=b,c"])
def test_an_unusual_name_is_a_name(bench, tmp_path, name):
    (tmp_path / "suite.toml").write_text(BASE.replace('"mlp"', f'"mlp"\nname = "{name}"'), encoding="utf-8")
    assert f"loans, {name}, seed 0" in bench("plan", "suite.toml", "--only", f"model={name}").out
    assert bench("plan", "suite.toml", "--set", f'models."{name}".hidden=[8]').status == 0


# ── flags ───────────────────────────────────────────────────────────────────────────────────────

FLAGS = {
    "train.epoch=3": ("unknown key", near("epochs")),
    "train.epochs=many": ('"many" is not an integer',),
    "train.epochs=nan": ("nan is not an integer",),
    "trian.epochs=3": ("unknown key", near("train")),
    "train.optimizer=adam": (near("adamw"),),
    "train.augment=flp": ('"flp" is not a list', near("flip")),
    'train.augment=["shift", "flp"]': (near("flip"),),
    "train.augment=flip": ('"flip" is not a list', 'a list is wanted: ["flip"]'),
    "models.mlp.hidden=3": ("3 is not a list of integers; a list is wanted: [3]",),
    "models.mpl.hidden=[3]": ('nothing in models is named "mpl"', near("mlp"), "(there are: mlp)"),
    "models.mlp.hiden=[3]": ("unknown key", near("hidden")),
    "models.hidden=[3]": ("name a key of one of models, such as models.NAME.hidden",),
    "tasks.loans.use=loan": (near("loans"),),
    "matrix.sed=[1]": ("is no axis", near("seed")),
    "matrix.train.epoch=[1]": ("`epoch` is no option there", near("epochs")),
    "matrix.seed=[]": ("is an axis without values",),
    "probes.quality.resamples=1": ("1 is out of bounds: 100 or more",),
    "probes.qualty.resamples=100": ('there is no probe "qualty"', near("quality")),
    "title.x=3": ("title is a value, not a table",),
    "train": ("is not KEY=VALUE, such as --set train.epochs=5",),
    "=3": ("is not KEY=VALUE",),
    "": ("is not KEY=VALUE",),
    "train..epochs=3": ("is not KEY=VALUE",),
    "train.epochs=" + "[" * 5000: ("is not an integer",),
    "train.epochs=" + "9" * 5000: ("is not an integer",),
    "train.epochs=3\nx=4": ("is not an integer",),
}


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag[:40])
def test_a_wrong_set_is_explained_by_its_flag(bench, tmp_path, flag):
    (tmp_path / "suite.toml").write_text('title = "x"\n' + BASE)
    ended = bench("plan", "suite.toml", "--set", flag)
    assert ended.status == 2, ended
    assert ended.err.startswith("bench: --set ")
    assert len(ended.err) < 700
    for message in FLAGS[flag]:
        assert message in ended.err


BESIDE = {
    "train.validation=0": "models[0].train.patience: patience decides on validation data",
    "train.optimizer=adamw": "train.momentum: momentum is an option of",
    "matrix.exclude=[{seed=0}]": "the task loans is in no cell: all of its cells are excluded",
    "tasks.loans.use=diabetes": 'no probe of this suite emits "quality/accuracy"',
    "models.mlp.hidden=[8]": "are the same but for their names",
}


@pytest.mark.parametrize("flag", BESIDE)
def test_a_line_that_is_wrong_only_beside_a_set_names_the_set(bench, tmp_path, flag):
    same = "are the same" in BESIDE[flag]
    text = BASE.replace('"mlp"', '"mlp"\ntrain = { patience = 2 }') + '[gate]\n"quality/accuracy" = { min = 0.1 }\n'
    text += '[train]\noptimizer = "sgd"\nmomentum = 0.5\n'
    text += '[[models]]\nuse = "mlp"\nname = "other"\nhidden = [8]\ntrain = { patience = 2 }\n' if same else ""
    (tmp_path / "suite.toml").write_text(text)
    assert bench("plan", "suite.toml").status == 0
    ended = bench("plan", "suite.toml", "--set", flag)
    assert ended.status == 2
    assert BESIDE[flag] in ended.err
    assert ended.err.splitlines()[-1] == f"the suite was read with --set {flag}"


def test_what_a_component_says_of_a_set_names_the_set(bench, tmp_path):
    text = '[[tasks]]\nuse = "hub"\nid = "a/b"\ninputs = "text"\nlabel = "label"\n'
    (tmp_path / "suite.toml").write_text(text + '[[models]]\nuse = "bag_of_words"\n[probes.quality]\n')
    ended = bench("run", "suite.toml", "--set", "tasks.hub.id=a/b/c")
    assert ended.status == 2
    assert ended.err.splitlines()[-1] == "the suite was read with --set tasks.hub.id=a/b/c"


def test_a_set_reaches_what_a_file_would(bench, tmp_path):
    (tmp_path / "suite.toml").write_text(BASE)
    flags = [
        "matrix.train.epochs=[1,2]",
        'matrix."train.batch_size"=8',
        "models.mlp.hidden=[4]",
        "gate.quality/accuracy.min=0.1",
        "title=a b",
    ]
    ended = bench("plan", "suite.toml", *(word for flag in flags for word in ("--set", flag)))
    assert ended.status == 0, ended.err
    assert ended.out.startswith("a b: 2 cells")


ONLY = {
    "modle=mlp": ("is not AXIS=VALUE", near("model")),
    "mlp": ("is not AXIS=VALUE", "axes here: task, model"),
    "model=mpl": ('no cell has model "mpl"', near("mlp"), "(there are: mlp)"),
    "seed=7": ('no cell has seed "7"', "(there are: 0)"),
    "model=": ("no cell has model",),
}


@pytest.mark.parametrize("flag", ONLY)
def test_a_wrong_only_is_explained_by_its_flag(bench, tmp_path, flag):
    (tmp_path / "suite.toml").write_text(BASE)
    ended = bench("plan", "suite.toml", "--only", flag)
    assert ended.status == 2
    assert ended.err.startswith(f"bench: --only {flag}: ")
    for message in ONLY[flag]:
        assert message in ended.err


def test_only_flags_that_no_cell_meets_together_say_so(bench):
    ended = bench("plan", "quickstart", "--only", "task=mnist", "--only", "model=bag_of_words")
    assert ended.status == 2
    assert "--only task=mnist --only model=bag_of_words: no cell of this suite is all of that" in ended.err


# ── files that a suite refers to ────────────────────────────────────────────────────────────────

GOOD = 'MODALITIES = ("table",)\nPROBLEMS = ("classification",)\n\n\ndef build(data, options):\n    ...\n'
OPTIONS = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Options:\n"
FOREIGN = {
    "syntax error": ("def build(:\n", "mine.py:1: invalid syntax"),
    "indentation": (" x = 1\n" + GOOD, "mine.py:1: unexpected indent"),
    "not literal": ("import os\nVERSION = len(os.sep)\n" + GOOD, "mine.py:2: VERSION must be a literal"),
    "unhashable": ("BOUNDS = {[]: 1}\n" + GOOD, "mine.py:1: BOUNDS must be a literal"),
    "wrong form": ('VERSION = "1"\n' + GOOD, "mine.py:1: VERSION must be a whole number"),
    "string for words": (GOOD.replace('("table",)', '"table"'), "mine.py:1: MODALITIES must be a tuple of strings"),
    "bounds of text": (
        'BOUNDS = {"x": ("a", "b")}\n' + GOOD,
        "mine.py:1: BOUNDS must be a dictionary of option: (least, greatest)",
    ),
    "bounds of nothing": (
        'BOUNDS = {"x": (1, 2)}\n' + OPTIONS + "    y: int = 3\n" + GOOD,
        "BOUNDS names `x`, which is no option",
    ),
    "function missing": (GOOD.replace("build", "biuld"), "mine.py is no model: it lacks build()"),
    "facts missing": ("def build(data, options): ...\n", "mine.py is no model: it lacks MODALITIES, PROBLEMS"),
    "bases": (
        (OPTIONS + "    x: int = 3\n" + GOOD).replace("Options:", "Options(Base):"),
        "mine.py:3: `Options` must be a @dataclass(frozen=True) without bases",
    ),
    "not frozen": (
        (OPTIONS + "    x: int = 3\n" + GOOD).replace("(frozen=True)", ""),
        "must be a @dataclass(frozen=True)",
    ),
    "default of a wrong type": (
        OPTIONS + '    x: int = "3"\n' + GOOD,
        "mine.py:4: the default of `x` must be a literal of type int",
    ),
    "default that is computed": (
        OPTIONS + "    x: int = 3 * 4\n" + GOOD,
        "mine.py:4: the default of `x` must be a literal",
    ),
    "default out of bounds": (
        'BOUNDS = {"x": (1, 2)}\n' + OPTIONS + "    x: int = 3\n" + GOOD,
        "mine.py:5: the default of `x`: 3 is out of bounds",
    ),
    "unknown type": (
        OPTIONS + "    x: list[int] = 3\n" + GOOD,
        "mine.py:4: `list[int]`: an option's type is built from int, float",
    ),
    "Literal of a name": (OPTIONS + "    x: Literal[A] = 3\n" + GOOD, "mine.py:4: `Literal[A]`"),
    "broken annotation": (OPTIONS + '    x: "int |" = 3\n' + GOOD, "mine.py:4: "),
    "a method": (OPTIONS + "    def double(self): ...\n" + GOOD, "mine.py:4: `Options` holds only fields"),
    "latin-1": ("# \xe9\n" + GOOD, "cannot be read"),
    "NUL": ("\0" + GOOD, "mine.py:1: source code string cannot contain null bytes"),
    "nested too deeply": ("x = " + "-" * 100_000 + "1\n" + GOOD, "mine.py:1: "),
}


@pytest.mark.parametrize("error", FOREIGN)
def test_a_component_file_that_cannot_be_read_is_explained_with_both_files_and_lines(bench, tmp_path, error):
    source, says = FOREIGN[error]
    (tmp_path / "mine.py").write_text(source, encoding="latin-1" if error == "latin-1" else "utf-8")
    (tmp_path / "suite.toml").write_text(BASE.replace('"mlp"', '"./mine.py"'))
    ended = bench("plan", "suite.toml")
    assert ended.status == 2, ended
    assert ended.err.startswith("bench: suite.toml:5: models[0].use: ")
    assert says in ended.err
    assert len(faults_of(ended.err)) == 1, ended.err


def test_a_misspelt_component_file_is_named_with_the_nearest_one(bench, tmp_path):
    (tmp_path / "mine.py").write_text(GOOD)
    (tmp_path / "suite.toml").write_text(BASE.replace('"mlp"', '"./min.py"'))
    assert 'there is no file "./min.py"' in bench("plan", "suite.toml").err
    assert near("mine.py") in bench("plan", "suite.toml").err


def test_plan_validates_a_foreign_file_without_running_a_line_of_it(bench, tmp_path):
    trap = "from pathlib import Path\nPath('ran').touch()\nraise SystemExit(9)\n"
    (tmp_path / "mine.py").write_text(trap + OPTIONS + "    width: int = 3\n" + GOOD)
    (tmp_path / "suite.toml").write_text(BASE.replace('"mlp"', '"./mine.py"\nwidth = 5'))
    for command in (["plan", "suite.toml"], ["show", "model", "./mine.py"]):
        assert bench(*command).status == 0
    assert "mine.py" in bench("plan", "suite.toml").out
    (tmp_path / "suite.toml").write_text(BASE.replace('"mlp"', '"./mine.py"\nwidht = 5'))
    assert near("width") in bench("plan", "suite.toml").err
    assert not (tmp_path / "ran").exists()


def test_run_asks_for_trust_before_a_line_of_a_foreign_file_is_run(bench, tmp_path):
    (tmp_path / "mine.py").write_text("from pathlib import Path\nPath('ran').touch()\n" + GOOD)
    (tmp_path / "suite.toml").write_text(BASE.replace('"mlp"', '"./mine.py"'))
    ended = bench("run", "suite.toml")
    assert ended.status == 2
    assert "model    ./mine.py" in ended.err
    assert "--trust" in ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.py", "suite.toml"]


# ── the command itself ──────────────────────────────────────────────────────────────────────────

USAGE = {
    ("rnu",): near("run"),
    ("run",): "Missing argument 'SUITE'",
    ("run", "quickstart", "--smok"): "--smoke",
    ("list", "modles"): "'modles' is not one of",
    ("show", "model", "mpl"): near("mlp"),
    ("show", "suite", "quikstart"): near("quickstart"),
    ("show", "modell", "mlp"): "is not one of",
    ("run", "quickstart", "--smoke", "--resume"): "a smoke run is never resumed",
    ("run", "quickstart", "--stale", "keep"): "give --resume too",
}


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_a_wrong_command_line_is_explained(bench, tmp_path, arguments):
    ended = bench(*arguments)
    assert ended.status == 2
    assert USAGE[arguments] in ended.err
    assert "Traceback" not in ended.err
    assert not list(tmp_path.iterdir())


OWN = """\
[[tasks]]
use = "files"
name = "mine"
path = "mine.csv"
label = "y"
{line}

[[models]]
use = "logistic_regression"

[probes.quality]
"""


@pytest.mark.parametrize(
    ("line", "key", "says"),
    [
        ('columns = { a = "datetime" }', "columns.a", 'did you mean "date"?'),
        ('split = { group = "a" }', "split.group", 'did you mean "by"?'),
        ('split = { after = "01.01.2024", by = "a" }', "split.after", "is not a date such as 2026-01-01"),
        ("split = { test = 2 }", "split.test", "is not a share"),
        ("split = { folds = 1 }", "split.folds", "is not a whole number from 2"),
        ("inputs = []", "inputs", "names no column"),
        ('delimiter = "::"', "delimiter", "is not one mark"),
        ('categorical = ["a", "a"]', "categorical", "names a column twice"),
    ],
)
def test_an_error_inside_an_option_of_a_table_is_at_its_own_line(bench, tmp_path, line, key, says):
    (tmp_path / "mine.csv").write_text("a,y\n1,no\n2,yes\n")
    (tmp_path / "suite.toml").write_text(OWN.format(line=line))
    ended = bench("data", "check", "suite.toml")
    assert ended.status == 2
    assert ended.err.startswith(f"bench: suite.toml:6: tasks[0].{key}: ")
    assert says in ended.err
    flag = bench("data", "check", "suite.toml", "--set", f"tasks.mine.{line.replace(' = ', '=', 1)}")
    assert flag.status == 2
    assert flag.err.startswith("bench: --set tasks.mine.")


def test_an_option_that_the_file_does_not_state_is_shown_at_the_task(bench, tmp_path):
    (tmp_path / "mine.csv").write_text("a,y\n1,no\n2,yes\n")
    (tmp_path / "suite.toml").write_text(OWN.format(line='groups = ["y"]'))
    assert bench("data", "check", "suite.toml").err.startswith("bench: suite.toml:6: tasks[0].groups: ")
    (tmp_path / "suite.toml").write_text(OWN.format(line='train = "a"\ntest = "a"'))
    assert bench("data", "check", "suite.toml").err.startswith("bench: suite.toml:2: tasks[0].use: ")


@pytest.mark.parametrize("name", ["mine.csv", "mine.CSV", "mine.csv.gz", "mine.parquet", "mine.jsonl"])
@pytest.mark.parametrize("content", [b"a,y\n1,no\n", b"PAR1\xff\x00", b"{"])
def test_a_file_of_data_in_place_of_a_suite_is_answered_with_the_lines_that_name_it(bench, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    ended = bench("run", name)
    assert ended.status == 2
    assert ended.err.startswith(f"bench: {name}: is a file of data; a suite is a TOML file that names it:\n")
    assert f'\n    [[tasks]]\n    use = "files"\n    path = "{name}"\n    label = ' in ended.err
    assert "TOML:" not in ended.err


def test_a_folder_of_data_in_place_of_a_suite_is_answered_likewise_and_one_of_suites_is_not(bench, tmp_path):
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    assert '\n    path = "photos"\n  `bench init`' in bench("run", "./photos").err
    (tmp_path / "photos" / "a.toml").write_text("")
    assert bench("run", "./photos").err == "bench: ./photos: is a folder; a suite is a TOML file\n"
