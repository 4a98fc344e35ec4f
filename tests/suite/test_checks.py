"""Claims about single cells: a cell that its engine would not honour is rejected before any training."""

from __future__ import annotations

import pytest

from bench_suite import run
from bench_suite.suite.checks import nesterov_error
from bench_suite.suite.document import SuiteError
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

LOOP = '''
import torch
from bench_suite.contracts import History

ACCEPTS = ("epochs", "learning_rate", "batch_size")
PRECISIONS = {precisions}
DEVICES = {devices}
COMPILE = {compile}
DETERMINISTIC = {deterministic}


def train(model, data, problem, options, placement, report, encoded):
    """A loop in 32 bits on the processor, whatever `placement` says: as engines do that read one field of it less."""
    examples = encoded("train")
    optimizer = torch.optim.AdamW(model.module.parameters(), lr=options.learning_rate)
    for rows in torch.randperm(len(examples)).split(options.batch_size):
        batch = model.collate(examples.take(rows))
        loss = problem.loss(model.module(**batch.inputs), batch.targets, data.spec)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return History(samples=len(examples))
'''
STATED = {"precisions": ("32-true",), "devices": ("cpu",), "compile": False, "deterministic": False}
SUITE = '[[tasks]]\nuse = "loans"\n[[models]]\nuse = "mlp"\nhidden = [4]\n[probes.quality]\nresamples = 200\n'


@pytest.fixture
def suite(tmp_path):
    """Return the path of a suite with this ending; its engine `./loop.py` declares these facts."""

    def suite(end: str, **stated) -> str:
        (tmp_path / "loop.py").write_text(LOOP.format(**{**STATED, **stated}))
        (tmp_path / "s.toml").write_text(SUITE + end)
        return str(tmp_path / "s.toml")

    return suite


def refused(path: str) -> str:
    """Return the only error of the suite's plan."""
    with pytest.raises(SuiteError) as raised:
        make_plan(read_suite(path))
    (message,) = raised.value.errors
    return message


ENGINE = '[matrix]\nengine = "./loop.py"\nthreads = 1\n'  # lines 8 to 10


@pytest.mark.parametrize(
    ("end", "where", "what"),
    [
        (
            'precision = "bf16-mixed"\n',
            "s.toml:11: matrix.precision:",
            'the engine loop does not honour precision = "bf16-mixed" (it states PRECISIONS: 32-true); '
            'write precision = "32-true"\n',
        ),
        (
            'precision = ["32-true",\n"bf16-mixed"]\n',
            "s.toml:12: matrix.precision[1]:",
            'or leave these cells out: exclude = [{ engine = "./loop.py", precision = "bf16-mixed" }]',
        ),
        ('device = "cuda"\n', "s.toml:11: matrix.device:", '(it states DEVICES: cpu); write device = "cpu"'),
        ("compile = true\n", "s.toml:11: matrix.compile:", "(it states COMPILE = False); write compile = false"),
        (
            "devices = 2\n",
            "s.toml:11: matrix.devices:",
            'the engine loop does not train one network on several devices with strategy = "ddp" '
            "(it states STRATEGIES: none); write devices = 1",
        ),
        (
            'compile = [false, "max-autotune"]\n',
            "s.toml:11: matrix.compile[1]:",
            'does not honour compile = "max-autotune" (it states COMPILE = False); write compile = false, or leave'
            ' these cells out: exclude = [{ engine = "./loop.py", compile = "max-autotune" }]',
        ),
        (
            'include = [{ precision = "bf16-mixed" }]\n',
            "s.toml:11: matrix.include[0].precision:",
            'write precision = "32-true"',
        ),
        (
            "[train]\ndeterministic = true\n",
            "s.toml:12: train.deterministic:",
            "the engine loop is not deterministic (it states DETERMINISTIC = False); write deterministic = false",
        ),
        (
            '"train.deterministic" = [false, true]\n',
            's.toml:11: matrix."train.deterministic":',
            "write deterministic = false",
        ),
    ],
)
def test_a_cell_that_its_engine_does_not_honour_is_refused_with_file_line_and_key(suite, end, where, what):
    message = refused(suite(ENGINE + end))
    assert where in message
    assert what in message


