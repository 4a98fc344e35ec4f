"""One declarative file, one command: train, evaluate and compare models, every number with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench_suite._version import __version__ as __version__

if TYPE_CHECKING:
    import pandas as pd

    from bench_suite.execution.session import Outcome
    from bench_suite.reports.comparison import Compared
    from bench_suite.store.runs import Run


def run(
    suite: str | Path,
    *,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    keyword: str = "",
    results: str | Path = "results",
    resume: str | None = None,
    stale: Literal["keep", "redo"] | None = None,
    smoke: bool = False,
    offline: bool = False,
    trust: bool = False,
    stop_at_first: bool = False,
    tensorboard: bool = False,
) -> Outcome:
    """Run a suite, as `bench run` does, and return its outcome; nothing is printed.

    Args:
        suite: a TOML file, or the name of a suite that ships with the package.
        overrides: changes of the suite, as for `--set`.
        only: values of axes to select, as for `--only`.
        keyword: an expression that selects cells, as for `-k`.
        results: the folder of all runs.
        resume: `"newest"` or the id of the run to resume; None starts a new run.
        stale: what a resume does with cells whose source or data have changed; None raises an error.
        smoke: use few examples and one epoch, to find errors only.
        offline: use no network.
        trust: run the Python files that the suite names.
        stop_at_first: stop at the first cell that fails, as `-x` does.
        tensorboard: write event files for TensorBoard beside the records, as `log = ["tensorboard"]` in `[run]` does.

    Returns:
        The run, its records and how it ended. A cell that fails is one of `Outcome.records`.

    Raises:
        contracts.BenchError: the input is wrong.
    """
    from bench_suite.execution.callbacks import RunCallback
    from bench_suite.execution.selection import select
    from bench_suite.execution.session import Request, execute
    from bench_suite.store.runs import Store
    from bench_suite.suite.parser import read_suite
    from bench_suite.suite.plan import make_plan
    from bench_suite.suite.trackers import with_tracker

    stated = read_suite(str(suite), overrides)
    stated = with_tracker(stated, "tensorboard") if tensorboard else stated
    plan = select(make_plan(stated, only), keyword)
    request = Request(smoke, offline, trust, resume, stale, stop_at_first=stop_at_first)
    return execute(plan, Store(Path(results)), request, RunCallback())


def load(name: str | Path = "latest", *, results: str | Path = "results") -> Run:
    """Return a stored run.

    Args:
        name: the run's id, the beginning of its id, its path, or `latest`.
        results: the folder of all runs.

    Raises:
        contracts.BenchError: there is no such run, or several.
    """
    from bench_suite.store.runs import Store

    return Store(Path(results)).open(name)


def frame(run: Run) -> pd.DataFrame:
    """Return the metrics of a run as a pandas data frame: one row for each metric of each cell."""
    from bench_suite.reports.frames import metrics

    return metrics(run)


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
        contracts.BenchError: a run does not exist or is a smoke run, or the two have no cell in common.

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
    from bench_suite.reports.comparison import Compared
    from bench_suite.store.runs import Run, Store

    store = Store(Path(results))
    later = head if isinstance(head, Run) else head_run(store, head)
    return Compared.of(
        compare_runs(base if isinstance(base, Run) else base_for(store, str(base), later), later, trust=trust)
    )


def evaluate_module(use: str | Path, **settings: Any) -> Any:
    """Return a metric as an `evaluate.EvaluationModule`, like `evaluate.load("accuracy")` but without a network.

    The module's `compute` accepts `references` (the function's `targets`), `prediction_scores` (its `scores`),
    `predictions` and further columns by name, and the function's options as keywords. It returns `{name: value}` with
    the value of the function. If the metric is undefined, `compute` raises the function's ValueError.

    Args:
        use: the name of a metric (`bench list metrics`), or the path of a file that contains one.
        settings: arguments of the module's constructor, such as `keep_in_memory` or `experiment_id`.

    Raises:
        contracts.BenchError: there is no such metric, or `evaluate` is not installed.

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
        contracts.BenchError: there is no such metric, or the folder cannot be written.

    Example:
        ```python
        evaluate.load(bench_suite.evaluate_path("accuracy"))
        ```
    """
    from bench_suite.huggingface import evaluate_export

    return evaluate_export.evaluate_path(use)
