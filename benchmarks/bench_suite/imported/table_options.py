"""Options that the importers of tables share: which column is what, and which part of the table is imported."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError

ITEM = ("item", "item_id", "sample_id", "example_id", "question_id", "id", "sample", "example")
MODEL = ("model", "model_id", "model_name")
REPEAT = ("epoch", "repeat", "repetition")
SCORE = ("score",)
TARGET = ("target", "label", "y_true")
PREDICTION = ("prediction", "y_pred")
SCORES = ("scores", "probabilities", "y_prob", "y_score")
"Names that a column of this kind usually has, the most usual first."


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    item: str = ""
    "Column that names the item, such as a question; by default `item`, `item_id`, … if there is one."
    model: str = ""
    "Column that names the model; by default `model`, `model_id`, … if there is one, else `name` names the model."
    repeat: str = ""
    "Column that numbers the repetitions of an item, which become a cluster; by default `epoch`, … if there is one."
    task: str = ""
    "Column that names the task; by default there is one task."
    task_name: str = ""
    "What the task is called, if no column names it; by default as the file."
    seed: str = ""
    "Column with the seed of the training; each seed becomes a cell."
    cluster: str = ""
    "Column of what ties items to one another, such as the text that several questions are about."
    model_value: str = ""
    "The only model to import, as the table calls it; by default all."
    name: str = ""
    "What the model is called in the run; by default as in the table."
    encoding: str = ""
    "Encoding of a text file, such as `cp1252`; by default UTF-8."
    max_bytes: int = 0
    "Most bytes of one file; 0: as many as fit into memory, and 2 GiB of a file that is read whole."


def column(option: str, stated: str, usual: Sequence[str], known: Collection[str], *, required: bool = False) -> str:
    """Return the column that an option names, or else the first usual name that the table has; empty if it has none.

    Args:
        option: name of the option, for errors.
        stated: its value.
        usual: names that such a column usually has.
        known: the columns of the table.
        required: whether there must be such a column.

    Raises:
        BenchError: the table lacks the stated column, or a required one.
    """
    listed = ", ".join(map(repr, list(known)[:20]))
    if stated:
        if stated not in known:
            raise BenchError(f"there is no column {stated!r}{nearest(stated, known)}; the columns are {listed}")
        return stated
    by_case = {name.lower(): name for name in reversed(list(known))}
    chosen = next((by_case[name] for name in usual if name in by_case), "")
    if required and not chosen:
        raise BenchError(
            f"no column is called {' or '.join(usual[:2])}; the columns are {listed}\n  name it: --{option} COLUMN"
        )
    return chosen
