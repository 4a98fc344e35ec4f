"""Names of classes in the metadata of an Arrow schema, where `datasets` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping

KEY = b"huggingface"


def class_names(metadata: Mapping[bytes, bytes] | None, column: str) -> tuple[str, ...] | None:
    """Return the classes of a column from the metadata of an Arrow schema, as `datasets` writes them; None without."""
    try:
        feature = json.loads((metadata or {})[KEY])["info"]["features"][column]
        return tuple(map(str, feature["names"])) if feature["_type"] == "ClassLabel" else None
    except (KeyError, ValueError, TypeError):
        return None


def with_class_names(
    metadata: Mapping[bytes, bytes] | None, classes: Mapping[str, tuple[str, ...]]
) -> dict[bytes, bytes]:
    """Return the metadata of a schema with the given classes added for the columns that have none."""
    try:
        features = dict(json.loads((metadata or {})[KEY])["info"]["features"])
    except (KeyError, ValueError, TypeError):
        features = {}
    for column, names in classes.items():
        if class_names(metadata, column) is None:
            features[column] = {"names": list(names), "_type": "ClassLabel"}
    return {**(metadata or {}), KEY: json.dumps({"info": {"features": features}}).encode()}
