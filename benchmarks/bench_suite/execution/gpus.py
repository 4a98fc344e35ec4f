"""GPUs of a machine: which ones this process may use, and which unit has which, found without PyTorch."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from bench_suite.suite.plan import Unit

VISIBLE = "CUDA_VISIBLE_DEVICES"
"The variable that limits the GPUs of a process, by index or by UUID."
_SECONDS = 20
"How long `nvidia-smi` may take: it starts the driver of a machine that has slept."


def visible_gpus(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the GPUs that this process may use, each as `CUDA_VISIBLE_DEVICES` may name it.

    If the variable is set, these are its own words, indices or UUIDs, up to the first that names none (NVIDIA, CUDA C++
    Programming Guide, *CUDA Environment Variables*). Otherwise, they are the UUIDs that `nvidia-smi` prints; without
    that program there are none.

    Args:
        environment: the variables; None for those of this process.
    """
    environment = os.environ if environment is None else environment
    stated = environment.get(VISIBLE)
    if stated is None:
        return _installed_gpus()
    gpus: list[str] = []
    for word in (part.strip() for part in stated.split(",")):
        is_named = word.isdecimal() or word.startswith(("GPU-", "MIG-"))
        if not is_named or word in gpus:
            break
        gpus.append(word)
    return tuple(gpus)


def _installed_gpus() -> tuple[str, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        done = subprocess.run(
            [program, "--query-gpu=uuid", "--format=csv,noheader"], capture_output=True, text=True, timeout=_SECONDS,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in done.stdout.splitlines() if line.strip().startswith("GPU-"))


class GpuLeases:
    """The GPUs of a machine, each leased to at most one unit at a time."""

    def __init__(self, gpus: tuple[str, ...]) -> None:
        self.gpus = gpus
        self._leased: dict[str, tuple[str, ...]] = {}

    def count_for(self, unit: Unit) -> int:
        """Return the number of GPUs of a unit; 0 unless it says so, or leaves the choice to a machine that has one."""
        return gpu_count(unit) if self.gpus else 0

    def has_room(self, unit: Unit) -> bool:
        """Return whether the GPUs that a unit needs are free."""
        return self.count_for(unit) <= len(self._free())

    def take(self, unit: Unit) -> str | None:
        """Lease the GPUs that a unit needs, and return its value of `CUDA_VISIBLE_DEVICES`; None if it needs none.

        Raises:
            LookupError: they are not free.
        """
        count, free = self.count_for(unit), self._free()
        if not count:
            return None
        if len(free) < count:
            raise LookupError("too few GPUs are free")
        self._leased[unit.id] = free[:count]
        return ",".join(free[:count])

    def give_back(self, unit: str) -> None:
        """End the lease of a unit."""
        self._leased.pop(unit, None)

    def _free(self) -> tuple[str, ...]:
        leased = {gpu for gpus in self._leased.values() for gpu in gpus}
        return tuple(gpu for gpu in self.gpus if gpu not in leased)


def gpu_count(unit: Unit) -> int:
    """Return the number of GPUs of a unit on a machine that has some; 0 if it does not compute on them."""
    return max((cell.devices for cell in unit.cells if cell.device in ("cuda", "auto")), default=0)


def environment_of(gpus: str | None) -> dict[str, str]:
    """Return the environment of a process that has these GPUs to itself; without any, that of this process.

    A unit without a lease keeps what the user has set, also an empty text, which hides all GPUs.
    """
    return dict(os.environ) if gpus is None else {**os.environ, VISIBLE: gpus}
