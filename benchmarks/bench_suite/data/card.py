"""Card: what the README of a hub data set says of it in its YAML head: configurations, classes, licence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Card:
    """What a README says; empty where there is none, or none that can be read."""

    files: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    "By configuration and split: glob patterns of files, relative to the folder."
    chosen: str | None = None
    "The configuration that is meant where none is named."
    classes: Mapping[str | None, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    "By configuration (None: any) and column: names of the classes."
    licence: str | None = None

    def classes_of(self, config: str | None) -> Mapping[str, tuple[str, ...]]:
        """Names of classes by column, in one configuration."""
        return self.classes.get(config) or self.classes.get(None) or {}


def read_card(folder: Path) -> Card:
    """The card of a folder; an empty one without README, or without PyYAML (which comes with the hub's libraries)."""
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
    configs = [entry for entry in _several(facts.get("configs")) if isinstance(entry, Mapping)]
    files = {str(entry.get("config_name", "default")): _patterns(entry) for entry in configs}
    default = [str(entry.get("config_name")) for entry in configs if entry.get("default")]
    named = {name: patterns for name, patterns in files.items() if patterns}
    chosen = default[0] if default else "default" if "default" in named else None
    licence = facts.get("license")
    return Card(named, chosen, _classes(facts.get("dataset_info")), licence if isinstance(licence, str) else None)


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _patterns(entry: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """`data_files` of a configuration: one pattern or several (all of train), or patterns by split."""
    place = str(entry.get("data_dir") or "")
    patterns: dict[str, tuple[str, ...]] = {}
    for part in _several(entry.get("data_files")):
        split, paths = ("train", part) if isinstance(part, str) else (str(part.get("split")), part.get("path"))
        found = tuple(f"{place}/{path}".lstrip("/") for path in _several(paths))
        patterns[split] = (*patterns.get(split, ()), *found)
    return patterns


def _classes(infos: Any) -> dict[str | None, dict[str, tuple[str, ...]]]:
    found: dict[str | None, dict[str, tuple[str, ...]]] = {}
    for info in _several(infos):
        columns = {}
        for feature in _several(info.get("features")) if isinstance(info, Mapping) else ():
            kind = feature.get("dtype") if isinstance(feature, Mapping) else None
            names = kind.get("class_label", {}).get("names") if isinstance(kind, Mapping) else None
            if isinstance(names, Mapping):  # {'0': negative, '1': positive}
                columns[str(feature.get("name"))] = tuple(str(names[key]) for key in sorted(names, key=int))
            elif isinstance(names, list):
                columns[str(feature.get("name"))] = tuple(map(str, names))
        if columns:
            found[info.get("config_name")] = columns
    return found


# ── classes in the metadata of an Arrow schema, where `datasets` writes them too ────────────────────

KEY = b"huggingface"


def class_names(metadata: Mapping[bytes, bytes] | None, column: str) -> tuple[str, ...] | None:
    """Names of a column's classes as `datasets` writes them into the metadata of an Arrow schema, else None."""
    try:
        feature = json.loads((metadata or {})[KEY])["info"]["features"][column]
        return tuple(map(str, feature["names"])) if feature["_type"] == "ClassLabel" else None
    except (KeyError, ValueError, TypeError):
        return None


def with_class_names(
    metadata: Mapping[bytes, bytes] | None, classes: Mapping[str, tuple[str, ...]]
) -> dict[bytes, bytes]:
    """The metadata of a schema with names of classes added, for columns of which it does not name them itself."""
    try:
        features = dict(json.loads((metadata or {})[KEY])["info"]["features"])
    except (KeyError, ValueError, TypeError):
        features = {}
    for column, names in classes.items():
        if class_names(metadata, column) is None:
            features[column] = {"names": list(names), "_type": "ClassLabel"}
    return {**(metadata or {}), KEY: json.dumps({"info": {"features": features}}).encode()}
