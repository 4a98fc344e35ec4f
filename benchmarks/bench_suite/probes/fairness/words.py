"""Words: whether a text's prediction changes if the same words name another group of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

from bench_suite.contracts import Artifact, BenchError, Interval, Metric, Predictions, Trained
from bench_suite.data.splits import Subset
from bench_suite.probes.fairness.charts import bars, format_rate
from bench_suite.probes.fairness.counterfactuals import swapper, words_of
from bench_suite.probes.fairness.intervals import Rate, wilson_interval
from bench_suite.probes.fairness.terms import WordList
from bench_suite.probes.fairness.truncation import changed_for
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.stats.probabilities import require_probabilities

EXAMPLES = 8
"Texts that are shown with their words swapped: those with the largest change of the score."
CONTEXT = 50
"Characters shown on either side of the first swapped word."
MIN_EXAMPLES = 20
"""Fewest shifts other than 0 for a bootstrap of their mean, since it draws no other shifts than these. If a tenth of 10
texts moves, its 95 % interval covers the mean in 57 %. By `pytest -m slow tests/probes/fairness/test_words.py -s`."""
NONE = 1e-6
"A shift below this, or below a thousandth of the largest, counts as 0: scores have 32 bits."


@dataclass(frozen=True)
class Swap:
    """The texts that name one group, rewritten so that they name another."""

    attribute: str
    old: str
    new: str
    changed: Mapping[str, str]
    "The text with its words swapped, by text. Texts without any such word are not included."
    rows: np.ndarray
    "(k,) positions in the split of those texts that are judged."
    truncated: int | None = None
    "Number of further texts whose encoded input does not change; None if it is unknown."
    flips: int = 0
    "Number of texts whose predicted class changes."
    before: np.ndarray | None = None
    "(k,) scores of the positive class; None if there are none."
    after: np.ndarray | None = None
    error: str | None = None
    "Why the swapped texts have no predictions."

    @property
    def at(self) -> dict[str, str]:
        """The coordinates of its metrics."""
        return {"attribute": self.attribute, "from": self.old, "to": self.new}

    @property
    def label(self) -> str:
        """`male → female`."""
        return f"{self.old} → {self.new}"

    @property
    def note(self) -> str | None:
        """The number of texts that are left out; None if there are none."""
        if not self.truncated:
            return None
        total = len(self.rows) + self.truncated
        return f"without {self.truncated} of {total} texts that name {self.old}: the model does not read the word"

    @property
    def flip_rate(self) -> Rate:
        """The share of texts whose predicted class changes."""
        return Rate(self.flips, len(self.rows))


@dataclass(frozen=True)
class _Settings:
    positive: int | None
    least_size: int
    resamples: int


def by_words(
    trained: Trained,
    texts: Sequence[str],
    positive: int | None,
    *,
    lists: Sequence[WordList],
    least_size: int,
    resamples: int,
) -> Iterator[Metric | Artifact]:
    """Yield the counterfactual fairness of a text model (Garg et al. 2019, arXiv 1809.10610).

    For each ordered pair of groups of a word list, the texts of the test split that name the first group are predicted
    again as if they named the second. `flip_rate` is the share of texts whose predicted class changes, `score_shift`
    the mean change of the positive class's score. Texts without any such word do not count, nor do texts whose encoded
    input does not change, for instance because they are truncated before the word. `n` is the number of texts.
    """
    test = trained.predictions("test")
    settings = _Settings(positive, least_size, resamples)
    swaps = [_predict_swap(trained, test, swap, settings) for swap in _make_swaps(texts, lists)]
    shifts = [_score_shift(swap, test, settings) for swap in swaps]
    for swap, shift in zip(swaps, shifts):
        n = len(swap.rows)
        if n < least_size:
            yield Metric("flip_rate", None, _too_few_texts(swap, least_size), swap.at, n=n)
        elif swap.error is not None:
            yield Metric("flip_rate", None, swap.error, swap.at, n=n)
            yield shift
        else:
            rate = swap.flip_rate
            yield Metric("flip_rate", rate.value, swap.note, swap.at, wilson_interval(rate), n=rate.n)
            yield shift
    if not swaps:
        return
    yield _table(swaps, shifts, least_size)
    flip_rates = {swap.label: swap.flip_rate for swap in swaps if len(swap.rows) >= least_size and swap.error is None}
    if flip_rates:
        caption = "Texts whose prediction changes when they name another group"
        yield bars("flip_rate", "flip rate", flip_rates, least_size, caption)
    known = {swap.label: shift for swap, shift in zip(swaps, shifts) if shift.value is not None}
    if known:
        yield _shift_bars(known)
        yield _examples(swaps, texts)


def _make_swaps(texts: Sequence[str], lists: Sequence[WordList]) -> Iterator[Swap]:
    words = [words_of(text) for text in texts]
    for word_list in lists:
        for old, new in permutations(word_list.groups, 2):
            recognised, swap = word_list.recognised(old), swapper(word_list, old, new)
            named = {text: swap(text) for text, text_words in zip(texts, words) if text_words & recognised}
            changed = {text: other for text, other in named.items() if other != text}
            rows = np.flatnonzero(np.array([text in changed for text in texts], dtype=bool))
            yield Swap(word_list.attribute, old, new, changed, rows)


def _predict_swap(trained: Trained, test: Predictions, swap: Swap, settings: _Settings) -> Swap:
    """Return the swap with the predictions of its texts, if there are enough that the model reads."""
    swap = _without_truncated(trained, swap)
    if len(swap.rows) < settings.least_size:
        return swap
    try:
        after = _restricted(trained, swap.rows).predictions("test", partial(_swap_texts, swap.changed))
    except BenchError as error:  # the predictions of the original texts remain valid
        return replace(swap, error=f"with its words swapped: {error}")
    return _with_predictions(swap, test, after, settings.positive)


def _without_truncated(trained: Trained, swap: Swap) -> Swap:
    """Return the swap without the texts whose encoded input does not change."""
    change = partial(_swap_texts, swap.changed)
    changed = changed_for(trained.network, trained.data.splits["test"], swap.rows, change)
    if changed is None:
        return swap
    return replace(swap, rows=swap.rows[changed], truncated=int(np.sum(~changed)))


def _swap_texts(changed: Mapping[str, str], raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**raw, "text": [changed[text] for text in raw["text"]]}


def _restricted(trained: Trained, rows: np.ndarray) -> Trained:
    """Return the same model with a test split of these rows only, so that no other text is predicted."""
    splits = trained.data.splits
    restricted = copy(trained)
    restricted.data = replace(trained.data, splits={**splits, "test": Subset(splits["test"], rows)})
    return restricted


def _too_few_texts(swap: Swap, least_size: int) -> str:
    n = len(swap.rows)
    count = f"{n} texts name the group {swap.old}"
    if swap.truncated:
        count = f"{n + swap.truncated} texts name the group {swap.old}, and the model reads the word in {n} of them"
    return f"{count}, too few to judge: least_size = {least_size}"


def _with_predictions(swap: Swap, test: Predictions, after: Predictions, positive: int | None) -> Swap:
    rows = swap.rows
    flips = int(np.sum(test["predictions"][rows] != after["predictions"]))
    if positive is None or "scores" not in test.columns:
        return replace(swap, flips=flips)
    before, moved = (np.asarray(split["scores"], dtype=np.float64)[:, positive] for split in (test, after))
    return replace(swap, flips=flips, before=before[rows], after=moved)


def _score_shift(swap: Swap, test: Predictions, settings: _Settings) -> Metric:
    n = len(swap.rows)
    reason = None
    if n < settings.least_size:
        reason = "too few texts"
    elif swap.error is not None:
        reason = swap.error
    elif settings.positive is None:
        reason = 'no class counts as selected: state one with positive = "…"'
    elif swap.before is None or swap.after is None:
        reason = "the model returns no scores"
    if reason is not None or swap.before is None or swap.after is None:
        return Metric("score_shift", None, reason, swap.at, n=n)
    shift = swap.after - swap.before
    if not np.isfinite(shift).all():
        reason = f"{int(np.sum(~np.isfinite(shift)))} scores are not finite numbers"
        return Metric("score_shift", None, reason, swap.at, n=n)
    try:
        require_probabilities(np.asarray(test["scores"]))
    except ValueError as error:
        return Metric("score_shift", None, str(error), swap.at, n=n)
    interval, cause = shift_interval(shift, settings.resamples)
    notes = "; ".join(note for note in (cause, swap.note) if note)
    return Metric("score_shift", float(shift.mean()), notes or None, swap.at, interval, n=n)


def shift_interval(shift: np.ndarray, resamples: int) -> tuple[Interval | None, str | None]:
    """Return a bootstrap interval of the mean of shifts (k,), and None.

    If too few shifts differ from 0, the result is None and the reason.
    """
    size = np.abs(shift)
    moved = int(np.sum(size > max(NONE, size.max(initial=0.0) / 1000)))
    if moved < MIN_EXAMPLES:
        return None, f"the score changes for {moved} of {len(shift)} texts; an interval needs {MIN_EXAMPLES}"
    return bootstrap_interval(lambda shift: float(shift.mean()), {"shift": shift}, resamples=resamples)


def _table(swaps: Sequence[Swap], shifts: Sequence[Metric], least_size: int) -> Artifact:
    rows = []
    for swap, shift in zip(swaps, shifts):
        change = None if shift.value is None else f"{shift.value:+.4f}{_bounds(shift.interval)}".replace("-", "−")
        flips = None if swap.error is not None else format_rate(swap.flip_rate, least_size)
        rows.append([swap.attribute, swap.old, swap.new, len(swap.rows), swap.truncated, flips, change])
    columns = ["attribute", "from", "to", "texts", "not read", "flip rate", "score shift"]
    caption = f"Words that name a group swapped, with 95 % intervals; too few: fewer than {least_size} texts name it; "
    if all(swap.truncated is None for swap in swaps):
        caption += "it is not known whether the model reads the words"
    else:
        caption += "not read, and left out: texts whose encoded input does not change"
    return Artifact("swaps", "table", {"columns": columns, "rows": rows}, caption)


def _bounds(interval: Interval | None) -> str:
    return "" if interval is None else f" [{interval.low:+.4f}, {interval.high:+.4f}]"


def _shift_bars(shifts: Mapping[str, Metric]) -> Artifact:
    intervals = {label: [i.low, i.high] for label, shift in shifts.items() if (i := shift.interval) is not None}
    data = {
        "y": "mean shift of the score",
        "bars": {label: shift.value for label, shift in shifts.items()},
        "intervals": intervals,
    }
    return Artifact("score_shift", "bars", data, "Mean change of the score when a text names another group")


def _examples(swaps: Sequence[Swap], texts: Sequence[str]) -> Artifact:
    """Return a table of the text with the largest change of the score for each swap; of these the first few."""
    candidates: list[tuple[float, list[Any]]] = []
    for swap in swaps:
        if swap.before is None or swap.after is None:
            continue
        shift = np.nan_to_num(swap.after - swap.before)
        index = int(np.argmax(np.abs(shift)))
        text = texts[int(swap.rows[index])]
        excerpts = [swap.label, *_excerpts(text, swap.changed[text])]
        candidates.append((float(shift[index]), [*excerpts, float(swap.before[index]), float(swap.after[index])]))
    rows = [row for _, row in sorted(candidates, key=lambda pair: -abs(pair[0]))[:EXAMPLES]]
    columns = ["swap", "text, where it first changes", "swapped", "score before", "score after"]
    caption = "Texts with the largest change of the score; at most one for each pair of groups"
    return Artifact("examples", "table", {"columns": columns, "rows": rows}, caption)


def _excerpts(text: str, other: str) -> list[str]:
    """Return excerpts of both texts around the first character that differs."""
    same = next((k for k, (a, b) in enumerate(zip(text, other)) if a != b), min(len(text), len(other)))
    start = max(0, same - CONTEXT)
    return [f"{'…' if start else ''}{version[start : same + CONTEXT]}…" for version in (text, other)]
