"""Claims about permutation importance, with scikit-learn's as the outside view."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression

import bench_suite
from bench_suite.contracts import BenchError, Metric, Predictions
from bench_suite.data.splits import Changed, MemorySplit, column
from bench_suite.data.table_inputs import TableInput, table_inputs
from bench_suite.probes import importance


class Cell:
    """A cell whose model is one of scikit-learn."""

    def __init__(self, model, table, target, spec=None, clusters=None, chunk=None):
        self.model, self.chunk = model, chunk
        split = MemorySplit(np.arange(len(table)), {"table": table, "target": target}, clusters=clusters)
        self.data = SimpleNamespace(spec=spec or {}, splits={"test": split})
        self.shown = []
        self.on_progress = self.shown.append

    def predictions(self, split, change=None):
        source = self.data.splits[split] if change is None else Changed(self.data.splits[split], change)
        rows = np.arange(len(source))
        if self.chunk is None:
            table = source.take(rows)["table"]
        else:  # in parts, from behind
            table = np.empty((len(source), 3))
            for part in reversed(np.array_split(rows, self.chunk)):
                table[part] = source.take(part[::-1])["table"][::-1]
        targets = column(self.data.splits[split], "target")
        return Predictions(split, source.ids, {"targets": targets, "predictions": self.model.predict(table)})


@pytest.fixture(scope="module")
def classes():
    random = np.random.default_rng(0)
    table = random.normal(size=(2000, 3))
    target = (table @ [2.0, 1.0, 0.0] + random.normal(size=2000) > 0).astype(np.int64)
    return table, target, LogisticRegression(C=1e3).fit(table, target)


def by_column(cell, **options):
    items = list(importance.probe(cell, importance.Options(**options)))
    return {item.at["column"]: item for item in items if isinstance(item, Metric)}, items[-1]


def test_the_drop_of_the_accuracy_is_scikit_learns(classes):
    table, target, model = classes
    oracle = permutation_importance(model, table, target, n_repeats=40, random_state=1)
    metrics, chart = by_column(Cell(model, table, target), repeats=40)
    for number, metric in enumerate(metrics.values()):
        error = np.hypot(oracle.importances[number].std(), np.std(metric.samples)) / 40**0.5
        assert metric.value == pytest.approx(oracle.importances_mean[number], abs=5 * error + 1e-4)
        assert metric.name == "accuracy_drop"
        assert metric.interval.low <= metric.value <= metric.interval.high
        assert (metric.n, len(metric.samples)) == (2000, 40)
    assert list(chart.data["bars"]) == ["column 0", "column 1", "column 2"]


def test_with_the_same_shuffles_the_drop_is_scikit_learns_to_the_last_digit(classes, monkeypatch):
    table, target, model = classes
    state = np.random.RandomState(7)
    oracle = permutation_importance(model, table, target, n_repeats=5, random_state=7)
    seed = state.randint(np.iinfo(np.int32).max + 1)  # one for all columns, as scikit-learn draws it
    orders = {}
    for number in range(3):
        generator, order, whole = np.random.RandomState(seed), np.arange(2000), np.arange(2000)
        for repeat in range(5):
            generator.shuffle(order)
            whole = whole[order]  # it shuffles what it has shuffled
            orders[number, repeat] = whole
    calls = iter(orders.values())
    monkeypatch.setattr(
        importance.np.random, "default_rng",
        lambda seed: SimpleNamespace(permutation=lambda n: next(calls)) if isinstance(seed, tuple) else rng(seed),
    )  # fmt: skip
    metrics, _ = by_column(Cell(model, table, target))
    for number, metric in enumerate(metrics.values()):
        assert metric.samples == pytest.approx(oracle.importances[number], abs=1e-12)


rng = np.random.default_rng


def test_the_drop_of_r2_is_scikit_learns():
    random = np.random.default_rng(0)
    table = random.normal(size=(1500, 3))
    target = table @ [3.0, 1.0, 0.0] + random.normal(size=1500)
    model = LinearRegression().fit(table, target)
    oracle = permutation_importance(model, table, target, n_repeats=40, random_state=1)
    metrics, chart = by_column(Cell(model, table, target), repeats=40)
    for number, metric in enumerate(metrics.values()):
        error = np.hypot(oracle.importances[number].std(), np.std(metric.samples)) / 40**0.5
        assert metric.value == pytest.approx(oracle.importances_mean[number], abs=5 * error + 1e-4)
        assert metric.name == "r2_drop"
    assert chart.data["y"] == "drop of the R²"


def test_the_drop_of_a_rule_on_planted_columns_is_the_known_one():
    """Four columns ±1 plus noise, and the rule is the sign of their sum: Φ(2) before, (Φ(2) + Φ(1)) / 2 after."""
    random = np.random.default_rng(3)
    target = np.arange(20_000) % 2
    table = random.normal(size=(20_000, 4)) + (2.0 * target - 1)[:, None]
    rule = SimpleNamespace(predict=lambda table: (table.sum(axis=1) > 0).astype(np.int64))
    metrics, _ = by_column(Cell(rule, table, target), repeats=3)
    known = norm.cdf(2) - (norm.cdf(2) + norm.cdf(1)) / 2
    for metric in metrics.values():
        assert metric.value == pytest.approx(known, abs=0.006)
        assert metric.interval.low < known < metric.interval.high


def test_a_column_that_is_not_used_has_no_drop_at_all(classes):
    table, target, _ = classes
    rule = SimpleNamespace(predict=lambda table: (table[:, 0] > 0).astype(np.int64))
    metrics, _ = by_column(Cell(rule, table, target))
    for name in ("column 1", "column 2"):
        assert (metrics[name].value, metrics[name].interval) == (0.0, None)
        assert metrics[name].reason == "no prediction changed in any shuffle"
    assert metrics["column 0"].value > 0.2


def test_two_runs_give_the_same_and_the_order_of_reading_does_not_matter(classes):
    table, target, model = classes
    (first, _), (second, _), (other, _) = (by_column(Cell(model, table, target, chunk=c)) for c in (None, None, 7))
    assert first == second
    assert first == other


def test_equal_rows_get_each_shuffled_value_once():
    table = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    change = importance.shuffled(table, TableInput("b", (1,)), np.array([1, 0, 3, 2]))
    changed = change({"table": table})["table"]
    assert sorted(changed[:, 1]) == [0.0, 1.0, 1.0, 1.0]
    assert (changed[:, 0] == 1.0).all()


def test_missing_values_are_shuffled_like_others():
    table = np.array([[np.nan, 1.0], [2.0, np.nan], [3.0, 3.0]])
    changed = importance.shuffled(table, TableInput("a", (0,)), np.array([2, 0, 1]))({"table": table, "target": 1})
    assert (
        sorted(changed["table"][:, 0].tolist(), key=str) == [2.0, 3.0, np.nan] or np.isnan(changed["table"]).sum() == 2
    )
    assert changed["target"] == 1


def test_the_numbers_of_a_category_move_together():
    table = np.eye(3)[np.random.default_rng(0).integers(0, 3, 50)]
    (job,) = table_inputs({"columns": ("j=a", "j=b", "j=c"), "raw_columns": ("j",) * 3, "kinds": ("category",) * 3}, 3)
    changed = importance.shuffled(table, job, np.roll(np.arange(50), 1))({"table": table})["table"]
    assert (changed.sum(axis=1) == 1).all()
    assert (changed.sum(axis=0) == table.sum(axis=0)).all()
    assert (changed != table).any()


def test_clusters_widen_the_interval(classes):
    table, target, model = classes
    whole, clusters = (np.repeat(part, 5, axis=0) for part in ((table[:200], np.arange(200))))
    whole = whole + np.random.default_rng(0).normal(size=whole.shape) * 1e-9
    repeated = np.repeat(target[:200], 5)
    (plain, _), (clustered, _) = (by_column(Cell(model, whole, repeated, clusters=c)) for c in (None, clusters))
    for name in ("column 0", "column 1"):
        assert clustered[name].interval.over == "clusters"
        assert clustered[name].interval.high - clustered[name].interval.low > plain[name].interval.high - (
            plain[name].interval.low
        )


def test_a_column_that_there_is_not_is_refused_with_those_that_there_are(classes):
    table, target, model = classes
    cell = Cell(model, table, target, {"columns": ("a", "b", "c")})
    metrics, _ = by_column(cell, columns=("c",))
    assert list(metrics) == ["c"]
    with pytest.raises(BenchError, match='the table has no column "d"; it has: a, b, c'):
        by_column(cell, columns=("d",))


def test_one_test_example_has_no_drop_because_no_other_could_give_it_a_value(classes):
    table, target, model = classes
    metrics, _ = by_column(Cell(model, table[:1], target[:1]))
    assert all(metric.value is None and "one test example" in metric.reason for metric in metrics.values())


def test_equal_targets_of_a_regression_have_a_reason():
    table = np.random.default_rng(0).normal(size=(20, 2))
    model = SimpleNamespace(predict=lambda table: table[:, 0])
    metrics, _ = by_column(Cell(model, table, np.ones(20)))
    assert all(metric.value is None and "all equal" in metric.reason for metric in metrics.values())


@pytest.mark.parametrize("model", ["mlp", "gradient_boosting"])
def test_networks_and_estimators_have_it_in_a_run(tmp_path, model):
    suite = tmp_path / "suite.toml"
    suite.write_text(
        f'[[tasks]]\nuse = "planted_columns"\nsize = 600\nnoise = 2\n[[models]]\nuse = "{model}"\n'
        "[train]\nepochs = 5\nlearning_rate = 1e-2\n[matrix]\nthreads = 1\n[probes.importance]\nrepeats = 2\n"
    )
    (record,) = bench_suite.run(suite, results=tmp_path / "results").records
    assert record.probes["importance"].status == "ok", record.probes
    drops = {row.at["column"]: row for row in record.metrics}
    assert list(drops) == [*(f"signal {n}" for n in range(1, 5)), "noise 1", "noise 2"]
    assert min(drops[f"signal {n}"].value for n in range(1, 5)) > max(drops[f"noise {n}"].value for n in (1, 2))
    assert [row.name for row in record.artifacts if row.kind == "bars"] == ["importance/permutation"]


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 4])
@pytest.mark.parametrize("n", [100, 400, 2000])
def test_the_interval_covers_the_known_drop_and_that_of_examples_alone_is_too_narrow(columns, n):
    """A rule that adds columns, each ±1 by class plus noise: 400 test splits, 200 resamples, five shuffles."""
    known = (norm.cdf(columns**0.5) - norm.cdf((columns - 2) / columns**0.5)) / 2
    random, covered, alone, trials = np.random.default_rng(0), 0, 0, 400
    for _ in range(trials):
        target = np.arange(n) % 2
        table = random.normal(size=(n, columns)) + (2.0 * target - 1)[:, None]
        total = table.sum(axis=1)
        orders = np.stack([random.permutation(n) for _ in range(5)])
        after = np.stack([(total - table[:, 0] + table[order, 0] > 0) != target for order in orders])
        drops = after - ((total > 0) != target).astype(float)
        interval = importance.summarised("accuracy_drop", TableInput("a", (0,)), drops, orders, None, 200).interval
        covered += interval.low <= known <= interval.high
        of_examples, _ = importance.bootstrap_interval(
            importance._mean, {"values": drops.mean(axis=0)}, resamples=200
        )  # fmt: skip
        alone += of_examples.low <= known <= of_examples.high
    print(f"{columns} columns, {n} examples: {covered / trials:.3f}, of examples alone {alone / trials:.3f}")
    assert covered / trials > 0.94
    assert covered >= alone
