"""Tests lie as the package does: those of `ROOM/MODULE.py` are in `tests/ROOM/test_MODULE.py`."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "benchmarks" / "bench_suite"
TESTS = ROOT / "tests"

FAMILIES = {
    "metrics": ("metrics/test_metrics.py", "one table compares every metric with scikit-learn and with values by hand"),
}
"By room: the test file of all its modules, and the reason."
ELSEWHERE = {
    "ab/processes": ("cli/test_ab.py", "the command starts processes of both revisions"),
    "ab/results": ("cli/test_ab.py", "the command prints and stores the document"),
    "ab/session": ("cli/test_ab.py", "the command runs it"),
    "ab/timed_work": ("cli/test_ab.py", "processes of both revisions run it"),
    "ab/worker": ("cli/test_ab.py", "processes of both revisions run it"),
    "cli/ab_report": ("cli/test_ab.py", "the command prints it"),
    "cli/arguments": ("cli/test_commands.py", "each command is called with the options that they share"),
    "cli/baseline": ("cli/test_compare.py", "a baseline is set to compare a run with it"),
    "cli/completion_values": ("cli/test_completion.py", "a shell asks for the values"),
    "cli/data_sources": ("cli/test_data.py", "`bench data fetch` reads the plan and the sources"),
    "cli/doctor_report": ("cli/test_doctor.py", "`bench doctor` prints the report"),
    "cli/error_rates": ("cli/test_compare.py", "an option of `bench compare` prints them"),
    "cli/gate_forecast": ("cli/test_plan.py", "`bench plan` prints what gates could find"),
    "cli/history_rates": ("cli/test_history.py", "an option of `bench history` prints them"),
    "cli/list": ("cli/test_commands.py", "every kind of component is listed and shown in one test"),
    "cli/package_check": ("cli/test_doctor.py", "`bench doctor` checks the packages"),
    "cli/results": ("cli/test_commands.py", "one table tests the JSON and the last line of all listing commands"),
    "cli/run": ("cli/test_workflow.py", "a run is a step of a workflow that ends with a comparison"),
    "cli/run_summary": ("cli/test_workflow.py", "the summary is the end of a run"),
    "cli/next_steps": ("cli/test_run_screen.py", "they are the last lines of the screen"),
    "cli/scaffold": ("cli/test_new.py", "`bench new` fills the templates and writes the files"),
    "comparison/decide_gates": ("cli/test_decide_gates.py", "a run with --against adds the seeds"),
    "comparison/run_differences": ("comparison/test_pairing.py", "a pairing has its notes"),
    "comparison/base_runs/evidence": (
        "comparison/base_runs/test_cases.py",
        "comparisons of every kind of metric find it",
    ),
    "comparison/base_runs/pairing": ("comparison/base_runs/test_cases.py", "comparisons pair the cells of all runs"),
    "comparison/judged_cells": ("comparison/test_compare.py", "comparisons with scoped gates judge their parts"),
    "execution/setting": ("execution/test_process_state.py", "one table tests every setting that is restored"),
    "execution/numeric_state": ("execution/test_process_state.py", "one table tests every setting that is restored"),
    "execution/measurement": ("execution/test_unit_metrics.py", "a unit measures its cells"),
    "execution/model_training": ("execution/test_trained.py", "each test builds a cell and trains it"),
    "execution/process_ends": ("execution/test_endings.py", "a resume finds the ends of earlier processes"),
    "execution/child": ("executors/test_processes.py", "each worker has a process"),
    "execution/retries": ("executors/test_processes.py", "what a crash costs"),
    "execution/events": ("executors/test_processes.py", "workers send them"),
    "execution/work": ("executors/test_processes.py", "the executors run it"),
    "execution/worker": ("executors/test_processes.py", "the executor starts workers"),
    "execution/revisions": ("ab/test_revisions.py", "a repository with commits is made there"),
    "execution/tracker_process": ("execution/test_trackers.py", "each tracker has a process"),
    "execution/worker_process": (
        "executors/test_processes.py",
        "each worker has a process",
    ),
    "engines/lightning/__init__": ("engines/test_lightning.py", "the engine is one folder"),
    "engines/lightning/callback": ("engines/test_lightning.py", "the engine is one folder"),
    "engines/lightning/module": ("engines/test_lightning.py", "the engine is one folder"),
    "engines/lightning/own_module": ("engines/test_lightning.py", "the engine is one folder"),
    "engines/lightning/ranks": ("engines/test_ranks.py", "each engine trains on several devices"),
    "executors/ray/pool": ("executors/ray/test_executor.py", "it runs the units"),
    "executors/processes/__init__": ("executors/test_processes.py", "the executor is one folder"),
    "executors/processes/pool": ("executors/test_processes.py", "the executor is one folder"),
    "data/origin": ("data/test_own_data.py", "an origin holds values that the source of the data repeats"),
    "cli/schema": ("cli/test_commands.py", "the command prints `suite/json_schema`, which has its own tests"),
    "cli/show": ("cli/test_commands.py", "every kind of component is listed and shown in one test"),
    "imported/answers": ("importers/test_predictions.py", "the importer reads answers"),
    "imported/applied_probes": ("importers/test_predictions.py", "probes measure the imported predictions"),
    "imported/arrays": ("importers/test_predictions.py", "arrays and tables give the same answers"),
    "imported/logs": ("importers/test_lm_eval.py", "a log is collected, and compared with what it states"),
    "imported/run_writer": ("cli/test_import_command.py", "the command writes the run"),
    "imported/table_cells": ("importers/test_scores.py", "the importer reads cells"),
    "imported/table_options": ("importers/test_scores.py", "the importer chooses columns"),
    "reports/newest_runs": ("cli/test_leaderboard.py", "`bench leaderboard` shows these runs by default"),
    "store/merging": ("cli/test_merge.py", "the command merges real runs"),
    "models/cnn": ("models/test_every_model.py", "one table trains every model on every kind of task"),
    "models/gradient_boosting": ("models/test_estimators.py", "both estimators are compared with scikit-learn"),
    "models/logistic_regression": ("models/test_estimators.py", "both estimators are compared with scikit-learn"),
    "models/mlp": ("models/test_every_model.py", "one table trains every model on every kind of task"),
    "models/planted_matmul": ("models/test_planted_models.py", "each planted model is a few lines"),
    "models/planted_memory": ("models/test_planted_models.py", "each planted model is a few lines"),
    "models/planted_rule": ("models/test_planted_models.py", "each planted model is a few lines"),
    "models/planted_sleep": ("models/test_planted_models.py", "each planted model is a few lines"),
    "models/planted_words": ("models/test_planted_models.py", "each planted model is a few lines"),
    "models/timm": ("models/test_timm_torchvision.py", "both packages are used in the same way"),
    "models/torchvision": ("models/test_timm_torchvision.py", "both packages are used in the same way"),
    "pretrained/builder": ("models/test_bert.py", "it builds the networks of the models"),
    "pretrained/options": ("components/test_discovery.py", "the fields are read like those of any base of options"),
    "probes/attribution/baselines": ("probes/attribution/test_adapters.py", "an adapter asks for its baseline"),
    "probes/attribution/batch_size": ("probes/attribution/test_methods.py", "methods are given the batch size"),
    "probes/attribution/groups": ("probes/attribution/test_adapters.py", "an adapter makes the groups"),
    "probes/fairness/attribute_leakage": ("probes/fairness/test_probe.py", "the probe yields its metrics and table"),
    "probes/fairness/charts": ("probes/fairness/test_probe.py", "the probe yields the charts"),
    "probes/fairness/classes": ("probes/fairness/test_probe.py", "the probe yields the metrics of classes"),
    "probes/fairness/groups": ("probes/fairness/test_probe.py", "the probe yields the metrics of groups"),
    "probes/fairness/truncation": ("probes/fairness/test_probe.py", "the probe yields the share of unread words"),
    "probes/privacy/accounting": ("probes/privacy/test_probe.py", "the probe yields the guarantee"),
    "training/fitting": ("engines/test_native.py", "every engine trains through it"),
    "training/rank_agreement": ("execution/test_ranks.py", "its processes agree, or are refused"),
    "training/frameworks": ("engines/test_frameworks.py", "the engines of frameworks iterate over it"),
    "training/lightning_modules": ("engines/test_lightning.py", "the engine runs a user's modules"),
    "training/state": ("engines/test_native_options.py", "a resumed training continues from it"),
    "selftest/runner": ("cli/test_selftest.py", "the command runs the whole selftest"),
    "selftest/tolerances": ("selftest/test_expected_values.py", "expected values are tested with their tolerances"),
}
"By module: the test file that tests it, and the reason why there is none of its own name."


@cache
def public_modules() -> dict[str, Path]:
    """Return by module, such as `store/runs`, its own test file; a folder's `__init__` has a folder of tests.

    Modules without a public function or class, such as a version, need no test.
    """
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        if all(node.name.startswith("_") for node in definitions):
            continue
        folder = path.parent.relative_to(PACKAGE)
        if path.stem == "__init__":
            modules[(folder / "__init__").as_posix()] = TESTS / folder
        else:
            modules[(folder / path.stem).as_posix()] = TESTS / folder / f"test_{path.stem}.py"
    return modules


def has_tests(path: Path) -> bool:
    return any(path.glob("test_*.py")) if path.is_dir() else path.is_file()


def elsewhere(module: str) -> str | None:
    """Return the test file of a module that has none of its own name; None if no exception is stated."""
    file, _ = ELSEWHERE.get(module) or FAMILIES.get(module.rpartition("/")[0]) or (None, "")
    return file


def test_every_module_has_a_test_file_of_its_name_or_a_stated_exception() -> None:
    lacking = {
        module: test.relative_to(ROOT).as_posix()
        for module, test in public_modules().items()
        if not has_tests(test) and elsewhere(module) is None
    }
    assert lacking == {}, "add these test files, or state in ELSEWHERE where and why else the module is tested"


def test_exceptions_name_a_test_file_and_a_module_without_one_of_its_own() -> None:
    modules = public_modules()
    needless = [module for module in ELSEWHERE if module not in modules or has_tests(modules[module])]
    assert needless == [], "these have a test file of their name, or do not exist: remove the exception"
    for file, reason in (*FAMILIES.values(), *ELSEWHERE.values()):
        assert (TESTS / file).is_file(), file
        assert reason


def test_no_exception_is_stated_for_a_room_whose_modules_have_test_files() -> None:
    assert all(any(module.rpartition("/")[0] == room for module in public_modules()) for room in FAMILIES)
