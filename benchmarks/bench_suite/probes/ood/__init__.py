"""OOD: whether a classifier can tell its test examples from those of a shift or of another task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from bench_suite.components import discovery
from bench_suite.components.options import MISSING
from bench_suite.contracts import Artifact, BenchError, Metric, OptionError, Trained, error_text
from bench_suite.data.splits import clusters_of, column
from bench_suite.probes.ood import charts
from bench_suite.probes.ood.detection import MIN_EXAMPLES, Scored, estimates
from bench_suite.probes.ood.outputs import NO_LAYER, Outputs, outputs_of
from bench_suite.probes.ood.scores import ClassGaussians, likeliest_class, negative_energy, neighbour_score
from bench_suite.stats.probabilities import require_probabilities

VERSION = 1
QUESTION = "generalisation"
PROBLEMS = ("classification",)
METRICS = {
    "auroc": {
        "title": "separation from unfamiliar examples",
        "about": "probability that a test example gets a higher score than an unfamiliar one; 0.5 is chance",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "source": "Hendrycks and Gimpel 2017, arXiv 1610.02136",
    },
    "fpr_at_95_tpr": {
        "title": "unfamiliar examples that pass",
        "about": "share of unfamiliar examples that pass the threshold that 95 % of the test examples pass",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Liang et al. 2018, arXiv 1706.02690",
    },
    "examples": {"about": "number of compared examples", "unit": "examples", "better": "none", "range": (0.0, None)},
}
NAMES = {"against": "tasks"}
NEEDS_UNLESS = {"against": ("shift",)}
OPTION_NEEDS = {
    "methods": {"energy": ("gradients",), "mahalanobis": ("gradients",), "nearest_neighbours": ("gradients",)},
}
BOUNDS = {
    "neighbours": (1, None),
    "train_examples": (2, None),
    "examples": (20, None),
    "resamples": (100, None),
}
SMOKE = {"resamples": 100, "train_examples": 100, "neighbours": 3}
OF_FEATURES = ("mahalanobis", "nearest_neighbours")
"Methods that compare features with those of training examples."


@dataclass(frozen=True)
class Options:
    against: tuple[str, ...] = ()
    """Other tasks, whose test examples the model should distinguish from its own: names of tasks (`fashion_mnist`) or
    paths of files. The shifts of the cell's own task are always compared. The other tasks have their default options,
    but `data = "sample"` applies to them too if they have a sample."""
    methods: tuple[Literal["max_softmax", "energy", "mahalanobis", "nearest_neighbours"], ...] = (
        "max_softmax",
        "energy",
        "mahalanobis",
        "nearest_neighbours",
    )
    "Scores to compare."
    neighbours: int = 10
    "Rank of the training example to which the distance is measured; 1 is the nearest."
    train_examples: int = 5000
    "Largest number of training examples whose features are used; of more, this many are drawn."
    examples: int = 5000
    "Largest number of examples of test, and of each other set; of more, this many are drawn."
    resamples: int = 1000
    "Bootstrap resamples for each interval."


def check(options: Options) -> None:
    """Check that there are methods and enough training examples, and that the other tasks need no options.

    Raises:
        OptionError: one of these is not the case, or two other tasks have the same name.
    """
    if not options.methods:
        raise OptionError("methods is empty: name a score, or leave the option out for all four", "methods")
    if options.neighbours > options.train_examples and "nearest_neighbours" in options.methods:
        raise OptionError(
            f"neighbours = {options.neighbours} needs as many training examples, but train_examples = "
            f"{options.train_examples}: raise it, or lower neighbours",
            "neighbours",
        )
    seen: dict[str, str] = {}
    for use in options.against:
        component = discovery.find("tasks", use, Path())
        other = seen.setdefault(component.name, use)
        if other != use:
            raise OptionError(f"{other} and {use} are both called {component.name}; rename one of the files", "against")
        required = [name for name, option in component.options.items() if option.default is MISSING]
        if required:
            raise OptionError(
                f"{use} cannot be loaded with its default options, because it needs {', '.join(required)}; name the "
                "file of a task that needs no options",
                "against",
            )


@dataclass(frozen=True)
class OtherSet:
    """A set of examples that the scores should distinguish from the test split."""

    name: str
    "`shift:NAME`, or the name of a task."
    trained: Trained | None = None
    "The cell that has the examples."
    split: str = "test"
    reason: str = ""
    "Why there are none."


@dataclass
class Model:
    """The scores of one trained model, with what they need of the training examples."""

    trained: Trained
    options: Options
    on_progress: Callable[[str], None]
    seed: int
    _train: Outputs | None = None
    _gaussians: ClassGaussians | None = None
    _targets: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def scores(self, trained: Trained, split: str, name: str) -> dict[str, Scored | str]:
        """Return the scores of a split by method, each for the same examples, or the reason why there are none."""
        examples = trained.data.splits[split]
        rows = self._drawn(len(examples), self.options.examples)
        clusters = clusters_of(examples)
        clusters = None if clusters is None else np.asarray(clusters)[rows]
        if self.trained.network is None:
            values = self._of_estimator(trained, split, rows)
        else:
            outputs = outputs_of(
                trained, split, rows, lambda done: self.on_progress(f"ood, {name}, {done:,} of {len(rows):,}")
            )
            values = self._of_network(outputs, name)
        return {
            method: score if isinstance(score, str) else Scored(np.asarray(score, dtype=np.float64), clusters)
            for method, score in values.items()
        }

    def _of_estimator(self, trained: Trained, split: str, rows: np.ndarray) -> dict[str, np.ndarray | str]:
        reasons = {
            "energy": "energy needs the logits of a network: logarithms of probabilities lack a constant",
            **dict.fromkeys(OF_FEATURES, "an estimator has no last layer, so it has no features"),
        }
        predictions = trained.predictions(split)
        values: np.ndarray | str
        if "scores" not in predictions.columns:
            values = "the model returns no scores"
        else:
            probabilities = np.asarray(predictions["scores"], dtype=np.float64)[rows]
            try:
                require_probabilities(probabilities)
                values = probabilities.max(axis=1)
            except ValueError as error:
                values = str(error)
        return {method: values if method == "max_softmax" else reasons[method] for method in self.options.methods}

    def _of_network(self, outputs: Outputs, name: str) -> dict[str, np.ndarray | str]:
        values: dict[str, np.ndarray | str] = {}
        for method in self.options.methods:
            if method == "max_softmax":
                values[method] = likeliest_class(outputs.logits)
            elif method == "energy":
                values[method] = negative_energy(outputs.logits)
            else:
                values[method] = self._of_features(method, outputs.features, name)
        return values

    def _of_features(self, method: str, features: np.ndarray | None, name: str) -> np.ndarray | str:
        train = self._train_outputs()
        if features is None or train.features is None:
            return NO_LAYER
        if method == "mahalanobis":
            if self._gaussians is None:
                self._gaussians = ClassGaussians.fit(train.features, self._targets)
            if not self._gaussians.whitening.shape[1]:
                return "the features of the training examples do not vary within the classes"
            return self._gaussians.score(features)
        k, known = self.options.neighbours, len(train.features)
        if k > known:
            return f"neighbours = {k}, but there are only {known} training examples"
        total = len(features)
        return neighbour_score(
            train.features, features, k, lambda done: self.on_progress(f"ood, {name}, neighbours of {done:,}/{total:,}")
        )

    def _train_outputs(self) -> Outputs:
        if self._train is None:
            train = self.trained.data.splits["train"]
            rows = self._drawn(len(train), self.options.train_examples)
            self._train = outputs_of(
                self.trained, "train", rows, lambda done: self.on_progress(f"ood, train, {done:,} of {len(rows):,}")
            )
            self._targets = np.asarray(column(train, "target"))[rows]
        return self._train

    def _drawn(self, n: int, most: int) -> np.ndarray:
        """Return all rows of n, or `most` of them that depend on the cell's seed, in ascending order."""
        if n <= most:
            return np.arange(n)
        return np.sort(np.random.default_rng(self.seed).choice(n, most, replace=False))


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Yield AUROC and false positive rate of each method against each shift and each other task.

    The model is not trained again: scores come from its outputs, and features are what its last linear layer receives.
    """
    on_progress: Callable[[str], None] = getattr(trained, "on_progress", None) or _ignore
    model = Model(trained, options, on_progress, int(trained.labels.get("seed", 0)))
    test = len(trained.data.splits["test"])
    if test < MIN_EXAMPLES:
        yield from _absent(f"{test} test examples; at least {MIN_EXAMPLES} are needed to reject 5 % of them", {})
        return
    test_scores = model.scores(trained, "test", "test")
    rows: list[tuple[str, int, int, str]] = []
    for other in _other_sets(trained, options):
        at = {"against": other.name}
        if other.trained is None:
            rows.append((other.name, min(test, options.examples), 0, other.reason))
            yield from _absent(other.reason, at)
            continue
        try:
            scores = model.scores(other.trained, other.split, other.name)
        except BenchError as error:
            rows.append((other.name, min(test, options.examples), 0, _reason(error)))
            yield from _absent(_reason(error), at)
            continue
        n = min(len(other.trained.data.splits[other.split]), options.examples)
        rows.append((other.name, min(test, options.examples), n, ""))
        for name, count in (("test", min(test, options.examples)), ("other", n)):
            yield Metric("examples", count, at={**at, "set": name}, kind="exact")
        yield from _compared(other.name, test_scores, scores, options, model.seed)
    yield charts.counts(rows)


def _compared(
    name: str, test: dict[str, Scored | str], others: dict[str, Scored | str], options: Options, seed: int
) -> Iterator[Metric | Artifact]:
    """Yield both metrics of each method against one set, and the charts."""
    pairs: dict[str, tuple[Scored, Scored]] = {}
    best = ("", -1.0)
    for method in options.methods:
        at = {"against": name, "method": method}
        first, second = test[method], others[method]
        if isinstance(first, str) or isinstance(second, str):
            yield from _absent(first if isinstance(first, str) else str(second), at)
            continue
        pairs[method] = first, second
        n = min(len(first), len(second))
        area, rate = estimates(first, second, options.resamples, seed)
        for metric, estimate in (("auroc", area), ("fpr_at_95_tpr", rate)):
            yield Metric(metric, estimate.value, estimate.reason, at, estimate.interval, n=n)
        best = max(best, (method, area.value), key=lambda pair: pair[1])
    if pairs:
        yield charts.curves(name, pairs)
        yield charts.histogram(name, best[0], pairs[best[0]])


def _absent(reason: str, at: dict[str, str]) -> Iterator[Metric]:
    for metric in ("auroc", "fpr_at_95_tpr"):
        yield Metric(metric, None, reason, at)


def _other_sets(trained: Trained, options: Options) -> Iterator[OtherSet]:
    """Yield the shifts of the cell's task, then the other tasks."""
    for split, examples in trained.data.splits.items():
        if split.startswith("shift:"):
            yield OtherSet(split, trained, split) if len(examples) else OtherSet(split, reason="it has no examples")
    for use in options.against:
        name = discovery.find("tasks", use, Path()).name
        try:
            yield OtherSet(name, trained.on_task(use))
        except BenchError as error:
            yield OtherSet(name, reason=_reason(error))


def _reason(error: BenchError) -> str:
    """Return the message of an error on one line, since a table and a footnote have no line breaks."""
    return "; ".join(line.strip() for line in error_text(error).splitlines())


def _ignore(text: str) -> None:
    pass
