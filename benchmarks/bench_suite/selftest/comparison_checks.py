"""Check `bench compare` on two runs that are made from one cell's stored predictions.

Base holds the predictions as they are. In head a known number of right answers is made wrong, and of wrong ones right,
so that the difference, its p-value and the verdict are known in advance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench_suite.comparison.between import Configuration, PairedDifference
from bench_suite.comparison.between import differences as between_configurations
from bench_suite.comparison.compare import Comparison, compare
from bench_suite.comparison.rescoring import RESAMPLES
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import Interval, MetricRow, Predictions, ProbeRow, Record
from bench_suite.selftest.checks import Check, Measured, around, exactly, options_of
from bench_suite.selftest.tolerances import OFTEN, SIGMAS
from bench_suite.stats.letters import letter_display
from bench_suite.store.runs import Run, Store
from bench_suite.suite.plan import Cell

METRIC, RESAMPLED, TIMING = "quality/accuracy", "quality/balanced_accuracy", "throughput/train"
"Metrics that are compared answer by answer, by resampling answers, and by processes."
TOLERANCE = 0.01
"Tolerance of the accuracy."
MARGIN = 0.05
"Tolerance of the rate, as a share of it."
REGRESSED, NOT_WORSE, CANNOT_TELL = 1, 0, 4
"Exit statuses of `bench compare`."
RATES = (980.0, 990.0, 1000.0, 1010.0, 1020.0)
"Rates of five processes of base, in samples/s."
SLOWER = 0.9
"Rates of head's processes, as a share of base's."


@dataclass(frozen=True)
class Changed:
    """Changes of head's answers against base's, under one seed."""

    worse: int
    "Right answers that are made wrong."
    better: int
    "Wrong answers that are made right."


DROP = Changed(25, 10)
BEYOND = Changed(35, 0)
NONE = Changed(20, 20)
FEW = Changed(1, 0)
SEEDS = (Changed(20, 0), Changed(30, 0), Changed(40, 0))
"Each seed changes other examples, so that examples and seeds both add variance."


def of_verdicts(cell: Cell) -> Iterator[Check]:
    """Yield checks of a drop, of none, of too few examples, of several seeds and metrics, and of a rate."""
    from scipy import stats

    n = options_of(cell, "task").test
    yield exactly("compare, a drop: difference", cell, (DROP.better - DROP.worse) / n, _difference(cell, [[DROP]]))
    yield exactly("compare, a drop: p", cell, mid_p(DROP), _p(cell, [[DROP]]))
    yield exactly("compare, two drops: p", cell, 2 * mid_p(DROP), _p(cell, [[DROP], [DROP]]))
    # The examples' own variance exceeds that of a drop of just the tolerance, so this is Student's test.
    p = stats.ttest_1samp(differences([BEYOND], n)[0], -TOLERANCE, alternative="less").pvalue
    yield exactly("compare, beyond tolerance: p", cell, float(p), _p(cell, [[BEYOND]], TOLERANCE))
    for words, cells, examples, status in (
        ("a drop", [[BEYOND]], None, REGRESSED),
        ("no drop", [[NONE]], None, NOT_WORSE),
        ("ten examples", [[FEW]], 10, CANNOT_TELL),
    ):
        name = f"compare, {words}: status"
        yield exactly(name, cell, status, _status(cell, cells, TOLERANCE, examples=examples))
    half = interval_half(differences(SEEDS, n))
    yield exactly("compare, three seeds: interval", cell, half, _half(cell, [SEEDS]))
    yield from _other_checks(cell, n)
    yield from _checks_of_pairs(cell)
    head = np.log(RATES) + math.log(SLOWER)
    p = stats.ttest_ind(head - math.log1p(-MARGIN), np.log(RATES), equal_var=False, alternative="less").pvalue
    yield exactly("compare, a slower rate: change", cell, SLOWER - 1, _rate(cell, lambda row: row.difference))
    yield exactly("compare, a slower rate: p", cell, float(p), _rate(cell, lambda row: row.p))


def _other_checks(cell: Cell, n: int) -> Iterator[Check]:
    """Yield checks of metrics without a gate, and of a metric that is not a mean over examples."""
    from scipy import stats

    # The correction leaves three equal p-values as they are (Benjamini and Hochberg 1995).
    ungated = [[DROP]] * 3
    yield exactly("compare, three not gated: p", cell, 2 * mid_p(DROP), _p(cell, ungated, gated=False))
    yield exactly("compare, three not gated: status", cell, 0, _status(cell, ungated, gated=False))
    # With classes of equal size the balanced accuracy is the accuracy, except for how many of each class are drawn.
    d = differences([DROP], n)[0]
    half = float(stats.t.ppf(0.975, n - 1)) * float(d.std(ddof=1)) / math.sqrt(n)
    yield around(
        "compare, resampled: interval", cell, half, SIGMAS * half / math.sqrt(2 * RESAMPLES),
        f"a deviation of {RESAMPLES} resamples, {OFTEN}", read=_half(cell, [[DROP]], RESAMPLED),
    )  # fmt: skip


def _checks_of_pairs(cell: Cell) -> Iterator[Check]:
    """Yield checks of three models of one run, two of them equal: p for three pairs, and who can be told apart."""
    models = (Changed(0, 0), Changed(0, 0), DROP)
    # Two of three two-sided tests have the same p, and the third has 1: Holm's rule multiplies both by 3.
    p = 3 * 2 * mid_p(DROP)

    def rows(measured: Measured) -> list[PairedDifference]:
        return compare_models(measured, cell, models)

    def groups(measured: Measured) -> float:
        different = [(one.base, one.head) for one in rows(measured) if one.row.verdict == "worse"]
        return len(set(letter_display(len(models), different)))

    yield exactly("compare, three models: p", cell, p, lambda m: min(_number(one.row.p) for one in rows(m)))
    yield exactly("compare, three models: groups that differ", cell, 2, groups)


def mid_p(changed: Changed) -> float:
    """Return the one-sided mid-p of McNemar's exact test: P(X > worse) + P(X = worse) / 2 for differing answers."""
    coins = changed.worse + changed.better
    above = sum(math.comb(coins, heads) for heads in range(changed.worse + 1, coins + 1))
    return (above + math.comb(coins, changed.worse) / 2) / 2**coins


