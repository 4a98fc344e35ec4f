"""Numbers that are written as code writes them: parsed at once, and only then checked for what a number is not.

`number_formats` decides by patterns which texts are numbers. Patterns over a million different values take ten times as
long as to parse them, and most columns of numbers need none. Whatever is not clear here is left to the patterns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

HEAD = 1000
"Values that are tried before the whole column is."
_INTEGER = r"^[-+]?[0-9]+$"
PLUS, MINUS, ZERO, NINE = b"+-09"


@dataclass(frozen=True)
class PlainNumbers:
    """The numbers of a column."""

    whole: bool
    "Whether each is written without a decimal part."
    values: Sequence[pa.ChunkedArray]
    "For each file: int64 if all are whole, else float64; null for a missing value."


def plain_numbers(chunks: Sequence[pa.ChunkedArray], missing: Sequence[str], stated: bool) -> PlainNumbers | None:
    """Return the numbers of a column of texts; None if they are not plain numbers, or if patterns must decide.

    Args:
        chunks: The texts of each file.
        missing: Texts that stand for a missing value.
        stated: Whether the suite states some of them, so that even one that is written as a number is missing.
    """
    first = [*missing] if stated else None
    for absent in (first,) if stated else (None, [""], [*missing]):
        if _floats([chunk.slice(0, HEAD) for chunk in chunks], absent) is None:
            continue
        texts = [_present(chunk, absent) for chunk in chunks]
        floats = _floats(texts, None)
        if floats is None:
            continue
        if not any(len(part) > part.null_count for part in floats) or any(map(_has_leading_zero, texts)):
            return None
        whole = _whole(texts)
        if whole is not None:
            return PlainNumbers(True, whole)
        return None if _all_whole(texts) else PlainNumbers(False, floats)
    return None


def _present(texts: pa.ChunkedArray, absent: Sequence[str] | None) -> pa.ChunkedArray:
    """Return texts without space around them, and null for those that are `absent`; None: the texts themselves."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if absent is None:
        return texts
    if [*absent] == [""]:
        missing = pc.equal(texts, pa.scalar("", texts.type))
    else:
        missing = pc.is_in(texts, value_set=pa.array(absent, texts.type))
    return pc.utf8_trim_whitespace(pc.if_else(missing, pa.scalar(None, texts.type), texts))


def _floats(chunks: Sequence[pa.ChunkedArray], absent: Sequence[str] | None) -> list[pa.ChunkedArray] | None:
    """Return the numbers of texts; None if one is no finite number. Arrow takes `nan` and `inf` for numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        floats = [_present(chunk, absent).cast(pa.float64()) for chunk in chunks]
    except pa.ArrowInvalid:
        return None
    return floats if all(pc.all(pc.is_finite(part), min_count=0).as_py() for part in floats) else None


def _whole(chunks: Sequence[pa.ChunkedArray]) -> list[pa.ChunkedArray] | None:
    import pyarrow as pa

    try:
        return [chunk.cast(pa.int64()) for chunk in chunks]
    except pa.ArrowInvalid:
        return None


def _all_whole(chunks: Sequence[pa.ChunkedArray]) -> bool:
    """Return whether each number is written without a decimal part, although not all are 64-bit integers: `+1`."""
    import pyarrow.compute as pc

    heads = (chunk.slice(0, HEAD) for chunk in chunks)
    return all(pc.all(pc.match_substring_regex(chunk, _INTEGER), min_count=0).as_py() for chunk in (*heads, *chunks))


def _has_leading_zero(texts: pa.ChunkedArray) -> bool:
    """Return whether a text begins with a sign or none, a zero and another digit, which only codes are written with."""
    import pyarrow as pa

    for array in texts.chunks:
        _, positions, content = array.buffers()
        if content is None or not len(array):
            continue
        data = np.frombuffer(content, dtype=np.uint8)
        kind = np.int64 if pa.types.is_large_string(array.type) else np.int32
        ends = np.frombuffer(positions, dtype=kind)[array.offset : array.offset + len(array) + 1].astype(np.int64)
        present = np.diff(ends) > 0
        begin, end = ends[:-1][present], ends[1:][present]
        signs = data[begin]
        begin = begin + ((signs == PLUS) | (signs == MINUS))
        candidates = begin + 1 < end
        begin = begin[candidates]
        following = data[begin[data[begin] == ZERO] + 1]
        if ((following >= ZERO) & (following <= NINE)).any():
            return True
    return False
