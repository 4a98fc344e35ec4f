"""A summary over cells: it is stored beside the records, covers all of them, and is recomputed after a resume."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

MODELS = ("one in five", "one in six", "one in twenty", "two in five")
FAR_APART = ("one in five", "one in twenty", "two in five")


def _accuracies(walked: Any, metric: Callable[..., float], models: tuple[str, ...] = MODELS) -> np.ndarray:
    """Return the accuracies (seeds, models)."""
    return np.array([[metric(walked.record(seed=s, model=m), "quality/accuracy") for m in models] for s in range(4)])


def test_it_is_what_the_mean_rank_correlation_of_all_pairs_of_seeds_says(
    walk: Any, metric: Callable[..., float]
) -> None:
    walked = walk("summary")
    values = _accuracies(walked, metric)
    assert all(len(set(row)) == len(MODELS) for row in values), "ties would ask for a corrected W"
    mean = np.mean([spearmanr(values[a], values[b]).statistic for a, b in combinations(range(4), 2)])
    (concordance,), _ = walked.run.summaries()
    assert concordance.name == "agreement/concordance"
    assert concordance.at == {"task": "loans"}
    assert concordance.value == pytest.approx((3 * mean + 1) / 4)
    assert 0.5 < concordance.value < 1.0  # one seed ranks the two similar models the other way round


def test_models_far_apart_are_ranked_alike_by_every_seed(prepare: Any, metric: Callable[..., float]) -> None:
    walked = prepare("summary")
    only = [f"model={name}" for name in FAR_APART]
    arguments = [word for choice in only for word in ("--only", choice)]
    assert walked.bench("run", "suite.toml", "--trust", *arguments).status == 0
    assert walked.run.summaries()[0][0].value == 1.0
    # A resume adds the other cells; the summary then covers all of them.
    assert walked.bench("run", "suite.toml", "--trust", "--resume").status == 0
    assert walked.count_lines() == 16
    assert walked.run.summaries()[0][0].value < 1.0
    _, (artifact,) = walked.run.summaries()
    assert [row[0] for row in walked.run.read_artifact(artifact).data["rows"]] == list(MODELS)


def test_no_record_holds_it(walk: Any) -> None:
    for record in walk("summary").records:
        assert record.probes["agreement"].status == "ok"
        assert not [row for row in record.metrics if row.name.startswith("agreement/")]


def test_a_gate_on_it_is_judged_once_for_the_run(prepare: Any) -> None:
    walked = prepare("summary")
    suite = walked.folder / "suite.toml"
    whole = suite.read_text()
    for rules, status, verdict in (("min = 0.5", 0, "passed"), ("max = 0.5", 1, "failed")):
        suite.write_text(f'{whole}\n[gate]\n"agreement/concordance" = {{ {rules} }}\n')
        ended = walked.bench("run", "suite.toml", "--trust")
        assert ended.status == status, ended.err
        assert f"gate {verdict}: agreement/concordance, all cells (task loans)" in ended.out


def test_one_that_raises_costs_the_summary_and_no_record(prepare: Any, metric: Callable[..., float]) -> None:
    walked = prepare("summary")
    file = walked.folder / "probe.py"
    file.write_text(
        file.read_text().replace("    tables: dict", '    raise LookupError("no ranks")\n    tables: dict', 1)
    )
    ended = walked.bench("run", "suite.toml", "--trust", "--only", "seed=0")
    assert ended.status == 3
    assert "no ranks" in ended.err
    assert metric(walked.record(seed=0, model="one in twenty"), "quality/accuracy") > 0.9