def differences(seeds: Sequence[Changed], n: int) -> np.ndarray:
    """Return (S, n) of −1, 0 and 1: head's answers minus base's; each seed changes examples of its own."""
    d, start = np.zeros((len(seeds), n)), 0
    for row, changed in zip(d, seeds):
        row[start : start + changed.worse] = -1
        row[start + changed.worse : start + changed.worse + changed.better] = 1
        start += changed.worse + changed.better
    return d


def interval_half(d: np.ndarray) -> float:
    """Return half of the 95 % interval of the mean of d, (S, n), from mean squares of a two-way table.

    V = (MS_examples + MS_seeds − MS_residual) / (S n), but no less than either of the first two alone. The table is
    without replication; the degrees of freedom are Satterthwaite's.
    """
    from scipy import stats

    seeds, n = d.shape
    of_example, of_seed, mean = d.mean(axis=0), d.mean(axis=1, keepdims=True), d.mean()
    examples = seeds * float(np.square(of_example - mean).sum()) / (n - 1)
    between = n * float(np.square(of_seed - mean).sum()) / (seeds - 1)
    residual = float(np.square(d - of_example - of_seed + mean).sum()) / ((n - 1) * (seeds - 1))
    variance = max(examples + between - residual, examples, between)
    df = variance**2 / (examples**2 / (n - 1) + between**2 / (seeds - 1))
    return float(stats.t.ppf(0.975, df)) * math.sqrt(variance / (seeds * n))


# ── readers of a comparison ─────────────────────────────────────────────────────────────────────────

Reader = Callable[[Measured], float]
Cells = Sequence[Sequence[Changed]]
"Changes by model and seed."


def _status(cell: Cell, cells: Cells, tolerance: float | None = None, **options: Any) -> Reader:
    return lambda measured: compare_changed(measured, cell, cells, tolerance, **options).status


def _difference(cell: Cell, cells: Cells) -> Reader:
    return lambda measured: _number(compare_changed(measured, cell, cells).rows[0].difference)


def _p(cell: Cell, cells: Cells, tolerance: float | None = None, **options: Any) -> Reader:
    """Return a reader of the greatest p-value of the rows."""
    return lambda measured: max(
        _number(row.p) for row in compare_changed(measured, cell, cells, tolerance, **options).rows
    )


def _half(cell: Cell, cells: Cells, name: str = METRIC) -> Reader:
    def half(measured: Measured) -> float:
        # A single metric without a gate has the interval of its level, 95 %.
        comparison = compare_changed(measured, cell, cells, name=name, gated=False)
        low, high = comparison.rows[0].interval or (math.nan, math.nan)
        return (high - low) / 2

    return half


def _rate(cell: Cell, field: Callable[[Row], float | None]) -> Reader:
    return lambda measured: _number(field(compare_slowed(measured, cell).rows[0]))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


# ── two runs ────────────────────────────────────────────────────────────────────────────────────


def compare_changed(
    measured: Measured, cell: Cell, cells: Cells, tolerance: float | None = None, *,
    examples: int | None = None, gated: bool = True, name: str = METRIC,
) -> Comparison:  # fmt: skip
    """Compare models under several seeds whose answers are those of the cell, changed in head.

    Args:
        measured: the measured run.
        cell: the cell whose predictions are taken.
        cells: the changes, by model and seed.
        tolerance: the metric's; None for a gate without one.
        examples: how many of the cell's examples are kept, with one wrong answer among them; None for all.
        gated: whether the suite has a gate on the metric.
        name: name of a metric that is the share of right answers.
    """
    record, predictions = measured.record(cell), _first(measured.predictions(cell), examples)
    base, head = [], []
    for model, seeds in enumerate(cells):
        worse = better = 0
        for seed, changed in enumerate(seeds):
            twin = replace(
                record, id=f"{model}-{seed}", cell={**record.cell, "model": f"planted {model}", "seed": seed}
            )
            after = _change_answers(predictions, changed, worse, better)
            base.append((_with_share(twin, predictions, name), predictions))
            head.append((_with_share(twin, after, name), after))
            worse, better = worse + changed.worse, better + changed.better
    rules = {} if tolerance is None else {"tolerance": tolerance}
    return _compare(measured, record, {name: rules} if gated else {}, base, head)


