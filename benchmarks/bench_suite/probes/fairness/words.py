"""Words: is a text judged otherwise when the same words name another group of people?"""

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
from bench_suite.probes.fairness.charts import bars, in_words
from bench_suite.probes.fairness.counterfactuals import swapper, words_of
from bench_suite.probes.fairness.intervals import Rate, of_one
from bench_suite.probes.fairness.terms import WordList
from bench_suite.probes.fairness.truncation import changed_for
from bench_suite.stats.intervals import bootstrap_interval

EXAMPLES = 8
"Texts that are shown with their words swapped: those whose score moved most."
AROUND = 50
"Characters shown on either side of the first word that was swapped."
MIN_EXAMPLES = 20
"""Shifts other than 0 that a bootstrap of their mean needs, since it draws no others than it has seen: where a tenth of
10 texts moves, its 95 % interval holds the mean in 0.57. By `pytest -m slow tests/probes/fairness/test_words.py -s`."""
NONE = 1e-6
"A shift below this, or below a thousandth of the largest, counts as 0: scores have 32 bits."


@dataclass(frozen=True)
class Swap:
    """What becomes of the texts that name one group when they name another instead."""

    attribute: str
    old: str
    new: str
    changed: Mapping[str, str]
    "By text: the same text with its words swapped. Texts without any such word are not here."
    rows: np.ndarray
    "(k,) positions in the split of those of them that are judged."
    unread: int | None = None
    "How many more there are of which the model is given the same as before; None where that is not known."
    flips: int = 0
    "How many of them are predicted to be of another class."
    before: np.ndarray | None = None
    "(k,) scores of the positive class; None where there are none."
    after: np.ndarray | None = None
    error: str = ""
    "Why the swapped texts have no predictions."

    @property
    def at(self) -> dict[str, str]:
        """Its coordinates."""
        return {"attribute": self.attribute, "from": self.old, "to": self.new}

    @property
    def note(self) -> str | None:
        """What has to be known of its numbers."""
        if not self.unread:
            return None
        every = len(self.rows) + self.unread
        return f"without {self.unread} of {every} texts that name {self.old}, of which the model does not read the word"

    @property
    def flip_rate(self) -> Rate:
        """Of the texts, how many are judged otherwise."""
        return Rate(self.flips, len(self.rows))


def by_words(
    trained: Trained,
    texts: Sequence[str],
    positive: int | None,
    *,
    lists: Sequence[WordList],
    least_size: int,
    resamples: int,
) -> Iterator[Metric | Artifact]:
    """Counterfactual fairness of a text model (Garg et al. 2019, arXiv 1809.10610).

    For each ordered pair of groups of a word list: the texts of the test split that name the first are read again as if
    they named the second. `flip_rate` is the share whose predicted class changes, `score_shift` the mean change of the
    score of the positive class. Texts without any such word are not counted, nor those that the model is given the same
    as before, as where it cuts them before the word; n says how many are.
    """
    test = trained.predictions("test")
    swaps = []
    for swap in _swaps(texts, lists):
        swap = _read(trained, swap)
        if len(swap.rows) >= least_size:
            try:
                after = _of_rows(trained, swap.rows).predictions("test", partial(_swapped, swap.changed))
            except BenchError as error:  # what the model says of the texts as they are stays
                swap = replace(swap, error=f"with its words swapped: {error}")
            else:
                swap = _judged(swap, test, after, positive)
        swaps.append(swap)
    shifts = [_shift(swap, test, positive, least_size, resamples) for swap in swaps]
    for swap, shift in zip(swaps, shifts):
        if len(swap.rows) < least_size:
            yield Metric("flip_rate", None, _too_few(swap, least_size), swap.at, n=len(swap.rows))
        elif swap.error:
            yield Metric("flip_rate", None, swap.error, swap.at, n=len(swap.rows))
            yield shift
        else:
            rate = swap.flip_rate
            yield Metric("flip_rate", rate.value, swap.note, swap.at, of_one(rate), n=rate.n)
            yield shift
    if not swaps:
        return
    yield _table(swaps, shifts, least_size)
    told = [swap for swap in swaps if len(swap.rows) >= least_size and not swap.error]
    judged = {f"{swap.old} → {swap.new}": swap.flip_rate for swap in told}
    if judged:
        yield bars("flip_rate", "flip rate", judged, least_size, "Texts judged otherwise when they name another group")
    known = {f"{s.old} → {s.new}": shift for s, shift in zip(swaps, shifts) if shift.value is not None}
    if known:
        yield _shift_bars(known)
        yield _examples(swaps, texts)


def _swaps(texts: Sequence[str], lists: Sequence[WordList]) -> Iterator[Swap]:
    words = [words_of(text) for text in texts]
    for of in lists:
        for old, new in permutations(of.groups, 2):
            recognised, swap = of.recognised(old), swapper(of, old, new)
            named = {text: swap(text) for text, found in zip(texts, words) if found & recognised}
            changed = {text: other for text, other in named.items() if other != text}
            rows = np.flatnonzero(np.array([text in changed for text in texts], dtype=bool))
            yield Swap(of.attribute, old, new, changed, rows)


def _read(trained: Trained, swap: Swap) -> Swap:
    """Without the texts that the model is given the same as before."""
    change = partial(_swapped, swap.changed)
    changed = changed_for(trained.network, trained.data.splits["test"], swap.rows, change)
    if changed is None:
        return swap
    return replace(swap, rows=swap.rows[changed], unread=int(np.sum(~changed)))


def _swapped(changed: Mapping[str, str], raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**raw, "text": [changed[text] for text in raw["text"]]}