def test_a_default_that_its_engine_does_not_honour_is_refused_at_the_engine(suite):
    message = refused(suite(ENGINE, precisions=("bf16-mixed",)))
    assert "s.toml:9: matrix.engine:" in message
    assert 'precision = "32-true" (it states PRECISIONS: bf16-mixed); write precision = "bf16-mixed"' in message


def test_auto_is_refused_if_the_engine_states_nothing_that_it_may_stand_for(suite):
    message = refused(suite(f'{ENGINE}precision = "auto"\n', precisions=("64-true",)))
    assert 'does not honour precision = "auto" (it states PRECISIONS: 64-true); choose another engine' in message
    assert 'device = "auto" (it states DEVICES: none)' in refused(suite(ENGINE, devices=()))


def test_cuda_graphs_are_refused_on_a_device_that_has_none(suite):
    message = refused(suite('[matrix]\ncompile = [true,\n"cudagraphs"]\ndevice = "cpu"\n'))
    assert "s.toml:10: matrix.compile[1]:" in message
    assert 'compile = "cudagraphs" records CUDA graphs, and device = "cpu" has none; write device = "cuda"' in message
    for device in ("cuda", "auto"):
        (cell,) = make_plan(read_suite(suite(f'[matrix]\ncompile = "cudagraphs"\ndevice = "{device}"\n'))).cells
        assert cell.compile == "cudagraphs"


def test_the_same_suite_is_planned_if_the_engine_states_all_of_it(suite):
    end = 'precision = ["32-true", "bf16-mixed"]\ndevice = "cuda"\ncompile = true\n[train]\ndeterministic = true\n'
    facts = {"precisions": ("32-true", "bf16-mixed"), "devices": ("cpu", "cuda"), "compile": True}
    assert len(make_plan(read_suite(suite(ENGINE + end, **facts, deterministic=True))).cells) == 2


def test_cells_of_another_engine_may_have_what_one_engine_does_not_honour(suite):
    end = (
        '[matrix]\nengine = ["native", "./loop.py"]\nprecision = ["32-true", "bf16-mixed"]\n'
        'exclude = [{ engine = "./loop.py", precision = "bf16-mixed" }]\n'
    )
    cells = make_plan(read_suite(suite(end))).cells
    assert {(cell.labels["engine"], cell.precision) for cell in cells} == {
        ("native", "32-true"), ("native", "bf16-mixed"), ("./loop.py", "32-true"),
    }  # fmt: skip


def test_an_estimator_is_not_asked_what_an_engine_honours(suite):
    path = suite(f"{ENGINE}[[models]]\nuse = 'logistic_regression'\n")
    (logistic,) = make_plan(read_suite(path), ["model=logistic_regression"]).cells
    assert logistic.engine is None


def test_an_engine_that_ignores_the_precision_never_has_a_record_of_another_one(suite, tmp_path, monkeypatch):
    """Before the check, an engine that trained in 32 bits under `bf16-mixed` had records with `bf16-mixed`."""
    from bench_suite.training import precision

    monkeypatch.setattr(precision, "fastest_precision", lambda device, threads: "bf16-mixed")
    with pytest.raises(SuiteError, match="does not honour precision"):
        run(suite(f'{ENGINE}precision = "bf16-mixed"\n'), trust=True, smoke=True, results=tmp_path / "results")
    assert not (tmp_path / "results").exists(), "nothing was spent"
    path = suite(f'{ENGINE}precision = "auto"\n')
    (record,) = run(path, trust=True, smoke=True, results=tmp_path / "results").records
    assert record.status == "ok", record.reason
    placement = record.options["placement"]
    assert (placement["precision"], placement["device"]) == ("32-true", "cpu")


