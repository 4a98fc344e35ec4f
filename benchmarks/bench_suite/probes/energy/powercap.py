"""Powercap: the energy counters of processor packages and memory that Linux shows (RAPL), without what overlaps.

The kernel shows *domains* in `/sys/class/powercap`, and many of them contain one another: `package-0` contains its
`core` and `uncore`; `psys` contains packages; `intel-rapl-mmio` shows a package a second time; the dies of some
processors all show the counter of the whole package. A sum over all would count the same joules twice or more. Here the
CPU is the sum of its packages, each once, and the memory is the sum of `dram`, which no package contains.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_suite.probes.energy.sources import Counter, Hardware

ROOT = Path("/sys/class/powercap")
"Where Linux shows the counters."
UNIT = 1e6
"Microjoules in a joule."
SAME_COUNTER = 1.0
"""Joules by which two readings of one counter differ at most, one right after the other. Counters of two dies that
differ by less are taken for one: if they are two, that happens by chance to three pairs in 100,000."""
_PACKAGE = re.compile(r"package-(\d+)(?:-die-(\d+))?$")


class NoCounter(Exception):
    """The energy of a kind of hardware cannot be read; the message is the reason, with what to do about it."""


@dataclass(frozen=True)
class Domain:
    """A folder of the kernel with a counter of its own."""

    folder: Path
    label: str
    "`package-0`, `package-0-die-1`, or `package-0/dram`: equal for two folders that show the same."
    hardware: Hardware
    wraps_at: float
    "Joules at which the counter begins again."

    def joules(self) -> float:
        """Return what the counter shows. Raises OSError or ValueError if it cannot be read."""
        return int((self.folder / "energy_uj").read_text()) / UNIT

    def counter(self) -> Counter:
        """Return the domain as a source."""
        return Counter(self.hardware, f"the counter {self.folder.name} ({self.label})", self.joules, self.wraps_at)


def domains(root: Path = ROOT) -> list[Domain]:
    """Return the packages and the memories that do not overlap.

    Raises:
        NoCounter: there is no package, or a counter cannot be read.
    """
    if not root.is_dir():
        raise NoCounter(
            f"this system shows no energy counter of its processor: {root} does not exist, as in most virtual "
            "machines and containers, and on systems other than Linux"
        )
    names = {folder.name: _read_name(folder) for folder in sorted(root.glob("*:*"))}
    by_label: dict[str, Domain] = {}
    # `intel-rapl:0` comes before `intel-rapl-mmio:0`, which shows the same package.
    for folder_name in sorted(names, key=lambda name: (name.count(":"), "-mmio" in name, name)):
        described = _describe(folder_name, names)
        if described is not None and described[0] not in by_label:
            label, hardware = described
            domain, joules = _open(root / folder_name, label, hardware)
            if hardware == "cpu" or joules:  # some machines show a `dram` that never counts
                by_label[label] = domain
    if not any(domain.hardware == "cpu" for domain in by_label.values()):
        present = ", ".join(sorted({name for name in names.values() if name})) or "nothing"
        raise NoCounter(f"{root} shows no package of the processor (it shows: {present})")
    return _without_mirrors(list(by_label.values()))


def _read_name(folder: Path) -> str:
    """Return the name of a domain; empty if the folder has none, as that of a whole control type."""
    try:
        return (folder / "name").read_text().strip()
    except (OSError, ValueError):  # a name that is no text is none of those that are known
        return ""


def _describe(folder_name: str, names: dict[str, str]) -> tuple[str, Hardware] | None:
    """Return label and hardware of a domain; None if it is contained in another one or contains others."""
    name = names[folder_name]
    if _PACKAGE.match(name):
        return name, "cpu"
    if name == "dram":
        parent = names.get(folder_name.rpartition(":")[0], "")
        return f"{parent}/dram".lstrip("/"), "memory"
    return None


def _open(folder: Path, label: str, hardware: Hardware) -> tuple[Domain, float]:
    """Return a domain and what its counter shows. Raises NoCounter if it cannot be read."""
    try:
        wraps_at = int((folder / "max_energy_range_uj").read_text()) / UNIT
        domain = Domain(folder, label, hardware, wraps_at)
        joules = domain.joules()
    except PermissionError as error:
        raise NoCounter(
            f"only the administrator may read {folder}/energy_uj; this lets all users read it until the next start: "
            f"sudo chmod a+r {folder.parent}/intel-rapl*/energy_uj"
        ) from error
    except (OSError, ValueError) as error:
        raise NoCounter(f"{folder}/energy_uj cannot be read ({error})") from error
    if wraps_at <= 0:
        raise NoCounter(f"{folder}/max_energy_range_uj is {wraps_at:g}, so its wrap-around is not known")
    return domain, joules


def _without_mirrors(candidates: Sequence[Domain]) -> list[Domain]:
    """Return the domains without dies that show the counter of another die of their package, as on AMD's Zen 1 and 2.

    Raises:
        NoCounter: a counter cannot be read any more.
    """
    chosen: list[Domain] = []
    for domain in candidates:
        package = _PACKAGE.match(domain.label)
        siblings = [other for other in chosen if package and other.label.startswith(f"package-{package[1]}-die-")]
        if not any(_is_one_counter(domain, other) for other in siblings):
            chosen.append(domain)
    return chosen


def _is_one_counter(first: Domain, second: Domain) -> bool:
    try:
        apart = abs(first.joules() - second.joules())
    except (OSError, ValueError) as error:
        raise NoCounter(f"{first.folder}/energy_uj cannot be read ({error})") from error
    return min(apart, abs(first.wraps_at - apart)) <= SAME_COUNTER