def _of_rows(trained: Trained, rows: np.ndarray) -> Trained:
    """The same model, whose test split is only these rows: no other text is predicted, nor given to it empty."""
    splits = trained.data.splits
    made = copy(trained)
    made.data = replace(trained.data, splits={**splits, "test": Subset(splits["test"], rows)})
    return made


def _too_few(swap: Swap, least_size: int) -> str:
    n = len(swap.rows)
    named = f"{n} texts name the group {swap.old}"
    if swap.unread:
        named = f"{n + swap.unread} texts name the group {swap.old}, and of {n} the model reads the word"
    return f"{named}, too few to judge: least_size = {least_size}"


def _judged(swap: Swap, test: Predictions, after: Predictions, positive: int | None) -> Swap:
    rows = swap.rows
    flips = int(np.sum(test["predictions"][rows] != after["predictions"]))
    if positive is None or "scores" not in test.columns:
        return replace(swap, flips=flips)
    before, moved = (np.asarray(each["scores"], dtype=np.float64)[:, positive] for each in (test, after))
    return replace(swap, flips=flips, before=before[rows], after=moved)


def _shift(swap: Swap, test: Predictions, positive: int | None, least_size: int, resamples: int) -> Metric:
    n = len(swap.rows)
    if n < least_size:
        return Metric("score_shift", None, "too few texts", swap.at, n=n)
    if swap.error:
        return Metric("score_shift", None, swap.error, swap.at, n=n)
    if swap.before is None or swap.after is None:
        reason = "the model gives no scores"
        if positive is None:
            reason = 'no class counts as selected: name one, positive = "…"'
        return Metric("score_shift", None, reason, swap.at, n=n)
    shift = swap.after - swap.before
    if not np.isfinite(shift).all():
        reason = f"{int(np.sum(~np.isfinite(shift)))} scores are not finite numbers"
        return Metric("score_shift", None, reason, swap.at, n=n)
    interval, why = shift_interval(shift, resamples)
    told = "; ".join(each for each in (why, swap.note) if each)
    return Metric("score_shift", float(shift.mean()), told or None, swap.at, interval, n=n)


def shift_interval(shift: np.ndarray, resamples: int) -> tuple[Interval | None, str | None]:
    """Bootstrap of the mean of shifts (k,), and None; or None and the reason, where too few of them differ from 0."""
    size = np.abs(shift)
    moved = int(np.sum(size > max(NONE, size.max(initial=0.0) / 1000)))
    if moved < MIN_EXAMPLES:
        return None, f"the score of {moved} of {len(shift)} texts moves, and an interval needs {MIN_EXAMPLES} that do"
    return bootstrap_interval(lambda shift: float(shift.mean()), {"shift": shift}, resamples=resamples)


def _table(swaps: Sequence[Swap], shifts: Sequence[Metric], least_size: int) -> Artifact:
    rows = []
    for swap, shift in zip(swaps, shifts):
        told = None if shift.value is None else f"{shift.value:+.4f}{_span(shift.interval)}".replace("-", "−")
        flips = None if swap.error else in_words(swap.flip_rate, least_size)
        rows.append([swap.attribute, swap.old, swap.new, len(swap.rows), swap.unread, flips, told])
    columns = ["attribute", "from", "to", "texts", "not read", "flip rate", "score shift"]
    caption = f"Words that name a group swapped, with 95 % intervals; too few: fewer than {least_size} texts name it; "
    if all(swap.unread is None for swap in swaps):
        caption += "whether the model reads the words is not known"
    else:
        caption += "not read, and left out: the model is given the same of a text before and after"
    return Artifact("swaps", "table", {"columns": columns, "rows": rows}, caption)


def _span(interval: Interval | None) -> str:
    return "" if interval is None else f" [{interval.low:+.4f}, {interval.high:+.4f}]"


def _shift_bars(shifts: Mapping[str, Metric]) -> Artifact:
    intervals = {who: [i.low, i.high] for who, shift in shifts.items() if (i := shift.interval) is not None}
    data = {
        "y": "mean shift of the score",
        "bars": {who: shift.value for who, shift in shifts.items()},
        "intervals": intervals,
    }
    return Artifact("score_shift", "bars", data, "How far the score moves when a text names another group")


def _examples(swaps: Sequence[Swap], texts: Sequence[str]) -> Artifact:
    """Of each swap the text whose score moved most; of these the first few."""
    found: list[tuple[float, list[Any]]] = []
    for swap in swaps:
        if swap.before is None or swap.after is None:
            continue
        moved = np.nan_to_num(swap.after - swap.before)
        place = int(np.argmax(np.abs(moved)))
        text = texts[int(swap.rows[place])]
        shown = [f"{swap.old} → {swap.new}", *_around(text, swap.changed[text])]
        found.append((float(moved[place]), [*shown, float(swap.before[place]), float(swap.after[place])]))
    rows = [row for _, row in sorted(found, key=lambda pair: -abs(pair[0]))[:EXAMPLES]]
    columns = ["swap", "text, where it first changes", "swapped", "score before", "score after"]
    caption = "Texts whose score moved most; of each pair of groups at most one"
    return Artifact("examples", "table", {"columns": columns, "rows": rows}, caption)


def _around(text: str, other: str) -> list[str]:
    """Both texts around the first place where they differ."""
    same = next((k for k, (a, b) in enumerate(zip(text, other)) if a != b), min(len(text), len(other)))
    start = max(0, same - AROUND)
    return [f"{'…' if start else ''}{each[start : same + AROUND]}…" for each in (text, other)]