@pytest.mark.parametrize("fact", ["PRECISIONS", "DEVICES", "COMPILE", "DETERMINISTIC"])
def test_an_engine_states_each_of_its_facts(suite, tmp_path, fact):
    path = suite(ENGINE)
    file = tmp_path / "loop.py"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith(f"{fact} ")))
    assert f"matrix.engine: loop.py is no engine: it lacks {fact}" in refused(path)


@pytest.mark.parametrize(("fact", "value"), [("compile", "'yes'"), ("precisions", "'32-true'"), ("devices", "[1]")])
def test_a_fact_of_a_wrong_form_is_refused(suite, fact, value):
    assert f"{fact.upper()} must be a " in refused(suite(ENGINE, **{fact: value}))


def test_nesterov_needs_momentum_and_concerns_sgd_only():
    assert "momentum = 0.9" in (nesterov_error("sgd", 0.0, nesterov=True) or "")
    for optimizer, momentum, nesterov in (("sgd", 0.9, True), ("sgd", 0.0, False), ("adamw", 0.0, True)):
        assert nesterov_error(optimizer, momentum, nesterov=nesterov) is None


# ── training options that contradict each other or the task ─────────────────────────────────────


@pytest.mark.parametrize(
    ("train", "error"),
    [
        ({"augment": ["flip"]}, "augment changes images, and loans has none"),
        ({"target": {"quality/acuracy": 0.9}}, 'no metric "acuracy"'),
        ({"target": {"quality/r2": 0.9}}, "r2 is of regression, and the task is classification"),
        ({"target": {"quality/accuracy": 97}}, "accuracy is never over 1, and 97 is asked for"),
        ({"target": {"log_loss": -1}}, "log_loss is never under 0, and -1 is asked for"),
        ({"target": {"throughput/accuracy": 0.9}}, 'as "quality/accuracy" or "accuracy", not of "throughput"'),
        ({"target": {"accuracy": 0.9, "macro_f1": 0.9}}, "target names one metric and its value, not 2"),
        ({"target": {"accuracy": 0.9}, "validation": 0}, "target decides on validation data"),
        ({"checkpoint": "ten minutes"}, 'is no time such as "10m"'),
        ({"checkpoint": "0s"}, 'is no time such as "10m"'),
        ({"label_smoothing": 1.5}, "0.99"),
    ],
)
def test_training_options_that_cannot_hold_are_faults_of_the_suite(plan, train, error):
    with pytest.raises(SuiteError) as raised:
        plan(train=train)
    assert error in str(raised.value)
    assert "s.toml" in str(raised.value)


def test_label_smoothing_of_a_regression_is_a_fault(plan):
    with pytest.raises(SuiteError, match="label_smoothing is for classes, and diabetes is regression"):
        plan(tasks=[{"use": "diabetes"}], train={"label_smoothing": 0.1})


def test_an_option_that_the_engine_does_not_accept_is_refused_where_it_is_stated(suite):
    message = refused(suite(f'{ENGINE}"train.warmup" = [0.1]\n'))
    assert 's.toml:11: matrix."train.warmup": the engine loop has no warmup (you ask for 0.1; it has: epochs' in message


# ── classes of different sizes ──────────────────────────────────────────────────────────────────

ESTIMATOR = {"use": "logistic_regression"}
BOTH = {"denied": 5.0, "approved": 1.0}


