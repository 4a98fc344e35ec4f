"""Target: the time, epochs and samples that a training took to be good enough, as `[train] target` asks for."""

from __future__ import annotations

from collections.abc import Iterator

from bench_suite.contracts import Metric, Trained

VERSION = 1
NEEDS = ("target",)
METRICS = {
    "seconds": {"unit": "s", "better": "lower", "timing": True},
    "epochs": {"unit": "epochs", "better": "lower"},
    "samples": {"unit": "samples", "better": "lower"},
}


def probe(trained: Trained, options: None) -> Iterator[Metric]:
    """Seconds of training, epochs and samples seen when the metric on the validation split first was as good as wanted.

    Seconds are those of the training loop: evaluating in between, loading data and building the model are not among
    them (MLPerf counts more, Mattson et al. 2020, arXiv 1910.01500). The metric is looked at after each epoch, so all
    three are right to one epoch. Where the target was not reached there is no value, and the reason tells the best that
    was seen: a model that never gets there has no time.
    """
    history = trained.history
    target = history.target if history is not None else None
    if history is None:
        why = "nothing was trained here"
    elif trained.network is None:
        why = "the model fits itself, and without a target"
    elif target is None:
        why = 'the training had no target; a suite sets one with [train] target = { "quality/accuracy" = 0.97 }'
    elif not target["reached"]:
        best = target.get("best")
        seen = "it was never defined" if best is None else f"the best was {best:.4g}"
        why = f"{target['metric']} did not reach {target['wanted']:g} in {len(history.epochs)} epochs: {seen}"
    else:
        seconds = float(target["seconds"])
        yield Metric("seconds", seconds, samples=(seconds,), kind="single")
        varies = "another order of random numbers takes another count"
        yield Metric("epochs", float(target["epochs"]), varies, kind="single")
        yield Metric("samples", float(target["samples"]), varies, kind="single")
        return
    for name in METRICS:
        yield Metric(name, None, why)
