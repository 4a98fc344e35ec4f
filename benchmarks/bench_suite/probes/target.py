"""Target: the time, epochs and samples that a training needed to reach `[train] target`."""

from __future__ import annotations

from collections.abc import Iterator

from bench_suite.contracts import Metric, Trained

VERSION = 1
QUESTION = "training"
NEEDS = ("target",)
METRICS = {
    "seconds": {
        "title": "time to the target",
        "about": "seconds of training until the metric reached its target on the validation split",
        "unit": "s",
        "better": "lower",
        "range": (0.0, None),
        "timing": True,
    },
    "epochs": {
        "title": "epochs to the target",
        "about": "epochs of training until the metric reached its target on the validation split",
        "unit": "epochs",
        "better": "lower",
        "range": (0.0, None),
    },
    "samples": {
        "title": "examples to the target",
        "about": "training examples seen until the metric reached its target on the validation split",
        "unit": "samples",
        "better": "lower",
        "range": (0.0, None),
    },
}


def probe(trained: Trained, options: None) -> Iterator[Metric]:
    """Yield seconds, epochs and samples of training until the metric on the validation split first reached the target.

    Seconds are those of the training loop, without evaluations, loading of data and building of the model (MLPerf
    counts more, Mattson et al. 2020, arXiv 1910.01500). The metric is evaluated after each epoch, so the resolution of
    all three is one epoch. If the target was not reached, there is no value, and the reason contains the best value.
    """
    history = trained.history
    target = history.target if history is not None else None
    if history is None:
        reason = "nothing was trained here"
    elif trained.network is None:
        reason = "an estimator fits itself, without a target"
    elif target is None:
        reason = 'the training had no target; to set one: [train] target = { "quality/accuracy" = 0.97 }'
    elif not target["reached"]:
        best = target.get("best")
        best_seen = "it was never defined" if best is None else f"the best was {best:.4g}"
        reason = f"{target['metric']} did not reach {target['wanted']:g} in {len(history.epochs)} epochs: {best_seen}"
    else:
        seconds = float(target["seconds"])
        yield Metric("seconds", seconds, samples=(seconds,), kind="single")
        varies = "it varies with the seed"
        yield Metric("epochs", float(target["epochs"]), varies, kind="single")
        yield Metric("samples", float(target["samples"]), varies, kind="single")
        return
    for name in METRICS:
        yield Metric(name, None, reason)
