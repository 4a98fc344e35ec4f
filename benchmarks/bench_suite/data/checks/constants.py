"""D005: inputs that say nothing, because they are constant or empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable, share


def constant_inputs(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding on constant or empty columns, or one for each split with blank pictures or empty texts."""
    if task.modality == "table":
        yield from _columns(task)
    elif task.modality in ("image", "text"):
        yield from _blank(task)
    else:
        raise NotApplicable("its inputs are neither pictures, texts nor a table")


def _columns(task: CheckedTask) -> Iterator[Finding]:
    table = task.table("train")
    if len(table) < 2:
        raise NotApplicable("train has a single example")
    texts: dict[str, tuple[str, str]] = {}
    varies = False
    for source in task.columns:
        codes = source.codes(table)
        known = codes[~np.isnan(codes)]
        if len(known) and known.min() != known.max():
            continue
        if len(known) and len(known) < len(codes):
            continue  # whether the value is missing may say something
        value = source.categories[int(known[0])] if source.categories and len(known) and known[0] >= 0 else None
        is_empty = not len(known) or value == "missing"
        text = "no value" if is_empty else f"the same value ({f'{known[0]:g}' if value is None else value})"
        differing = _differing(task, source.positions, table[0, list(source.positions)])
        elsewhere = f"; not so in {', '.join(differing)}" if differing else ""
        varies = varies or bool(differing)
        texts[source.name] = (text, elsewhere)
    if texts:
        yield task.finding(
            "D005", "warning" if varies else "note", _summary(texts, len(table)), task.without_columns([*texts]),
            [*texts],
        )  # fmt: skip


def _summary(texts: Mapping[str, tuple[str, str]], n: int) -> str:
    """Return what is said of constant columns: `column `site` has no value in all 200 rows of train`.

    Args:
        texts: by column: what it has, and in which splits it has something else.
        n: number of rows of train.
    """
    if len(texts) == 1:
        (name, (text, elsewhere)), *_ = texts.items()
        return f"column `{name}` has {text} in all {n:,} rows of train{elsewhere}"
    listed = ", ".join(f"`{name}` has {text}{elsewhere}" for name, (text, elsewhere) in texts.items())
    return f"{len(texts)} columns are constant in all {n:,} rows of train: {listed}"


def _differing(task: CheckedTask, positions: tuple[int, ...], first: np.ndarray) -> list[str]:
    """Return the other splits in which a column has another value than in the first row of train."""
    others = [name for name in task.data.splits if name != "train" and task.split(name).in_memory]
    tables = {name: task.table(name)[:, list(positions)] for name in others}
    return [
        name for name, values in tables.items() if not ((values == first) | (np.isnan(values) & np.isnan(first))).all()
    ]


def _blank(task: CheckedTask) -> Iterator[Finding]:
    is_image = task.modality == "image"
    for name in task.data.splits:
        if not task.split(name).in_memory:
            continue
        values = task.inputs(name)
        rows = _one_colour(np.asarray(values)) if is_image else _empty_texts(values)
        if not len(rows):
            continue
        what = "pictures of one colour throughout" if is_image else "texts without a letter or digit"
        mend = (
            "remove these files, or correct how they are read (transparency, 16 bits)"
            if is_image
            else ("remove these rows, or name the columns that hold the text in `inputs`")
        )
        yield task.finding(
            "D005",
            "error" if len(rows) == len(task.split(name)) else "warning",
            f"{share(len(rows), len(task.split(name)))} examples of {name} are {what}",
            mend,
            name,
            {"share": len(rows) / len(task.split(name))},
            [task.evidence(name, rows)],
        )


def _one_colour(images: np.ndarray) -> np.ndarray:
    """Return the rows of (n, H, W, C) whose pixels are all equal; most are settled by two pixels."""
    flat = images.reshape(len(images), -1, images.shape[-1])
    rows = np.arange(len(flat))
    step = max(flat.shape[1] // 16, 1)
    for pixels in (slice(0, None, step), slice(None)):
        part = flat[rows][:, pixels] if len(rows) < len(flat) else flat[:, pixels]
        rows = rows[(part == part[:, :1]).all(axis=(1, 2))]
    return rows


def _empty_texts(texts: list[str]) -> np.ndarray:
    return np.array([row for row, text in enumerate(texts) if not any(map(str.isalnum, text))], dtype=np.int64)