def compare_slowed(measured: Measured, cell: Cell) -> Comparison:
    """Compare a cell whose rates over five processes are, in head, a share `SLOWER` of those in base."""
    record = measured.record(cell)
    sides = [[(_with_rates(record, [share * rate for rate in RATES]), None)] for share in (1.0, SLOWER)]
    return _compare(measured, record, {TIMING: {"tolerance": f"{MARGIN:.0%}"}}, *sides)


def compare_models(measured: Measured, cell: Cell, models: Sequence[Changed]) -> list[PairedDifference]:
    """Compare all pairs of models of one run whose answers are those of the cell, each changed in its own way."""
    record, predictions = measured.record(cell), measured.predictions(cell)
    cells = []
    for number, changed in enumerate(models):
        twin = replace(record, id=f"{number}", cell={**record.cell, "model": f"planted {number}", "seed": 0})
        after = _change_answers(predictions, changed, 0, 0)
        cells.append((_with_share(twin, after, METRIC), after))
    run = _store_run(Store(measured.run.path.parent), measured.run, record.environment, {}, cells)
    configurations = [Configuration(str(one.cell["model"]), ((run, one),)) for one in run.records()]
    pairs = [(base, head) for head in range(len(models)) for base in range(head)]
    return between_configurations(configurations, pairs, [(METRIC, ())])


Side = Sequence[tuple[Record, Predictions | None]]


def _compare(measured: Measured, record: Record, gate: Mapping[str, Any], *sides: Side) -> Comparison:
    """Store both sides as runs beside the measured one, and compare them as `bench compare` does."""
    store = Store(measured.run.path.parent)
    return compare(*(_store_run(store, measured.run, record.environment, gate, side) for side in sides))


def _store_run(store: Store, source: Run, environment: str, gate: Mapping[str, Any], side: Side) -> Run:
    info = {key: source.info[key] for key in ("version", "git") if key in source.info}
    run = store.create("planted", {**info, "gate": gate})
    environment_name = run.add_environment(source.environment(environment))
    with run.writer() as writer:
        for record, predictions in side:
            rows = () if predictions is None else (run.write_predictions(record.id, "test", predictions),)
            writer.write(replace(record, run=run.name, environment=environment_name, artifacts=rows))
    return run


def _first(predictions: Predictions, examples: int | None) -> Predictions:
    """Return this number of the examples, all but one of them with a right answer; None returns all examples."""
    if examples is None:
        return predictions
    right = predictions["predictions"] == predictions["targets"]
    rows = np.concatenate([np.flatnonzero(right)[: examples - 1], np.flatnonzero(~right)[:1]])
    columns = {name: np.asarray(values)[rows] for name, values in predictions.columns.items()}
    return Predictions(predictions.split, predictions.ids[rows], columns)


def _change_answers(predictions: Predictions, changed: Changed, worse: int, better: int) -> Predictions:
    """Return the examples with changed answers, beyond the first `worse` right and `better` wrong ones."""
    answers = np.array(predictions["predictions"])
    right = answers == predictions["targets"]
    rows = np.concatenate(
        [
            np.flatnonzero(right)[worse : worse + changed.worse],
            np.flatnonzero(~right)[better : better + changed.better],
        ]
    )
    answers[rows] = 1 - answers[rows]
    scores = np.array(predictions["scores"])
    scores[rows] = scores[rows, ::-1]
    return replace(predictions, columns={**predictions.columns, "predictions": answers, "scores": scores})


def _with_share(record: Record, predictions: Predictions, name: str) -> Record:
    """Return the record with the share of right answers as the value of a metric."""
    share = float((predictions["predictions"] == predictions["targets"]).mean())
    row = MetricRow(name, share, "fraction", "higher", "planted", n=len(predictions), of_predictions=True)
    return _with_metric(record, row)


def _with_rates(record: Record, rates: Sequence[float]) -> Record:
    interval = Interval(min(rates), max(rates), over="processes")
    median = sorted(rates)[len(rates) // 2]
    row = MetricRow(TIMING, median, "samples/s", "higher", interval=interval, samples=tuple(rates), n=len(rates))
    return _with_metric(record, row)


def _with_metric(record: Record, row: MetricRow) -> Record:
    return replace(record, metrics=(row,), probes={row.name.partition("/")[0]: ProbeRow("ok", "planted")})
