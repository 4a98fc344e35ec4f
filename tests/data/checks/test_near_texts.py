"""D001, near: texts with some words changed are named, texts of one topic or with boilerplate are not."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.data.checks.near_texts import MIN_JACCARD, near_duplicates, shingles_of, similar

WORDS = np.array(
    [f"{a}{b}" for a in ("ka", "lo", "mi", "nu", "re", "so", "ti", "vu") for b in ("ban", "der", "fil", "gor")]
)


def draw_texts(random: np.random.Generator, count: int, length: int = 60) -> list[str]:
    return [" ".join(random.choice(WORDS, length)) for _ in range(count)]


def task_of(make_task, train: list[str], test: list[str]):
    return make_task("text", {"train": (train, np.arange(len(train)) % 2), "test": (test, np.arange(len(test)) % 2)})


def test_edited_copies_are_named_with_their_originals(make_task, random) -> None:
    train, test = draw_texts(random, 200), draw_texts(random, 50)
    words = train[120].split()
    test[4] = " ".join([*words[:20], "completely", "different", *words[22:]])
    test[9] = train[7].upper().replace(" ", ",  ") + "!"
    test[30] = train[30]  # equal: that is another finding
    (finding,) = near_duplicates(task_of(make_task, train, test))
    assert {*zip(finding.evidence[1].rows, finding.evidence[0].rows)} == {(4, 120), (9, 7)}
    assert finding.severity == "error", "4 % of test, which no run removes"


@pytest.mark.parametrize("share", [0.02, 0.05, 0.3])
def test_the_index_is_jaccards(random, share: float) -> None:
    (text,) = draw_texts(random, 1, 400)
    words = np.array(text.split(), dtype="U20")
    words[random.random(400) < share] = "elsewhere"
    one, other = shingles_of([text]), shingles_of([" ".join(words)])
    exact = len({*one.hashes} & {*other.hashes}) / len({*one.hashes} | {*other.hashes})
    rows, _, jaccard = similar(one, other)
    assert (len(rows) == 1) == (exact >= MIN_JACCARD)
    if len(rows):
        assert jaccard[0] == pytest.approx(exact)


def test_a_shingle_is_the_same_in_any_batch(random, monkeypatch) -> None:
    texts = draw_texts(random, 30)
    whole = shingles_of(texts)
    monkeypatch.setattr("bench_suite.data.checks.near_texts.BATCH", 500)
    parts = shingles_of(texts)
    assert (whole.hashes == parts.hashes).all()
    assert (whole.texts == parts.texts).all()
    assert whole.sizes.sum() == len(whole.hashes)


def test_boilerplate_short_texts_and_other_texts_are_no_finding(make_task, random) -> None:
    footer = " ".join(draw_texts(random, 1, 20))
    train, test = ([f"{text} {footer}" for text in draw_texts(random, count)] for count in (300, 100))
    assert list(near_duplicates(task_of(make_task, train, test))) == []
    short = [f"very good film number {number}" for number in range(100)]
    assert list(near_duplicates(task_of(make_task, short[:60], short[60:]))) == []
    assert list(near_duplicates(task_of(make_task, ["", " "], ["…", ""]))) == []
