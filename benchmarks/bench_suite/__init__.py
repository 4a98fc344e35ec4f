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
    """Run a suite, as `bench run` does, and return what came of it; nothing is printed.

    Arguments: `suite`, a file or the name of one that ships; `overrides` as `--set` takes them, `only` as `--only`
    and `keyword` as `-k` does; `resume`, `"newest"` or a run's id, and `stale`, what it does with cells whose source
    or data changed since; `stop_at_first`, as `-x`, ends it at the first cell that fails; `tensorboard` writes event
    files beside the records.
    Raises `contracts.BenchError` where the input is wrong; a cell that fails is a record in `Outcome.records`.
    """
    from bench_suite.execution.callbacks import RunCallback
    from bench_suite.execution.selection import select
    from bench_suite.execution.session import Request, execute
    from bench_suite.exporters.tensorboard import follow
    from bench_suite.store.runs import Store
    from bench_suite.suite.parser import read_suite
    from bench_suite.suite.plan import make_plan

    plan = select(make_plan(read_suite(str(suite), overrides), only), keyword)
    request = Request(smoke, offline, trust, resume, stale, stop_at_first=stop_at_first)
    callback = follow(RunCallback(), Path(results), resume) if tensorboard else RunCallback()
    return execute(plan, Store(Path(results)), request, callback)


def load(name: str | Path = "latest", *, results: str | Path = "results") -> Run:
    """A stored run: its id, the first letters of it, a path, or `latest`. Raises `contracts.BenchError`."""
    from bench_suite.store.runs import Store

    return Store(Path(results)).open(name)


def frame(run: Run) -> pd.DataFrame:
    """The metrics of a run as a pandas data frame, one row a metric of a cell (`reports.frames.metrics`)."""
    from bench_suite.reports.frames import metrics

    return metrics(run)


def compare(base: Run | str | Path, head: Run | str | Path = "latest", *, results: str | Path = "results") -> Compared:
    """Compare a run with an earlier one, as `bench compare` does: paired by test example, by the gates of `head`.

    Arguments: `base` and `head`, runs as `load` or `run(…).run` gives them, or what names one there; `base` may also be
    `baseline` (that of head's suite), the name of a baseline, or `latest`, the newest run of the suite before `head`.
    Raises `contracts.BenchError` where a run is not known, is a smoke run, or the two have no cell in common.

        found = bench_suite.compare("baseline")
        found.verdict      # "regressed", "failed", "cannot tell", "not worse" or "not judged"
        found.frame()      # one row a metric, worst first
        print(found.markdown())
    """
    from bench_suite.comparison.baselines import base_run, head_run
    from bench_suite.comparison.compare import compare as compared
    from bench_suite.reports.comparison import Compared
    from bench_suite.store.runs import Run, Store

    store = Store(Path(results))
    newer = head if isinstance(head, Run) else head_run(store, head)
    older = base if isinstance(base, Run) else base_run(store, str(base), str(newer.info["suite"]), before=newer)
    return Compared.of(compared(older, newer))


def evaluate_module(use: str | Path, **settings: Any) -> Any:
    """A metric as an `evaluate.EvaluationModule`: what `evaluate.load("accuracy")` gives, but with no network.

    Arguments: `use`, the name of a file in metrics/ (`bench list metrics`) or the path of a file with one; `settings`
    as the module's constructor takes them, such as `keep_in_memory` or `experiment_id`. Its `compute` takes
    `references` for what the function calls `targets`, `prediction_scores` for its `scores`, `predictions` and further
    columns by their names, and options of the function as keywords; it gives `{name: value}`, the very number that the
    function gives. Where the metric is undefined, `compute` raises the function's ValueError. Raises BenchError where
    there is no such metric or `evaluate` is not installed.

        bench_suite.evaluate_module("accuracy").compute(predictions=[0, 1], references=[0, 0])   # {"accuracy": 0.5}
    """
    from bench_suite.huggingface import evaluate_export

    return evaluate_export.evaluate_module(use, **settings)


def evaluate_path(use: str | Path) -> str:
    """A folder that `evaluate.load` takes in the place of an id, for programs that load their metrics themselves.

    It holds a script of a few lines that finds the metric here; it is written into the cache (`$BENCH_CACHE`, else
    `~/.cache/bench-suite`). Raises BenchError where there is no such metric or the folder cannot be written.

        evaluate.load(bench_suite.evaluate_path("accuracy"))
    """
    from bench_suite.huggingface import evaluate_export

    return evaluate_export.evaluate_path(use)