@pytest.mark.parametrize(
    ("sections", "error"),
    [
        ({"train": {"class_weights": "balance"}}, 'train.class_weights: "balance" is not one of'),
        ({"train": {"class_weights": {"denied": 5.0}}}, 'the weight of "approved" is missing'),
        (
            {"train": {"class_weights": {**BOTH, "refused": 1}}},
            '"refused" is no class of loans (it has: denied, approved)',
        ),
        (
            {"train": {"class_weights": {"Denied": 5.0, "approved": 1.0}}},
            '"Denied" is no class of loans; did you mean "denied"?',
        ),
        ({"train": {"class_weights": {**BOTH, "denied": 0.0}}}, 'the weight of "denied" is 0; it must be above 0'),
        ({"train": {"class_weights": {**BOTH, "denied": -1}}}, 'the weight of "denied" is -1; it must be above 0'),
        ({"train": {"sampler": "weighted"}}, 'train.sampler: "weighted" is not one of "shuffled", "balanced"'),
        (
            {"train": {"sampler": "balanced", "class_weights": "balanced"}},
            "train.sampler: class_weights = \"balanced\" and sampler = \"balanced\" correct the same imbalance",
        ),
        (
            {"tasks": [{"use": "diabetes"}], "train": {"class_weights": "balanced"}},
            "class_weights is for classes, and diabetes is regression",
        ),
        (
            {"tasks": [{"use": "diabetes"}], "train": {"sampler": "balanced"}},
            "sampler is for classes, and diabetes is regression",
        ),
        (
            {"models": [{"use": "mlp"}, ESTIMATOR], "train": {"sampler": "balanced"}},
            "train.sampler: logistic_regression fits itself and has no sampler, so its results would not be comparable",
        ),
        (
            {"models": [{**ESTIMATOR, "train": {"class_weights": {"denied": 5.0}}}], "train": {}},
            'models[0].train.class_weights: the weight of "approved" is missing',
        ),
        ({"matrix": {"train.class_weights": ["none", {"denied": 5.0}]}}, 'the weight of "approved" is missing'),
    ],
)  # fmt: skip
def test_options_for_classes_that_cannot_hold_are_refused_where_they_stand(plan, sections, error):
    with pytest.raises(SuiteError) as raised:
        plan(**sections)
    assert error in str(raised.value)
    assert "s.toml:" in str(raised.value)


def test_an_estimator_that_takes_class_weights_gets_them_and_its_cells_differ_by_them(plan):
    matrix = {"train.class_weights": ["none", "balanced", BOTH]}
    cells = plan(models=[{"use": "mlp"}, ESTIMATOR], matrix=matrix).cells
    assert [cell.options["train"]["class_weights"] for cell in cells] == ["none", "balanced", BOTH] * 2
    assert len({cell.unit for cell in cells}) == 6


def test_the_defaults_of_the_options_for_classes_change_no_identity(plan):
    stated = {"epochs": 2, "class_weights": "none", "sampler": "shuffled"}
    assert [cell.id for cell in plan(train=stated).cells] == [cell.id for cell in plan().cells]


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ({"use": "loans", "positive": "Denied"}, '"Denied" is no class of loans; did you mean "denied"?'),
        ({"use": "mnist", "positive": "3"}, "tasks[0].positive: positive is for two classes, and mnist has 10"),
        ({"use": "diabetes", "positive": "yes"}, "positive is for two classes, and diabetes has none"),
    ],
)
def test_a_positive_class_that_the_task_does_not_have_is_refused(plan, task, error):
    with pytest.raises(SuiteError) as raised:
        plan(tasks=[task])
    assert error in str(raised.value)


def test_the_positive_class_is_an_option_of_the_task_and_its_default_changes_no_identity(plan):
    (cell,) = plan(tasks=[{"use": "loans", "positive": "denied"}]).cells
    assert cell.options["task"]["positive"] == "denied"
    assert cell.id != plan().cells[0].id
    assert plan().cells[0].options["task"]["positive"] is None
    assert len(plan(matrix={"tasks.loans.positive": ["denied", "approved"]}).cells) == 2


@pytest.mark.parametrize(
    ("sections", "error"),
    [
        ({"evaluate": {"threshold": "F1"}}, 'evaluate.threshold: "F1" is not one of "none", "f1", "balanced_accuracy"'),
        ({"evaluate": {"threshold": 1.5}}, "evaluate.threshold: 1.5 is out of bounds: from 0.0 to 1.0"),
        (
            {"evaluate": {"threshold": "f1"}, "train": {"validation": 0}},
            "evaluate.threshold: threshold is chosen on validation data, and validation = 0 leaves none",
        ),
        (
            {"tasks": [{"use": "digits"}], "matrix": {"evaluate.threshold": ["none", "f1"]}},
            'matrix."evaluate.threshold": threshold is for two classes, and digits has 10',
        ),
    ],
)
def test_a_threshold_that_cannot_be_chosen_is_refused_before_anything_runs(plan, sections, error):
    with pytest.raises(SuiteError) as raised:
        plan(**sections)
    assert error in str(raised.value)


