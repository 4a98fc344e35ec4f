"""Which cells are timed, and which cell of head belongs to which of base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SAME_TIME = ("seed", "fold")
"Axes whose values have the same work to do: one value stands for all."


@dataclass(frozen=True)
class PlannedCell:
    """A cell as a worker plans it."""

    id: str
    unit: str
    name: str
    labels: tuple[tuple[str, str], ...]
    "Its axes and their values."
    threads: int | str
    devices: int
    throughput: bool
    "Whether a probe `throughput` measures it."
    timed: bool
    "Whether any probe measures times of it."
    trained: bool
    "Whether it trains, so that there is a training to time."


@dataclass(frozen=True)
class Pair:
    """A cell of base and the cell of head that it is compared with."""

    name: str
    base: PlannedCell
    head: PlannedCell

    @property
    def timings(self) -> tuple[str, ...]:
        """What is timed."""
        return ("train", "predict") if self.base.trained and self.head.trained else ("predict",)


@dataclass(frozen=True)
class Pairing:
    """The pairs, and the cells that have no partner."""

    pairs: tuple[Pair, ...]
    only_base: tuple[str, ...]
    only_head: tuple[str, ...]
    several_devices: tuple[str, ...]
    "Cells that train on several devices, which are not timed."


def planned(cells: Sequence[Mapping[str, Any]]) -> list[PlannedCell]:
    """Return the cells that a worker has planned."""
    return [PlannedCell(**{**cell, "labels": tuple(cell["labels"].items())}) for cell in cells]


def timed_cells(cells: Sequence[PlannedCell]) -> list[PlannedCell]:
    """Return the cells to time: those of `throughput`, else those of any probe of times, else all.

    Of cells that share a training, or differ in seed or fold only, the first one stands for all.
    """
    wanted = [cell for cell in cells if cell.throughput] or [cell for cell in cells if cell.timed] or list(cells)
    first: dict[object, PlannedCell] = {}
    units: set[str] = set()
    for cell in wanted:
        key = tuple((axis, value) for axis, value in cell.labels if axis not in SAME_TIME)
        if cell.unit not in units:
            first.setdefault(key, cell)
        units.add(cell.unit)
    return list(first.values())


def pair_cells(base: Sequence[PlannedCell], head: Sequence[PlannedCell], *, options_differ: bool) -> Pairing:
    """Pair the timed cells of both sides: by identity, then by name, then, if options differ, by position.

    Args:
        base: timed cells of base.
        head: timed cells of head.
        options_differ: whether the user states other options for each side, which change identities and names.
    """
    one_device = [[cell for cell in cells if cell.devices == 1] for cells in (base, head)]
    several = tuple(dict.fromkeys(cell.name for cell in (*base, *head) if cell.devices > 1))
    left, right = one_device
    pairs: dict[str, PlannedCell] = {}
    for key in ("id", "name"):
        free = {getattr(cell, key): cell for cell in right if cell not in pairs.values()}
        for cell in left:
            if cell.id not in pairs and (partner := free.pop(getattr(cell, key), None)) is not None:
                pairs[cell.id] = partner
    lonely = [cell for cell in left if cell.id not in pairs]
    others = [cell for cell in right if cell not in pairs.values()]
    if options_differ and len(lonely) == len(others):
        pairs |= {cell.id: partner for cell, partner in zip(lonely, others, strict=True)}
        lonely, others = [], []
    names = [cell.name for cell in left]
    matched = [
        Pair(cell.name if names.count(cell.name) == 1 else f"{cell.name} ({cell.id})", cell, pairs[cell.id])
        for cell in left
        if cell.id in pairs
    ]
    return Pairing(tuple(matched), tuple(cell.name for cell in lonely), tuple(cell.name for cell in others), several)
