"""Corruptions by modality: which there are, and each of them as a change of raw values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bench_suite.contracts import Data, Transform
from bench_suite.data.splits import modalities_in
from bench_suite.probes.robustness import images, tables, texts

Modality = Literal["image", "text", "table"]
NAMES: Mapping[str, tuple[str, ...]] = {
    "image": tuple(images.CORRUPTIONS),
    "text": tuple(texts.CORRUPTIONS),
    "table": tuple(tables.CORRUPTIONS),
}
"Corruptions by modality, in the order of reports."


@dataclass(frozen=True)
class Examples:
    """What corruptions need to know of a task's examples."""

    modality: Modality
    columns: tables.Columns | None = None
    "Of a table."

    @classmethod
    def of(cls, data: Data) -> Examples | str:
        """Return it for a task's data, or the reason why its examples cannot be corrupted."""
        modalities = modalities_in(data)
        if not modalities:
            return "the examples are neither images nor texts nor tables"
        modality: Any = modalities[0]
        if modality == "image":
            channels = data.splits["train"].take(np.arange(1))["image"].shape[3]
            if channels not in (1, 3):
                return f"the images have {channels} channels; corruptions are for grey and colour ones"
        return cls(modality, tables.Columns.of(data) if modality == "table" else None)

    def names(self, chosen: Sequence[str] | str) -> tuple[str, ...]:
        """Return the chosen corruptions of this modality; `all` chooses all of them, and `none` none."""
        known = NAMES[self.modality]
        if isinstance(chosen, str):
            return known if chosen == "all" else ()
        return tuple(name for name in known if name in chosen)

    def inapplicable(self, name: str) -> str | None:
        """Return why a corruption of this modality changes nothing here; None if it does."""
        corruption = tables.CORRUPTIONS.get(name) if self.columns is not None else None
        if corruption is not None and self.columns is not None and corruption.numbers_only:
            return None if self.columns.numeric.any() else "no column has more than two different values"
        return None

    def change(self, name: str, severity: int) -> Transform:
        """Return a corruption, at a severity from 1 to 5, as a change of raw values."""

        def corrupt(raw: Mapping[str, Any]) -> Mapping[str, Any]:
            if self.modality == "image":
                return {**raw, "image": images.corrupt_images(np.asarray(raw["image"]), name, severity)}
            if self.modality == "text":
                return {**raw, "text": texts.corrupt_texts(raw["text"], name, severity)}
            assert self.columns is not None
            return {**raw, "table": tables.corrupt_table(raw["table"], name, severity, self.columns)}

        return corrupt
