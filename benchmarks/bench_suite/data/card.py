"""Card of a hub data set: the YAML head of its README, with its configurations, classes and licence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Card:
    """The facts in the head of a README; empty if there is no README, or none that can be read."""

    files: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    "By configuration and split: glob patterns of files, relative to the folder."
    chosen: str | None = None
    "The configuration to use if none is named."
    classes: Mapping[str | None, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    "By configuration (None: any) and column: names of the classes."
    licence: str | None = None

    def classes_of(self, config: str | None) -> Mapping[str, tuple[str, ...]]:
        """Return the names of classes by column, in one configuration."""
        return self.classes.get(config) or self.classes.get(None) or {}


def read_card(folder: Path) -> Card:
    """Return the card of a folder; empty without a README, or without PyYAML (which comes with the hub's libraries)."""
    try:
        head = (folder / "README.md").read_text(encoding="utf-8").split("\n---", 1)[0]
    except (OSError, UnicodeDecodeError):
        return Card()
    if not head.startswith("---"):
        return Card()
    try:
        import yaml
    except ImportError:
        return Card()
    try:
        facts = yaml.safe_load(head[3:])
    except yaml.YAMLError:
        return Card()
    if not isinstance(facts, Mapping):
        return Card()
    configs = [entry for entry in _as_list(facts.get("configs")) if isinstance(entry, Mapping)]
    files = {str(entry.get("config_name", "default")): _patterns(entry) for entry in configs}
    default = [str(entry.get("config_name")) for entry in configs if entry.get("default")]
    named = {name: patterns for name, patterns in files.items() if patterns}
    chosen = default[0] if default else "default" if "default" in named else None
    licence = facts.get("license")
    return Card(named, chosen, _classes(facts.get("dataset_info")), licence if isinstance(licence, str) else None)


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _patterns(entry: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the patterns in `data_files` of a configuration by split; patterns without a split are those of train."""
    folder = str(entry.get("data_dir") or "")
    patterns: dict[str, tuple[str, ...]] = {}
    for part in _as_list(entry.get("data_files")):
        split, paths = ("train", part) if isinstance(part, str) else (str(part.get("split")), part.get("path"))
        added = tuple(f"{folder}/{path}".lstrip("/") for path in _as_list(paths))
        patterns[split] = (*patterns.get(split, ()), *added)
    return patterns


def _classes(infos: Any) -> dict[str | None, dict[str, tuple[str, ...]]]:
    """Return the names of classes by configuration and column."""
    classes: dict[str | None, dict[str, tuple[str, ...]]] = {}
    for info in _as_list(infos):
        columns = {}
        for feature in _as_list(info.get("features")) if isinstance(info, Mapping) else ():
            kind = feature.get("dtype") if isinstance(feature, Mapping) else None
            names = kind.get("class_label", {}).get("names") if isinstance(kind, Mapping) else None
            if isinstance(names, Mapping):  # {'0': negative, '1': positive}
                columns[str(feature.get("name"))] = tuple(str(names[key]) for key in sorted(names, key=int))
            elif isinstance(names, list):
                columns[str(feature.get("name"))] = tuple(map(str, names))
        if columns:
            classes[info.get("config_name")] = columns
    return classes


# ── classes in the metadata of an Arrow schema, where `datasets` writes them ────────────────────

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
