"""What the commands of `bench data` share: the plan of a suite, and the sources that its data are read from."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources
    from bench_suite.suite.plan import Plan


def plan_and_sources(
    suite: str, overrides: Sequence[str], only: Sequence[str], *, offline: bool, trust: bool
) -> tuple[Plan, Sources]:
    """Return the plan of a suite and the sources of its data; nothing is read yet.

    Args:
        suite: Name or path of the suite.
        overrides: The values of `--set`.
        only: The values of `--only`.
        offline: Do not contact the hub.
        trust: Allow the code of files that the suite names.

    Raises:
        BenchError: The suite is wrong, or names code that is not trusted or does not load.
    """
    from bench_suite.suite.parser import read_suite
    from bench_suite.suite.plan import make_plan

    plan = make_plan(read_suite(suite, overrides), only)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # before any library of the hub is imported
    from bench_suite.data.cache import Cache
    from bench_suite.data.sources import Sources
    from bench_suite.execution.component_checks import check_components, check_trust

    check_trust(plan, trust=trust)
    check_components(plan)
    return plan, Sources(offline=offline, cache=Cache(), progress=sys.stderr.isatty())
