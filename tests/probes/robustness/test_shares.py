"""Shares: the interval is that of Clopper and Pearson, and over clusters a bootstrap."""

from __future__ import annotations

import numpy as np

from bench_suite.probes.robustness.shares import share_metric


def test_examples_of_one_cluster_widen_the_interval():
    hits = np.repeat(np.arange(20) % 2 == 0, 50)
    alone = share_metric("flip_rate", hits, {"form": "x"})
    together = share_metric("flip_rate", hits, {"form": "x"}, clusters=np.repeat(np.arange(20), 50))
    assert alone.value == together.value == 0.5
    assert (alone.interval.over, together.interval.over) == ("examples", "clusters")
    width = [metric.interval.high - metric.interval.low for metric in (alone, together)]
    assert width[1] > 5 * width[0]


def test_a_share_of_nothing_in_clusters_has_a_reason_and_no_interval():
    metric = share_metric("flip_rate", np.zeros(100, dtype=bool), {}, clusters=np.repeat(np.arange(10), 10))
    assert metric.value == 0.0
    assert metric.interval is None
    assert metric.reason