def test_thresholds_are_cells_of_one_training(plan):
    cells = plan(matrix={"evaluate.threshold": ["none", "f1", 0.3]}).cells
    assert len({cell.id for cell in cells}) == 3
    assert len({cell.unit for cell in cells}) == 1
    assert cells[0].id == plan().cells[0].id
    assert len(plan(evaluate={"threshold": 0.3}, train={"validation": 0}).cells) == 1


# ── a model's own loss and augment ──────────────────────────────────────────────────────────────

NETWORK = """
MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)
def build(data, options): ...
"""


@pytest.fixture
def planned(plan, tmp_path):
    """Return a function that plans a suite with a network that has functions of its own."""

    def planned(functions, **sections):
        (tmp_path / "net.py").write_text(NETWORK + functions)
        return plan(models=[{"use": "./net.py"}], **sections)

    return planned


@pytest.mark.parametrize(
    ("functions", "train", "error"),
    [
        ("def loss(outputs, target): ...", {}, 'loss has the parameter `target`; did you mean "targets"?'),
        ("def augment(inputs, generator): ...", {}, "augment has the parameter `inputs` (there are: batch, generator"),
        (
            "def loss(outputs, targets): ...",
            {"class_weights": "balanced"},
            "train.class_weights: net has its own loss without a parameter `weights`, so class_weights would have no",
        ),
        (
            "def loss(outputs, targets): ...",
            {"label_smoothing": 0.1},
            "train.label_smoothing: net has its own loss without a parameter `smoothing`",
        ),
    ],
)
def test_own_functions_that_cannot_be_called_so_are_refused_without_running_them(planned, functions, train, error):
    with pytest.raises(SuiteError) as raised:
        planned(functions, train=train)
    assert error in str(raised.value)


def test_own_functions_may_have_parameters_with_defaults_and_take_weights(planned):
    functions = "def loss(outputs, targets, weights, gamma=2.0, *, spec): ...\ndef augment(batch, generator): ..."
    assert len(planned(functions, train={"class_weights": "balanced"}).cells) == 1


def test_an_engine_that_does_not_call_a_models_own_loss_is_refused(planned, tmp_path):
    (tmp_path / "loop.py").write_text(
        'ACCEPTS = ("epochs",)\nPRECISIONS = ("32-true",)\nDEVICES = ("cpu",)\nCOMPILE = False\n'
        "DETERMINISTIC = True\ndef train(): ...\n"
    )
    with pytest.raises(SuiteError, match=r"the engine loop does not call a model's own loss, and net has one"):
        planned("def loss(outputs, targets): ...", matrix={"engine": "./loop.py"})
    assert planned("", matrix={"engine": "./loop.py"}).cells


def test_any_stands_for_every_kind_of_device_of_an_engine(suite):
    for device in ("auto", "cpu", "cuda", "xpu", "sim"):
        plan = make_plan(read_suite(suite(f'{ENGINE}device = "{device}"\n', devices=("any",))))
        assert [cell.device for cell in plan.cells] == [device]
    assert 'does not honour device = "xpu" (it states DEVICES: cpu)' in refused(suite(f'{ENGINE}device = "xpu"\n'))


def test_a_misspelt_device_is_refused_with_the_right_spelling(suite):
    message = refused(suite(f'{ENGINE}device = "cdua"\n', devices=("any",)))
    assert "s.toml:11: matrix.device:" in message
    assert 'such as "auto", "cpu", "cuda", "mps"; did you mean "cuda"?' in message
