"""Models across the tasks of a leaderboard: average rank, interquartile mean, probability of improvement, strength."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench_suite.reports import escaping, formatting
from bench_suite.reports.best import best_by_ends, bold
from bench_suite.reports.columns import Column
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Table
from bench_suite.stats.across_tasks import (
    MIN_SEEDS,
    Estimate,
    average_ranks,
    bradley_terry,
    interquartile_mean,
    mean_improvement,
    probability_of_improvement,
    wins_of,
)
from bench_suite.store.columns import heads_of, value_at

COMMON_SCALE = ("fraction", "score")
"Units of metrics whose values on several tasks have one scale, so that their mean says something."
MIN_TASKS = 3
"Tasks at least: a mean over two says no more than the two tables."
MAX_MODELS = 100
"Models at most: those with the best mean rank; the time of the strengths grows with the square of their number."
MAX_NAMED = 12
"Models that are left out and named."
READING = (
    "Average rank: 1 is the best; models that cannot be told apart on a task share their ranks. Interquartile mean: of "
    "the middle half of the values of all tasks and seeds. Probability of improvement: that one run of the model is "
    "better than one of another model, averaged over tasks. Strength: Bradley-Terry, in log-odds; a tie is half a win. "
    "Intervals resample tasks (rank, strength) or seeds (the others): they say nothing of other tasks if there are few."
)


@dataclass(frozen=True)
class ModelAcrossTasks:
    """One model on the tasks that all models of the summary have."""

    label: str
    rank: Estimate
    improvement: Estimate
    "Over the reference, or else over the other models on average."
    strength: Estimate
    interquartile_mean: Estimate | None = None
    "None if the tasks are ranked by metrics without a common scale."


@dataclass(frozen=True)
class AcrossTasks:
    """The models of several tables, best average rank first."""

    tasks: tuple[str, ...]
    models: tuple[ModelAcrossTasks, ...]
    metric: str
    "The metric that ranks all tasks; empty if they are ranked by several."
    left_out: tuple[str, ...]
    "Models that only one of the tasks has, or not all of `tasks`."
    worse: int = 0
    "Number of models that are left out because `MAX_MODELS` others have better ranks."
    better: str = "none"
    "Direction of the metric; `none` if the tasks are ranked by several."


def across_tasks(tables: Sequence[Table]) -> AcrossTasks | None:
    """Return the models of ranked tables across their tasks; None without two models that enough tasks share.

    The models are those of at least two tables; the tasks are those that have all of these models, `MIN_TASKS` or more.
    """
    ranked = [table for table in tables if table.sort is not None and not table.smoke]
    ranked = [table for table in ranked if any(row.rank is not None for row in table.rows)]
    labels = dict.fromkeys(row.label for table in ranked for row in table.rows if row.rank is not None)
    known = [{row.label: row for row in table.rows if row.rank is not None} for table in ranked]
    models = [label for label in labels if sum(label in rows for rows in known) > 1]
    shared = [(table, rows) for table, rows in zip(ranked, known) if all(label in rows for label in models)]
    if len(models) < 2 or len(shared) < MIN_TASKS:
        return None
    known_models = set(models)
    left_out = tuple(label for label in labels if label not in known_models)
    every, models = len(models), _best(models, [rows for _, rows in shared])
    better = np.array([
        [[other in rows[label].beats for other in models] for label in models] for _, rows in shared
    ])  # fmt: skip
    scores = [[_scores(rows[label], table.sort) for table, rows in shared] for label in models]
    sorts = {
        (table.sort.name, table.sort.at, table.sort.unit, table.sort.better)
        for table, _ in shared
        if table.sort is not None
    }
    comparable = len(sorts) == 1 and next(iter(sorts))[2] in COMMON_SCALE
    signs = [-1.0 if table.sort is not None and table.sort.better == "lower" else 1.0 for table, _ in shared]
    signed = [[sign * values for sign, values in zip(signs, of_model)] for of_model in scores]
    means = interquartile_mean(scores) if comparable else [None] * len(models)
    columns = zip(models, average_ranks(better), _improvements(signed), bradley_terry(wins_of(better)), means)
    summaries = [ModelAcrossTasks(*of_model) for of_model in columns]
    return AcrossTasks(
        tuple(table.task for table, _ in shared), tuple(sorted(summaries, key=lambda model: model.rank.value)),
        next(iter(sorts))[0] if len(sorts) == 1 else "", left_out, every - len(models),
        next(iter(sorts))[3] if len(sorts) == 1 else "none",
    )  # fmt: skip


def _best(models: Sequence[str], tables: Sequence[Mapping[str, Row]]) -> list[str]:
    """Return at most `MAX_MODELS` models in their order: those with the best mean rank in some tables."""
    if len(models) <= MAX_MODELS:
        return list(models)
    by_rank = sorted(models, key=lambda label: sum(rows[label].rank or 0 for rows in tables))
    best = {*by_rank[:MAX_MODELS]}
    return [label for label in models if label in best]


def _scores(row: Row, sort: Column | None) -> np.ndarray:
    """Return the values of the metric that ranks, (seeds,) float64."""
    values = [
        value_at(record, position)
        for record in row.cells
        for position, head in enumerate(heads_of(record))
        if sort is not None and (head.name, tuple(head.at.items())) == (sort.name, sort.at)
    ]
    return np.array([value for value in values if value is not None], dtype=np.float64)


def _improvements(scores: Sequence[Sequence[np.ndarray]]) -> list[Estimate]:
    """Return the probability of improvement of each model over the others, averaged over them."""
    if len(scores) == 2:
        return [probability_of_improvement(*scores), probability_of_improvement(*reversed(scores))]
    few_seeds = min(len(own) for of_model in scores for own in of_model) < MIN_SEEDS
    reason = f"fewer than {MIN_SEEDS} seeds on a task" if few_seeds else "an interval is shown for two models only"
    return [Estimate(value, reason=reason) for value in mean_improvement(scores)]


def table_of(summary: AcrossTasks, *, bold_best: bool = False) -> tuple[list[str], list[list[str]], list[str]]:
    """Return heading, lines and footnotes of the table, as plain text.

    Args:
        summary: the models.
        bold_best: write the best values of each column in bold, as Markdown.
    """
    notes = escaping.Notes()
    columns: dict[str, tuple[str, list[Estimate | None]]] = {
        "Average rank": ("lower", [model.rank for model in summary.models]),
        "Interquartile mean": (summary.better, [model.interquartile_mean for model in summary.models]),
        "P(improvement)": ("higher", [model.improvement for model in summary.models]),
        "Strength": ("higher", [model.strength for model in summary.models]),
    }
    if all(model.interquartile_mean is None for model in summary.models):
        del columns["Interquartile mean"]
    lines = [[model.label] for model in summary.models]
    texts = [[_text(one[number], notes) for _, one in columns.values()] for number in range(len(summary.models))]
    for column, (better, estimates) in enumerate(columns.values()):
        best = best_by_ends([None if one is None else one.interval for one in estimates], better)
        for number, line in enumerate(lines):
            text, mark = texts[number][column]
            line.append(bold(text, is_best=bold_best and number in best) + mark)
    return ["Model", *columns], lines, [*notes.lines()]


def _text(estimate: Estimate | None, notes: escaping.Notes) -> tuple[str, str]:
    """Return the value as text, and the mark of its footnote."""
    if estimate is None:
        return formatting.NOTHING, ""
    if estimate.interval is None:
        return formatting.plain_number(estimate.value), notes.mark(estimate.reason or None)
    low, high = estimate.interval
    decimals = formatting.decimals_for((high - low) / 2) if high > low else 2
    return (
        f"{formatting.rounded(estimate.value, decimals)} "
        f"[{formatting.rounded(low, decimals)}, {formatting.rounded(high, decimals)}]"
    ), ""


def about(summary: AcrossTasks) -> str:
    """Return which tasks and which metric the summary is of, as plain text."""
    by = f", ranked by {summary.metric}" if summary.metric else ", each ranked by a metric of its own"
    names = summary.left_out[:MAX_NAMED]
    more = f" and {len(summary.left_out) - len(names)} more" if len(summary.left_out) > len(names) else ""
    rest = f"; left out: {', '.join(names)}{more}" if names else ""
    rest += f"; the best {len(summary.models)} of {len(summary.models) + summary.worse} models" if summary.worse else ""
    return f"{len(summary.tasks)} tasks: {', '.join(summary.tasks)}{by}{rest}"


def as_markdown(summary: AcrossTasks) -> str:
    """Return the summary as Markdown, without a heading."""
    heading, lines, notes = table_of(summary, bold_best=True)
    cells = [[escaping.inline(line[0]), *line[1:]] for line in lines]
    table = escaping.table(heading, cells, right=range(1, len(heading)))
    return "\n\n".join([escaping.inline(about(summary)) + ".", table, *map(escaping.inline, notes), READING])


def as_text(summary: AcrossTasks) -> Iterator[str]:
    """Yield the lines of its table and its footnotes as plain text."""
    heading, lines, notes = table_of(summary)
    columns = list(zip(heading, *lines))
    widths = [max(map(escaping.width, column)) for column in columns]
    for line in (heading, *lines):
        cells = (escaping.pad(text, size, right=number > 0) for number, (text, size) in enumerate(zip(line, widths)))
        yield "  ".join(cells).rstrip()
    yield from notes
