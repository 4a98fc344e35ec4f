"""Positive class: which of two classes is the one that is looked for."""

from __future__ import annotations

from dataclasses import replace

from bench_suite.contracts import Data, DataInvalid
from bench_suite.suite.checks import positive_error


def with_positive(data: Data, positive: str | None, task: str) -> Data:
    """Return the data with the number of the positive class as `spec["positive"]`.

    Without it, metrics take the second class, number 1.

    Args:
        data: that were loaded.
        positive: name of the class; None states none.
        task: name of the task, for the message.

    Raises:
        DataInvalid: there are not two classes, or none of that name.
    """
    if positive is None:
        return data
    names = [str(name) for name in data.spec.get("classes", ())]
    if message := positive_error(positive, task, names):
        raise DataInvalid(message)
    return replace(data, spec={**data.spec, "positive": names.index(positive)})
