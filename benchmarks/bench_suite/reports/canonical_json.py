"""One text for equal values, by which records and hardware are grouped."""

from __future__ import annotations

import json
from typing import Any

_JSON = json.JSONEncoder(sort_keys=True, default=str)


def as_json(value: Any) -> str:
    """Return a value as JSON with sorted keys; what JSON lacks, as its text."""
    return _JSON.encode(value)
