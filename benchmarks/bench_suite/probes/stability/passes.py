"""Passes: the predictions of the same test examples in other batches, another order and with other threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_suite.contracts import Trained, describe_error
from bench_suite.training import devices
from bench_suite.training.repeated_passes import predict_in_batches

AGAIN = "second pass"
ORDER = "order"


@dataclass(frozen=True)
class Pass:
    """A way to predict the examples that should not change the predictions."""

    change: str
    "What differs from the evaluation, such as `batch_size=1`."
    batch_size: int
    threads: int | None = None
    "None for the cell's own number."
    shuffled: bool = False
    "Whether the examples come in another order."


@dataclass(frozen=True)
class Differences:
    """What a pass changed, compared with the evaluation."""

    outputs: np.ndarray
    "(n,) float64: largest difference of an example's scores; of a regression, that of its values over the scale."
    classes: np.ndarray | None
    "(n,) bool: whether the predicted class differs; None for a regression."


def passes_of(own_batch: int, own_threads: int, batch_sizes: Sequence[int], threads: Sequence[int]) -> list[Pass]:
    """Return the passes to compare with the evaluation: the same again, then each change by itself.

    Args:
        own_batch: batch size of the evaluation.
        own_threads: threads of the cell.
        batch_sizes: other batch sizes; the evaluation's own is left out.
        threads: other numbers of threads; the cell's own is left out.
    """
    passes = [Pass(AGAIN, own_batch)]
    passes += [Pass(f"batch_size={size}", size) for size in dict.fromkeys(batch_sizes) if size != own_batch]
    passes.append(Pass(ORDER, own_batch, shuffled=True))
    passes += [Pass(f"threads={n}", own_batch, n) for n in dict.fromkeys(threads) if n != own_threads]
    return passes


def compare_passes(
    trained: Trained, rows: np.ndarray, passes: Sequence[Pass], seed: int, on_progress: Callable[[str], None]
) -> Iterator[tuple[Pass, Differences | str]]:
    """Yield what each pass changes compared with the evaluation's own, or why the model failed in it.

    Args:
        trained: the cell.
        rows: (n,) int64, test examples to predict.
        passes: the first is a repetition, whose batch size is that of the evaluation.
        seed: of the other order.
        on_progress: called with the change that is measured.
    """
    scale = float(trained.data.spec.get("scale", 1.0))
    with devices.fork_generators():
        on_progress("stability, evaluation")
        reference = _predicted(trained, rows, Pass("", passes[0].batch_size), seed)
        for one in passes:
            on_progress(f"stability, {one.change}")
            try:
                columns = _predicted(trained, rows, one, seed)
            except Exception as error:  # noqa: BLE001 - a model may fail in any way on batches of another size
                yield one, f"the model fails in this pass: {describe_error(error)}"
                continue
            yield one, differences(reference, columns, scale)


def _predicted(trained: Trained, rows: np.ndarray, one: Pass, seed: int) -> dict[str, np.ndarray]:
    """Return the columns of one pass in the order of `rows`, with the predictions at the cell's threshold."""
    order = np.random.default_rng(seed).permutation(len(rows)) if one.shuffled else np.arange(len(rows))
    batches = [rows[order[start : start + one.batch_size]] for start in range(0, len(rows), one.batch_size)]
    columns: Any = predict_in_batches(trained, batches, one.threads)
    if trained.threshold is not None:
        problem: Any = trained.problem
        columns = problem.predictions_at(columns, trained.data.spec, trained.threshold)
    back = np.argsort(order)
    return {name: np.asarray(columns[name])[back] for name in ("predictions", "scores") if name in columns}


def differences(first: dict[str, np.ndarray], second: dict[str, np.ndarray], scale: float) -> Differences:
    """Return how two passes over the same examples differ.

    Args:
        first: `predictions` (n,), and perhaps `scores` (n, classes).
        second: the same of the other pass.
        scale: standard deviation of the training targets of a regression.
    """
    if first["predictions"].dtype.kind not in "iu":
        change = np.abs(first["predictions"].astype(np.float64) - second["predictions"]) / scale
        return Differences(_infinite_for_nan(change), None)
    classes = first["predictions"] != second["predictions"]
    if "scores" in first:
        change = np.abs(first["scores"].astype(np.float64) - second["scores"]).max(axis=1)
    else:
        change = classes.astype(np.float64)
    return Differences(_infinite_for_nan(change), classes)


def _infinite_for_nan(change: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(change), np.inf, change)
