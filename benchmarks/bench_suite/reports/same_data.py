"""Which data sets are the same: those of one fingerprint, and those of the same examples in another order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def representatives(all_data: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return for each fingerprint the first one of the same examples.

    Args:
        all_data: `Record.data` of all records, in the order in which a fingerprint should stand for others. A record of
            an earlier version has no fingerprints of its splits, and is the same as another of its fingerprint.
    """
    first: dict[tuple[tuple[str, str], ...], str] = {}
    same: dict[str, str] = {}
    for data in all_data:
        fingerprint, splits = str(data.get("fingerprint", "")), data.get("fingerprints")
        if splits:
            examples = tuple(sorted((name, str(split.get("examples"))) for name, split in splits.items()))
            same[fingerprint] = first.setdefault(examples, fingerprint)
        else:
            same.setdefault(fingerprint, fingerprint)
    return same
