"""Restoring: weights that an earlier training of a run kept, and whether they still predict what was stored then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench_suite.contracts import Network, Predictions
from bench_suite.execution.context import RunContext
from bench_suite.store import formats
from bench_suite.store.atomic import StoreError
from bench_suite.suite.plan import Unit

if TYPE_CHECKING:
    from bench_suite.execution.trained import Trained

TOLERANCE = 2e-3
"""Greatest difference between scores that older files store as float16, and between two machines of one kind."""
FLIPPED = 1e-3
"""Greatest fraction of whole numbers, such as classes, that may differ: two scores may be nearly equal."""


def restore(trained: Trained, unit: Unit, weights: str, context: RunContext) -> Literal["none", "restored", "differs"]:
    """Load the weights and the history that an earlier training of this unit kept.

    Args:
        trained: the cell with its model as it was built; changed in place.
        unit: of the cell.
        weights: key of the weights.
        context: of the run.

    Returns:
        `restored`; `none` if no weights are kept under this key, and nothing was changed; `differs` if the network with
        these weights does not predict what is stored, so that it has to be built again.
    """
    if not isinstance(trained.model, Network):
        return "none"
    weights_and_history = context.run.read_weights(unit.id, weights)
    if weights_and_history is None:
        return "none"
    from bench_suite.training.checkpoints import load_module_state

    state, trained.history = weights_and_history
    try:
        load_module_state(trained.model.module, state)
    except (RuntimeError, ValueError):  # the module's state depends on what it saw in training
        return "differs"
    return "restored" if _predicts_as_stored(trained, unit, context) else "differs"


def _predicts_as_stored(trained: Trained, unit: Unit, context: RunContext) -> bool:
    """Return whether the test predictions equal the stored ones; True if none are stored."""
    for cell in unit.cells:
        record = context.earlier.get(cell.id)
        rows = () if record is None or record.status != "ok" else record.artifacts
        row = next((row for row in rows if row.name == "predictions/test"), None)
        if row is None:
            continue
        try:
            stored = context.run.read_predictions(row)
        except StoreError:
            continue
        context.callback.step(cell, "checking the weights")
        return _agree(stored, trained.for_cell(cell, None).predictions("test"))
    return True


def _agree(stored: Predictions, predictions: Predictions) -> bool:
    """Return whether predictions equal stored ones, as far as the format of the store and rounding permit."""
    again = formats.predictions_from_parquet(formats.predictions_to_parquet(predictions))
    if not np.array_equal(stored.ids, again.ids) or stored.columns.keys() != again.columns.keys():
        return False
    # With many classes, the classes of the smallest stored scores are in no certain order.
    names = stored.columns.keys() - {"targets", "score_classes"}
    return all(_equal(stored.columns[name], again.columns[name]) for name in names)


def _equal(stored: Any, again: Any) -> bool:
    """Return whether two columns are equal: numbers within `TOLERANCE`, and whole numbers but for `FLIPPED` of them."""
    if not isinstance(stored, np.ndarray) or not isinstance(again, np.ndarray):
        stored, again = (np.asarray(_flat(values)) for values in (stored, again))
    if stored.shape != again.shape:
        return False
    if stored.dtype.kind == "f":
        finite = np.abs(stored[np.isfinite(stored)])
        scale = float(finite.max()) if finite.size else 0.0
        return bool(np.allclose(stored, again, rtol=TOLERANCE, atol=TOLERANCE * min(1.0, scale), equal_nan=True))
    return int((stored != again).sum()) <= math.floor(FLIPPED * stored.size)


def _flat(values: Any) -> list[Any]:
    """Return the entries of nested lists, in order."""
    if isinstance(values, list | tuple | np.ndarray):
        return [entry for value in values for entry in _flat(value)]
    return [values]
