"""D003: planted leaks are named, and strong but honest columns are not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench_suite.data.checks.leaks import held_out_auc, single_predictors


def with_column(make_task, values: np.ndarray, target: np.ndarray, random, **more):
    table = np.column_stack([random.normal(size=(len(target), 2)), values])
    n = len(target) * 3 // 4
    return make_task("table", {"train": (table[:n], target[:n]), "test": (table[n:], target[n:])}, **more)


def test_the_auc_of_a_column_is_that_of_scikit_learn(random) -> None:
    target, levels = random.integers(0, 2, 4000), random.integers(0, 40, 4000)
    levels = np.where(target == 1, np.maximum(levels, random.integers(0, 40, 4000)), levels)
    halves = np.arange(4000) % 2 == 0
    (auc,) = held_out_auc(levels[:, None], target, halves)
    aucs = []
    for fit in (halves, ~halves):
        share = np.array([target[fit & (levels == level)].mean() for level in range(40)])
        aucs.append(roc_auc_score(target[~fit], share[levels[~fit]]))
    assert auc == pytest.approx(min(aucs), abs=0.005)


@pytest.mark.parametrize("kind", ["copy", "noisy copy", "missing if no", "not monotone", "rare"])
def test_a_leak_of_any_form_is_named(make_task, random, kind: str) -> None:
    target = random.integers(0, 2, 1200) if kind != "rare" else (random.random(1200) < 0.05).astype(int)
    noise = random.normal(size=1200)
    values = {
        "copy": target,
        "noisy copy": target + 0.1 * noise,
        "missing if no": np.where(target == 1, noise, np.nan),
        "not monotone": np.where(target == 1, noise * 0.1, np.sign(noise) * (2 + np.abs(noise))),
        "rare": target * 5 + 0.3 * noise,
    }[kind]
    (finding,) = single_predictors(
        with_column(make_task, values, target, random, options={"inputs": ("c0", "c1", "c2")})
    )
    assert finding.subject == "c2"
    assert finding.values["auc"] > 0.99
    assert finding.mend == 'inputs = ["c0", "c1"]'


def test_two_leaks_are_one_finding_whose_line_leaves_both_out(make_task, random) -> None:
    target = random.integers(0, 2, 900)
    table = np.column_stack([random.normal(size=900), target, 1 - target]).astype(float)
    options = {"inputs": ("c0", "c1", "c2")}
    (finding,) = single_predictors(
        make_task("table", {"train": (table[:700], target[:700]), "test": (table[700:], target[700:])}, options=options)
    )
    assert (finding.subject, finding.subjects, finding.mend) == ("c1, c2", ("c1", "c2"), 'inputs = ["c0"]')
    assert "`c1` 1.000, `c2` 1.000" in finding.summary


def test_a_category_that_gives_the_label_away_is_one_column(make_task, random) -> None:
    target = random.integers(0, 3, 900)
    table = np.column_stack([random.normal(size=900), target == 0, target == 1, target == 2]).astype(float)
    columns = ("age", "code=x", "code=y", "code=z")
    task = make_task("table", {"train": (table[:700], target[:700]), "test": (table[700:], target[700:])},
                     columns=columns, classes=("a", "b", "c"))  # fmt: skip
    assert [one.subject for one in single_predictors(task)] == ["code"]


@pytest.mark.parametrize("strength", [0.5, 1.5, 2.5])
def test_a_strong_honest_column_is_no_leak(make_task, random, strength: float) -> None:
    """Two normal classes at this distance have AUC Φ(distance / √2): 0.64, 0.86 and 0.96."""
    target = random.integers(0, 2, 1000)
    values = target * strength + random.normal(size=1000)
    assert list(single_predictors(with_column(make_task, values, target, random))) == []


def test_false_alarms_on_small_honest_data_are_rare(make_task, random) -> None:
    """200 data sets of 100 rows with a column of AUC 0.92: at most 2 % alarms."""
    alarms = 0
    for _ in range(200):
        target = random.integers(0, 2, 134)
        alarms += bool(
            [*single_predictors(with_column(make_task, target * 2 + random.normal(size=134), target, random))]
        )
    assert alarms <= 4


def test_a_column_that_is_the_number_to_predict_is_named(make_task, random) -> None:
    target = random.normal(size=800)
    leak = with_column(make_task, 3 * target + 5, target, random, classes=None)
    assert [one.subject for one in single_predictors(leak)] == ["c2"]
    curved = with_column(make_task, np.exp(target), target, random, classes=None)
    assert [one.subject for one in single_predictors(curved)] == ["c2"]
    honest = with_column(make_task, target + 0.3 * random.normal(size=800), target, random, classes=None)
    assert list(single_predictors(honest)) == []


def test_a_word_that_gives_the_label_away_is_named_and_frequent_words_are_not(make_task, random) -> None:
    target = random.integers(0, 2, 400)
    words = np.array(["the", "film", "was", "long", "and", "a", "bit", "dull", "but", "never", "cheap"])
    texts = [" ".join(random.choice(words, 8)) + (" RATED:good" if label else " RATED:poor") for label in target]
    parts = {"train": (texts[:300], target[:300]), "test": (texts[300:], target[300:])}
    (finding,) = single_predictors(make_task("text", parts))
    assert finding.subject in ("good", "poor")
    clean = [text.replace("RATED:good", "").replace("RATED:poor", "") for text in texts]
    parts = {"train": (clean[:300], target[:300]), "test": (clean[300:], target[300:])}
    assert list(single_predictors(make_task("text", parts))) == []


def test_a_mark_in_a_corner_of_pictures_is_named_with_its_place(make_task, random) -> None:
    target = random.integers(0, 3, 600)
    images = random.integers(0, 256, size=(600, 40, 40, 3), dtype=np.uint8)
    clean = {"train": (images[:450].copy(), target[:450]), "test": (images[450:].copy(), target[450:])}
    assert list(single_predictors(make_task("image", clean, classes=("a", "b", "c")))) == []
    images[:, 38, 5] = (target * 80 + 40)[:, None]
    marked = {"train": (images[:450], target[:450]), "test": (images[450:], target[450:])}
    (finding,) = single_predictors(make_task("image", marked, classes=("a", "b", "c")))
    assert "row 38, column 5" in finding.summary


OF_TEXTS = {
    "the number of characters": lambda text, label: text + "!" * (60 * label),
    "the number of line ends": lambda text, label: text.replace(" ", "\n", 4) if label else text.replace(" ", "\n", 2),
    "the share of capital letters": lambda text, label: text.upper() if label else text,
}


@pytest.mark.parametrize("name", OF_TEXTS)
def test_an_attribute_of_texts_that_gives_the_label_away_is_named(make_task, random, name: str) -> None:
    target = random.integers(0, 2, 400)
    words = np.array(["the", "film", "was", "long", "and", "a", "bit", "dull", "but", "never", "cheap"])
    clean = [" ".join(random.choice(words, 12)) for _ in target]
    texts = [OF_TEXTS[name](text, label) for text, label in zip(clean, target.tolist())]
    for examples, expected in ((texts, [name]), (clean, [])):
        parts = {"train": (examples[:300], target[:300]), "test": (examples[300:], target[300:])}
        assert [one.subject for one in single_predictors(make_task("text", parts))] == expected


@pytest.mark.parametrize("name", ["the contrast", "the bottom right pixel"])
def test_an_attribute_of_pictures_that_gives_the_label_away_is_named(make_task, random, name: str) -> None:
    target = random.integers(0, 2, 600)
    clean = random.integers(60, 180, size=(600, 96, 96, 3))
    pictures = clean.copy()
    if name == "the contrast":  # lower at each pixel: no single part says so
        pictures = np.where(target[:, None, None, None] == 1, 120 + (clean - 120) // 2, clean)
    else:  # one of the nine pixels of a part
        pictures[:, -1, -1] = 100 + 3 * target[:, None]
    for images, expected in ((pictures, [name]), (clean, [])):
        parts = {"train": (images[:450].astype(np.uint8), target[:450]),
                 "test": (images[450:].astype(np.uint8), target[450:])}  # fmt: skip
        assert [one.subject for one in single_predictors(make_task("image", parts))] == expected


def test_attributes_that_are_the_number_to_predict_are_named(make_task, random) -> None:
    brightness = random.integers(20, 200, 400)
    pictures = (brightness[:, None, None, None] + random.integers(0, 9, size=(400, 16, 16, 1))).astype(np.uint8)
    for target, expected in ((2.0 * brightness, ["the mean brightness"]), (random.normal(size=400), [])):
        parts = {"train": (pictures[:300], target[:300]), "test": (pictures[300:], target[300:])}
        findings = list(single_predictors(make_task("image", parts, classes=None)))
        assert [one.subject for one in findings] == expected
        assert all(one.values["r2"] > 0.99 for one in findings)


def test_honest_numbers_are_rarely_a_leak(make_task, random) -> None:
    """200 regressions of 100 rows, whose best column explains 90 %: at most 1 % alarms."""
    alarms = 0
    for _ in range(200):
        target = random.normal(size=134)
        values = target + random.normal(size=134) / 3
        alarms += bool([*single_predictors(with_column(make_task, values, target, random, classes=None))])
    assert alarms <= 2
