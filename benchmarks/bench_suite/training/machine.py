"""Machine: the description of the environment, with the accelerators if PyTorch is imported already."""

from __future__ import annotations

import sys
from typing import Any

from bench_suite import environment


def describe() -> dict[str, Any]:
    """Return `environment.describe` with this machine's accelerators; PyTorch is never imported to find them."""
    if "torch" not in sys.modules:
        return environment.describe()
    from bench_suite.training import devices

    return environment.describe(devices.accelerators())
