"""One declarative file, one command: train, evaluate and compare models, every number with its uncertainty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Literal

from bench_suite._version import __version__ as __version__

if TYPE_CHECKING:
    import pandas as pd
    from evaluate import EvaluationModule

    from bench_suite.contracts import BenchError as BenchError
    from bench_suite.execution.callbacks import RunCallback
    from bench_suite.execution.session import Outcome
    from bench_suite.reports.compared import Compared as Compared
    from bench_suite.reports.metric_history import MetricHistory as MetricHistory
    from bench_suite.reports.ranking import Leaderboard as Leaderboard
    from bench_suite.reports.run_outcome import RunOutcome as RunOutcome
    from bench_suite.reports.stored_run import StoredRun as StoredRun
    from bench_suite.store.runs import Run as Run
    from bench_suite.suite.plan import Plan
    from bench_suite.suite.spec import Suite

__all__ = [
    "BenchError",
    "Compared",
    "Leaderboard",
    "MetricHistory",
    "Run",
    "RunOutcome",
    "StoredRun",
    "__version__",
    "cells",
    "compare",
    "evaluate_module",
    "evaluate_path",
    "frame",
    "history",
    "leaderboard",
    "load",
    "predictions",
    "report",
    "run",
]
_CLASSES = {
    "BenchError": "contracts",
    "Compared": "reports.compared",
    "Leaderboard": "reports.ranking",
    "MetricHistory": "reports.metric_history",
    "Run": "store.runs",
    "RunOutcome": "reports.run_outcome",
    "StoredRun": "reports.stored_run",
}
"Modules of the classes that programs may name in annotations; each is imported when it is used."

if not TYPE_CHECKING:  # a type checker knows them from above, and reports every other name

    def __getattr__(name: str) -> object:
        if name not in _CLASSES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_CLASSES[name]}"), name)


def run(
    suite: str | Path,
    *,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    keyword: str = "",
    results: str | Path = "results",
    against: Run | str | Path | None = None,
    seeds: int | Literal["all"] | None = None,
    resume: str | None = None,
    stale: Literal["keep", "redo"] | None = None,
    smoke: bool = False,
    offline: bool = False,
    trust: bool = False,
    stop_at_first: bool = False,
    tensorboard: bool = False,
    progress: bool | None = None,
) -> RunOutcome:
    """Run a suite, as `bench run` does, and return its outcome.

    Args:
        suite: a TOML file, or the name of a suite that ships with the package.
        overrides: changes of the suite, as for `--set`.
        only: values of axes to select, as for `--only`.
        keyword: an expression that selects cells, as for `-k`.
        results: the folder of all runs.
        against: the run to compare with, as for `--against`: a `Run`, or a name as for `compare`. If the suite states
            `[gate] seeds`, both sides get more seeds as long as a gate is undecided.
        seeds: the number of seeds to begin with, or `"all"`, as for `--seeds`.
        resume: `"newest"` or the id of the run to resume; None starts a new run.
        stale: what a resume does with cells whose source or data have changed; None raises an error.
        smoke: use few examples and one epoch, to find errors only.
        offline: use no network.
        trust: run the Python files that the suite names.
        stop_at_first: stop at the first cell that fails, as `-x` does.
        tensorboard: write event files for TensorBoard beside the records, as `log = ["tensorboard"]` in `[run]` does.
        progress: whether to show the progress; None shows it in a notebook, and if standard error is a terminal.

    Returns:
        The run, its records, the verdicts of its gates and the comparison. A cell that fails is one of `records`.

    Raises:
        BenchError: the input is wrong.

    Example:
        ```python
        outcome = bench_suite.run("mine.toml", against="baseline")
        outcome.verdict                   # "regressed", "not worse", …
        outcome.comparison.frame()        # one row for each metric, worst first
        outcome.run                       # a stored run: in a notebook, its leaderboard
        ```
    """
    from bench_suite.comparison.decide_gates import base_of_plan, decide_gates
    from bench_suite.comparison.exit_status import combined, exit_status
    from bench_suite.contracts import BenchError
    from bench_suite.execution.more_seeds import run_to_resume, seeded, with_seeds_of_run
    from bench_suite.execution.selection import select
    from bench_suite.execution.session import Request, execute
    from bench_suite.reports.run_outcome import RunOutcome, compared, judged_gates
    from bench_suite.store.arguments import RUN_OR_NAME, TEXT, check, check_each, check_results
    from bench_suite.store.runs import Run, Store
    from bench_suite.suite.parser import read_suite
    from bench_suite.suite.plan import make_plan
    from bench_suite.suite.spec import locate
    from bench_suite.suite.trackers import with_tracker

    check("suite", suite, (str, Path), "a TOML file, or the name of a suite that ships")
    check_each("overrides", overrides, str, 'a list such as ["train.epochs=5"]', TEXT)
    check_each("only", only, str, 'a list such as ["model=mlp"]', TEXT)
    check("keyword", keyword, str, TEXT)
    check("against", against, (Run, str, Path, NoneType), RUN_OR_NAME)
    check("resume", resume, (str, NoneType), "'newest', the id of a run, or None")
    check_results(results)
    if against is not None and smoke:
        raise BenchError("a smoke run is never compared: leave out smoke=True, or against")
    store, notes = Store(Path(results)), list[str]()

    def plan_of(other: Suite) -> Plan:
        return select(make_plan(other, only), keyword)

    def execute_plan(plan: Plan, resume: str | None) -> Outcome:
        request = Request(smoke, offline, trust, resume, stale, stop_at_first=stop_at_first)
        with _showing(plan, progress) as callback:
            return execute(plan, store, request, callback)

    stated = read_suite(str(suite), overrides)
    stated = with_tracker(stated, "tensorboard") if tensorboard else stated
    plan = plan_of(seeded(stated, None if seeds is None else str(seeds)))
    if resume is not None:
        plan = with_seeds_of_run(plan, plan_of, run_to_resume(plan, store, resume))
    base = None
    if against is not None:
        base = base_of_plan(plan, store, against if isinstance(against, Run) else str(against), resume)
    outcome = execute_plan(plan, resume)
    if base is not None:
        path = locate(str(suite))
        decided = decide_gates(plan, outcome, base, path, store, plan_of, execute_plan, notes.append, offline=offline)
        plan, outcome, base = decided.plan, decided.outcome, decided.base
    comparison = None if base is None else compared(base, outcome, notes)
    gates = judged_gates(plan, outcome, compared=comparison is not None, smoke=smoke)
    status = exit_status(outcome, gates, plan.suite.fail_on)
    if base is not None:
        status = combined(status, 4 if comparison is None else comparison.status)
    return RunOutcome.of(outcome, comparison, gates, notes, status)


@contextmanager
def _showing(plan: Plan, progress: bool | None) -> Iterator[RunCallback]:
    """Show the progress of a run in a notebook or on standard error, or nowhere."""
    import sys

    from bench_suite.execution.callbacks import RunCallback
    from bench_suite.reports.notebook_progress import NotebookProgress, in_notebook

    if progress is False or not (progress or in_notebook() or sys.stderr.isatty()):
        yield RunCallback()
    elif in_notebook():
        display = NotebookProgress(len(plan.cells))
        try:
            yield display
        finally:
            display.close()
    else:
        from bench_suite.cli.progress import progress_for

        with progress_for(plan.cells) as callback:
            yield callback


def load(name: str | Path = "latest", *, results: str | Path = "results") -> StoredRun:
    """Return a stored run. It prints as its leaderboard; a notebook shows tables.

    Args:
        name: the run's id, the beginning of its id, its path, or `latest`.
        results: the folder of all runs.

    Raises:
        BenchError: there is no such run, or several.
    """
    from bench_suite.reports.stored_run import StoredRun
    from bench_suite.store.arguments import NAME, check, check_results
    from bench_suite.store.runs import Store

    check("name", name, (str, Path), NAME)
    check_results(results)
    return StoredRun.of(Store(Path(results)).open(name))


# ── data frames ─────────────────────────────────────────────────────────────────────────────────


def frame(*runs: Run) -> pd.DataFrame:
    """Return the metrics of runs as a pandas data frame: one row for each metric of each cell.

    Args:
        runs: the runs, such as `load()`, or `outcome.run`.

    Returns:
        A frame with the columns of this table.

    A name in capitals stands for each label of a cell (`task`, `model`, `engine`, `precision`, `seed`, `fold`,
    `train.epochs`, …), and for each coordinate of a metric (`at.batch_size`, …).

    | column | type | unit | meaning | missing |
    |---|---|---|---|---|
    | `run` | str | | id of the run | never |
    | `suite` | str | | name of the suite | never |
    | `id` | str | | id of the cell, equal across runs and machines | never |
    | `LABEL` | as in the suite | | label of the cell | no such axis, or a model without engine |
    | `data` | str | | name of the data set | the cell ended before its data were loaded |
    | `status` | str | | how the cell ended: `ok`, `failed`, `unavailable`, `interrupted` | never |
    | `metric` | str | | `probe/metric` | never |
    | `at.COORDINATE` | str or float64 | | coordinate of the value | the metric has no such coordinate |
    | `value` | float64 | `unit` | the value | it could not be measured: see `reason` |
    | `low`, `high` | float64 | `unit` | ends of the confidence interval | no interval |
    | `level` | float64 | share | confidence level of the interval, such as 0.95 | no interval |
    | `over` | str | | what varies: `examples`, `clusters`, `seeds`, `processes`, `folds` | no interval |
    | `n` | Int64 | examples | number of examples, or of other units, behind the value | unknown |
    | `unit` | str | | unit of value and interval; empty if there is none | never |
    | `better` | str | | which values are better: `higher`, `lower`, `none` | never |
    | `kind` | str | | `estimate`, `exact` (a count) or `single` (one observation) | never |
    | `reason` | str | | why there is no value or no interval | nothing to say |
    """
    from bench_suite.reports.frames import metrics
    from bench_suite.store.arguments import check_runs

    check_runs(runs)
    return metrics(runs)


def cells(*runs: Run) -> pd.DataFrame:
    """Return the cells of runs as a pandas data frame: one row for each cell, with status, reason and times.

    Args:
        runs: the runs.

    Returns:
        A frame with the columns of this table; names in capitals as in `frame`.

    | column | type | unit | meaning | missing |
    |---|---|---|---|---|
    | `run` | str | | id of the run | never |
    | `suite` | str | | name of the suite | never |
    | `id` | str | | id of the cell, equal across runs and machines | never |
    | `LABEL` | as in the suite | | label of the cell | no such axis, or a model without engine |
    | `data` | str | | name of the data set | the cell ended before its data were loaded |
    | `train`, `validation`, `test` | Int64 | examples | number of examples of the split | no such split, or as `data` |
    | `status` | str | | how the cell ended: `ok`, `failed`, `unavailable`, `interrupted` | never |
    | `reason` | str | | why the cell did not end well | it did |
    | `failed_probes` | str | | labels of the probes that failed, with commas between, or empty | never |
    | `started` | datetime64[ns, UTC] | | start of the cell | imported results that do not state it |
    | `smoke` | bool | | whether the run was a smoke run | never |
    | `machine_busy` | bool | | whether the machine was busy when the run began | never |
    | `weights_reused` | bool | | whether weights of an earlier training were measured | never |
    | `seconds.PART` | float64 | s | time of `data`, `build`, `encode`, `train`, `probes`, `total` | no such part |
    """
    from bench_suite.reports.frames import cells as cells_of
    from bench_suite.store.arguments import check_runs

    check_runs(runs)
    return cells_of(runs)


def predictions(*runs: Run, split: str = "test", **labels: object) -> pd.DataFrame:
    """Return stored predictions as a pandas data frame: one row for each example of each cell.

    Args:
        runs: the runs.
        split: name of the split. `quality` stores `test`; `generalization` stores `train` and shifts.
        labels: the cells to read, by their labels: `model="mlp", seed=0`. Default: all that stored the split.

    Returns:
        A frame with the columns of this table, and further ones of the problem, such as `cluster`.

    | column | type | unit | meaning | missing |
    |---|---|---|---|---|
    | `run` | str | | id of the run | never |
    | `suite` | str | | name of the suite | never |
    | `id` | str | | id of the cell, equal across runs and machines | never |
    | `LABEL` | as in the suite | | label of the cell | no such axis, or a model without engine |
    | `example` | int64 | | id of the example, equal across cells, runs and machines | never |
    | `target` | as in the data | | what is right: the number of a class, or a value | none imported |
    | `prediction` | as in the data | | what the model predicts | none imported |
    | `score.CLASS` | float32 | | score of the class of this number | other problems, and more than 100 classes |
    | `group.NAME` | as in the data | | sensitive attribute of the example | the data have no such attribute |

    Raises:
        BenchError: none of the cells stored predictions on the split, or a file is damaged.
    """
    from bench_suite.reports.frames import predictions as predictions_of
    from bench_suite.store.arguments import check, check_runs

    check_runs(runs)
    check("split", split, str, "the name of a split, such as 'test'")
    return predictions_of(runs, split, labels)


# ── comparing ───────────────────────────────────────────────────────────────────────────────────


def compare(
    base: Run | str | Path, head: Run | str | Path = "latest", *, results: str | Path = "results", trust: bool = False
) -> Compared:
    """Compare a run with an earlier one, as `bench compare` does: paired by test example, with the gates of `head`.

    Args:
        base: the earlier run: a `Run`, or a name as for `load`. It may also be `baseline` (the baseline of head's
            suite), the name of a baseline, `latest` (the newest run of the suite before `head`), or `last:5` (the mean
            of the newest five runs of the main branch).
        head: the later run: a `Run`, or a name as for `load`.
        results: the folder of all runs.
        trust: run the files of metrics that head's suite names by path, so that these are paired by example too.

    Raises:
        BenchError: a run does not exist or is a smoke run, or the two have no cell in common.

    Example:
        ```python
        comparison = bench_suite.compare("baseline")
        comparison.verdict      # "regressed", "failed", "cannot tell", "not worse" or "not judged"
        comparison.frame()      # one row for each metric, worst first
        print(comparison.markdown())
        ```
    """
    from bench_suite.comparison.baselines import base_for, head_run
    from bench_suite.comparison.compare import compare as compare_runs
    from bench_suite.reports.compared import Compared
    from bench_suite.store.arguments import RUN_OR_NAME, check, check_results
    from bench_suite.store.runs import Run, Store

    check("base", base, (Run, str, Path), RUN_OR_NAME)
    check("head", head, (Run, str, Path), RUN_OR_NAME)
    check_results(results)
    store = Store(Path(results))
    later = head if isinstance(head, Run) else head_run(store, head)
    return Compared.of(
        compare_runs(base if isinstance(base, Run) else base_for(store, str(base), later), later, trust=trust)
    )


def leaderboard(
    runs: Run | str | Path | Sequence[Run | str | Path] | None = None,
    *,
    results: str | Path = "results",
    reference: str | None = None,
    against: Run | str | Path | None = None,
) -> Leaderboard:
    """Return the leaderboard of runs, as `bench leaderboard` does; it prints as tables, and nothing is written.

    Args:
        runs: a run or several: each a `Run`, or a name as for `load`. None takes the newest complete run of each suite.
        results: the folder of all runs.
        reference: the model that the others are compared with, or `best`; default: that of the newest suite that states
            one.
        against: what the change of the ranking metric is since: a run, `baseline`, `latest` or `last:5`, as for
            `compare`; default: the baseline of each suite that has one.

    Raises:
        BenchError: there is no run, the reference is no model of these runs, or none can be compared with `against`.

    Example:
        ```python
        board = bench_suite.leaderboard(reference="logistic_regression")
        print(board)                 # what the command prints
        board.frame()                # one row for each value, with interval and rank
        board.tables[0].rows[0]      # the best row of the first table, typed
        ```
    """
    from bench_suite.reports.newest_runs import newest_of_each
    from bench_suite.reports.ranking import Leaderboard
    from bench_suite.store.arguments import RUN_OR_NAME, check, check_each, check_results
    from bench_suite.store.atomic import StoreError
    from bench_suite.store.commands import bench
    from bench_suite.store.runs import Run, Store

    check_results(results)
    check("reference", reference, (str, NoneType), "the name of a model, 'best', or None")
    check("against", against, (Run, str, Path, NoneType), f"{RUN_OR_NAME}, 'baseline', 'latest', or None")
    if runs is not None and not isinstance(runs, Run | str | Path):
        runs = [*runs] if isinstance(runs, Iterable) else runs
        check_each("runs", runs, (Run, str, Path), f"{RUN_OR_NAME}, or a list of these", RUN_OR_NAME)
    store, notes = Store(Path(results)), list[str]()
    if runs is None:
        chosen = newest_of_each(store, notes.append)
    else:
        names = [runs] if isinstance(runs, Run | str | Path) else runs
        chosen = [name if isinstance(name, Run) else store.open(name) for name in names]
    if not chosen:
        command = bench("run", "quickstart", results=Path(results))
        raise StoreError(f"{results} holds no run that can be ranked\n  make one with: {command}")
    notes += [f"damaged and left out: {text}" for text in store.damages]
    base = str(against.path) if isinstance(against, Run) else against
    return Leaderboard.of(chosen, reference, notes, None if base is None else str(base))


def history(
    metric: str,
    *,
    suite: str | None = None,
    tasks: str | Sequence[str] = (),
    models: str | Sequence[str] = (),
    hardware: str = "",
    branch: str | None = None,
    dirty: bool = False,
    least: float | None = None,
    results: str | Path = "results",
) -> MetricHistory:
    """Return since when a metric is better or worse, over all runs of a suite, as `bench history` does.

    Args:
        metric: name of the metric, such as `quality/accuracy`; `accuracy` is enough if there is one such name.
        suite: only runs of this suite; None takes each suite with the metric.
        tasks: only cells of this task, or of these.
        models: only cells of this model, or of these.
        hardware: only runs on processors or accelerators whose name contains this text.
        branch: only runs of this git branch.
        dirty: also runs whose files differed from the commit.
        least: the smallest change that counts: a share for times and rates (0.05 is 5 %), else in the unit of the
            metric. None: 0.02 for times and rates, 0.005 for metrics from 0 to 1, 1 % of the median for others.
        results: the folder of all runs.

    Raises:
        BenchError: no run has the metric, no series matches, or no run can be shown.

    Example:
        ```python
        accuracy = bench_suite.history("quality/accuracy", suite="ci", models="mlp")
        frame = accuracy.frame()               # one row for each run of each series
        frame[frame["direction"] == "worse"]   # the runs with which it became worse
        ```
    """
    from bench_suite.comparison.history.changes import Filter, histories
    from bench_suite.reports.metric_history import MetricHistory, require_series
    from bench_suite.store.arguments import TEXT, check, check_each, check_results
    from bench_suite.store.runs import Store

    check("metric", metric, str, "the name of a metric, such as 'quality/accuracy'")
    for parameter, value in {"suite": suite, "branch": branch}.items():
        check(parameter, value, (str, NoneType), f"{TEXT} or None")
    check("hardware", hardware, str, TEXT)
    check("least", least, (int, float, NoneType), "a number or None")
    for parameter, names in {"tasks": tasks, "models": models}.items():
        if not isinstance(names, str):
            check_each(parameter, names, str, "a name or a list of names", "a name")
    check_results(results)
    shown = Filter(_as_tuple(tasks), _as_tuple(models), hardware)
    known = histories(
        Store(Path(results)), metric, suite=suite, repository=Path.cwd(), branch=branch, dirty=dirty, least=least,
        shown=shown,
    )  # fmt: skip
    require_series(known, shown, branch)
    return MetricHistory(known[0].metric, tuple(known))


def _as_tuple(words: str | Sequence[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def report(run: Run, path: str | Path, *, reference: str | None = None) -> Path:
    """Write the report of a run as Markdown with pictures, as `bench report` does, and return its path.

    Args:
        run: the run.
        path: the file to write; pictures go into a folder beside it.
        reference: the model that the others are compared with, or `best`; default: that of the suite.

    Raises:
        BenchError: the file cannot be written, or the reference is no model of the run.
    """
    from bench_suite.reports.markdown import write_report
    from bench_suite.reports.table import check_reference
    from bench_suite.store.arguments import PATH, RUN, check
    from bench_suite.store.runs import Run

    check("run", run, Run, RUN)
    check("path", path, (str, Path), PATH)
    check("reference", reference, (str, NoneType), "the name of a model, 'best', or None")
    check_reference(reference, [run])
    return write_report([run], Path(path), reference)[0]


# ── metrics for other programs ──────────────────────────────────────────────────────────────────


def evaluate_module(use: str | Path, **settings: object) -> EvaluationModule:
    """Return a metric as an `evaluate.EvaluationModule`, like `evaluate.load("accuracy")` but without a network.

    The module's `compute` accepts `references` (the function's `targets`), `prediction_scores` (its `scores`),
    `predictions` and further columns by name, and the function's options as keywords. It returns `{name: value}` with
    the value of the function. If the metric is undefined, `compute` raises the function's ValueError.

    Args:
        use: the name of a metric (`bench list metrics`), or the path of a file that contains one.
        settings: arguments of the module's constructor, such as `keep_in_memory` or `experiment_id`.

    Raises:
        BenchError: there is no such metric, or `evaluate` is not installed.

    Example:
        ```python
        bench_suite.evaluate_module("accuracy").compute(predictions=[0, 1], references=[0, 0])  # {"accuracy": 0.5}
        ```
    """
    from bench_suite.huggingface import evaluate_export

    return evaluate_export.evaluate_module(use, **settings)


def evaluate_path(use: str | Path) -> str:
    """Return a folder that `evaluate.load` accepts instead of an id, for programs that load their metrics themselves.

    The folder contains a short script that finds the metric here. It is written into the cache: `$BENCH_CACHE`, or
    `~/.cache/bench-suite` if that is not set.

    Args:
        use: the name of a metric (`bench list metrics`), or the path of a file that contains one.

    Raises:
        BenchError: there is no such metric, or the folder cannot be written.

    Example:
        ```python
        evaluate.load(bench_suite.evaluate_path("accuracy"))
        ```
    """
    from bench_suite.huggingface import evaluate_export

    return evaluate_export.evaluate_path(use)
