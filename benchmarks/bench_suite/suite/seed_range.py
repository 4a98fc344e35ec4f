"""`seeds` of the section `[gate]`: how many seeds a run begins with, and up to how many a comparison adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench_suite.components.options import MISSING, show
from bench_suite.suite.section_reader import Sections
from bench_suite.suite.spec import AXES, GATE_SEEDS, SeedRange, Suite
from bench_suite.suite.toml_positions import Path as KeyPath

SEED = "seed"
MIN_SEEDS = 2
"Seeds without which their spread is not known."
MAX_SEEDS = 100
"More seeds are a slip of the pen: nobody trains so many to decide about a gate."
FORM = "{ from = 3, to = 15 }"
_PATH: KeyPath = ("gate", GATE_SEEDS)


def read_seed_range(sections: Sections, axes: Mapping[str, tuple[Any, ...]]) -> SeedRange | None:
    """Return `[gate] seeds`; None without it, or after adding an error.

    Args:
        sections: the sections of the suite.
        axes: the axes of the matrix as they are stated.
    """
    stated = sections.section("gate").get(GATE_SEEDS)
    if stated is None:
        return None
    if not isinstance(stated, dict) or not stated:
        sections.error(_PATH, f"must be a table: {GATE_SEEDS} = {FORM}")
        return None
    sections.check_keys(stated, ("from", "to"), _PATH)
    for key in ("from", "to"):
        value = stated.get(key)
        if value is None:
            sections.error(_PATH, f"lacks `{key}`: {GATE_SEEDS} = {FORM}")
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not MIN_SEEDS <= value <= MAX_SEEDS:
            sections.error((*_PATH, key), f"{show(value)} is not a whole number from {MIN_SEEDS} to {MAX_SEEDS}")
            return None
    first, most = stated["from"], stated["to"]
    if most < first:
        sections.error((*_PATH, "to"), f"{most} is less than from = {first}")
        return None
    seeds = axes.get(SEED, ())
    if len(seeds) > first:
        sections.error(
            _PATH,
            f"begins with {first} seeds, and matrix.seed names {len(seeds)}: leave matrix.seed out (then they are "
            f"0, 1, 2, …), or begin with {len(seeds)} seeds",
        )
        return None
    return SeedRange(first, most)


def check_seed_range(sections: Sections, gates: Sequence[Any], seeds: SeedRange | None) -> None:
    """Add an error if no gate has a tolerance, for which alone a comparison adds seeds."""
    if seeds is not None and not any("tolerance" in gate.rules for gate in gates) and not sections.document.errors:
        sections.error(
            _PATH,
            'seeds are added until each tolerance is decided, and no gate has one: "METRIC" = { tolerance = 0.01 }',
        )


def first_seeds(stated: Sequence[int], count: int) -> tuple[int, ...]:
    """Return this many seeds: the stated ones, by default 0, and then those that follow the largest of them."""
    known = [seed for seed in stated if seed is not MISSING] or [AXES[SEED].default]
    largest = max(known)
    return tuple([*known, *range(largest + 1, largest + 1 + count)][:count])


def with_seeds(suite: Suite, count: int) -> Suite:
    """Return the suite with this many seeds, as `first_seeds` counts them."""
    return replace(suite, axes={**suite.axes, SEED: first_seeds(suite.axes.get(SEED, ()), count)})
