"""Fairness: which groups a model treats worse, by sensitive attribute, by words that name a group, and by class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench_suite.contracts import Artifact, BenchError, Metric, Trained
from bench_suite.data.splits import column
from bench_suite.probes.fairness.attribute_leakage import leakage_table
from bench_suite.probes.fairness.classes import by_class
from bench_suite.probes.fairness.groups import by_group
from bench_suite.probes.fairness.terms import WordList, read_lists, word_lists
from bench_suite.probes.fairness.words import by_words

VERSION = 4
QUESTION = "groups"
PROBLEMS = ("classification",)
METRICS = {
    "demographic_parity_difference": {
        "title": "gap between selection rates",
        "about": (
            "largest minus smallest share of a group that is predicted to be of the positive class; 0 is no difference"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Agarwal et al. 2018, arXiv 1803.02453",
    },
    "demographic_parity_ratio": {
        "title": "ratio of selection rates",
        "about": (
            "smallest share of a group that is predicted to be of the positive class, divided by the largest; 1 is no "
            "difference"
        ),
        "unit": "ratio",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "source": "the four-fifths rule, 29 CFR 1607.4 D",
    },
    "equalized_odds_difference": {
        "title": "gap between error rates",
        "about": (
            "larger of the gaps between groups in true positive rates and in false positive rates; 0 is no difference"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Hardt et al. 2016, arXiv 1610.02413",
    },
    "equal_opportunity_difference": {
        "title": "gap between true positive rates",
        "about": "largest minus smallest share of a group's positive examples that is found; 0 is no difference",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Hardt et al. 2016, arXiv 1610.02413",
    },
    "worst_group_accuracy": {
        "about": "accuracy in the group in which it is lowest",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "source": "Sagawa et al. 2020, arXiv 1911.08731",
    },
    "accuracy": {
        "title": "accuracy in a group",
        "about": "share of the examples of a group whose predicted class is the true one",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
    },
    "selection_rate": {
        "about": "share of a group that is predicted to be of the positive class",
        "unit": "fraction",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "true_positive_rate": {
        "about": "share of the positive examples of a group that is predicted to be positive",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
    },
    "false_positive_rate": {
        "about": "share of the negative examples of a group that is predicted to be positive",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
    },
    "flip_rate": {
        "title": "predictions that change with the group named",
        "about": (
            "share of the texts about one group whose predicted class changes if its words are replaced by those of "
            "another group"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "of_predictions": False,  # from swapped texts, whose predictions are not stored
        "source": "Garg et al. 2019, arXiv 1809.10610",
    },
    "score_shift": {
        "about": (
            "mean change of the positive class's score if the words for one group are replaced by those of another "
            "one; 0 is no difference"
        ),
        "unit": "probability",
        "better": "none",
        "ideal": 0.0,
        "range": (-1.0, 1.0),
        "of_predictions": False,
        "source": "Garg et al. 2019, arXiv 1809.10610",
    },
    "class_recall_difference": {
        "title": "gap between recalls of classes",
        "about": "largest minus smallest share of a class that is predicted rightly; 0 is no difference",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
    },
    "worst_class_recall": {
        "about": "share of right predictions in the class that is predicted worst",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
    },
    "class_recall": {
        "about": "share of the examples of a class that is predicted rightly",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
    },
}
OF_PREDICTIONS = True
NAMES = {"positive": "class"}
OPTION_NEEDS = {"terms": ("texts",)}
BOUNDS = {"least_size": (2, None), "most_groups": (2, None), "intersections": (1, None), "resamples": (100, None)}
PATHS = ("terms",)
SMOKE = {"resamples": 100}
IMPORTS = ("fairlearn",)


@dataclass(frozen=True)
class Options:
    least_size: int = 10
    "Fewest examples for a rate: a group with fewer is reported as too small, and never merged with another."
    most_groups: int = 20
    "Most values of an attribute that form groups: one with more, such as an age in years, has a reason instead."
    intersections: int = 2
    "Most attributes that are crossed: 2 adds each pair of attributes; 1 measures single attributes only."
    positive: str | None = None
    "The class that counts as selected; default: the second of two classes, and none of more than two."
    terms: tuple[Literal["gender", "religion", "orientation", "origin"], ...] | str = (
        "gender",
        "religion",
        "orientation",
        "origin",
    )
    "Word lists whose words are swapped in the texts of the test split, or a TOML file of your own; [] swaps none."
    resamples: int = 1000
    "Bootstrap resamples for each interval of a difference between groups, and of a mean shift."


def check(options: Options) -> None:
    """Raise ValueError if the word lists cannot be read."""
    _word_lists(options.terms)


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Yield metrics by group if the task has sensitive attributes, by class if not, and by the words of texts.

    Raises:
        BenchError: if `positive` is not a class of the task.
    """
    test = trained.predictions("test")
    classes = [str(name) for name in trained.data.spec["classes"]]
    positive = _positive(options.positive, classes)
    least_size, resamples = options.least_size, options.resamples
    if test.groups:
        yield leakage_table(trained, test.groups)
        yield from by_group(
            test,
            classes,
            positive,
            least_size=least_size,
            most_groups=options.most_groups,
            intersections=options.intersections,
            resamples=resamples,
            train=getattr(trained.data.splits.get("train"), "groups", {}),
        )
    else:
        yield from by_class(test, classes, least_size=least_size, resamples=resamples)
    texts = column(trained.data.splits["test"], "text") if options.terms else None
    if texts is not None:
        lists = _word_lists(options.terms)
        yield from by_words(trained, texts, positive, lists=lists, least_size=least_size, resamples=resamples)


def _word_lists(terms: Sequence[str] | str) -> list[WordList]:
    """Return the word lists that `terms` chooses, or all lists of the file that it names.

    Raises:
        ValueError: if the file has an error.
    """
    if not isinstance(terms, str):
        return [word_lists()[name] for name in terms]
    try:
        return list(read_lists(Path(terms)).values())
    except ValueError as error:
        hint = (
            f'\n  for the list of the program: terms = ["{Path(terms).name}"]'
            if Path(terms).name in word_lists()
            else ""
        )
        raise ValueError(f"terms: {Path(terms).name}: {error}{hint}") from error


def _positive(stated: str | None, classes: Sequence[str]) -> int | None:
    """Return the number of the class that counts as selected; None if there are more than two and none is stated."""
    if stated is None:
        return 1 if len(classes) == 2 else None
    if stated not in classes:
        raise BenchError(f'positive = "{stated}" is not a class of this task; its classes are: {", ".join(classes)}')
    return classes.index(stated)
