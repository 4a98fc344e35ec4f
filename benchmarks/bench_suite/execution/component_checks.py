"""Checks of a plan's components before the first cell: files that need trust, imports, and each `check(options)`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from bench_suite.components import discovery
from bench_suite.contracts import BenchError
from bench_suite.execution.process_state import ProcessState, all_settings
from bench_suite.suite.option_checks import refusing, uses_of
from bench_suite.suite.plan import Plan


class NeedsTrust(BenchError):
    """A suite that names Python files, which are run only with `--trust`."""


def check_trust(plan: Plan, *, trust: bool, flag: str = "--trust") -> None:
    """Raise NeedsTrust if the suite names Python files and they are not trusted; `flag` is what allows them."""
    external = plan.suite.external
    if external and not trust:
        listed = "".join(f"\n  {component.kind[:-1]:8} {component.use}" for component in external)
        raise NeedsTrust(f"this suite runs code from its own files:{listed}\nread them, then add {flag}")


def check_components(plan: Plan) -> tuple[str, ...]:
    """Import every component of the plan and call its optional `check(options)`.

    Settings that change the numbers of other cells, such as PyTorch's default dtype, are restored.

    Returns:
        A note about the settings that were changed and restored, if there are any.

    Raises:
        SuiteError: lists every component that does not load and every check that failed.
    """
    document = plan.suite.document
    state = ProcessState.capture(setting for setting in all_settings() if setting.numeric)
    for component, options, key, use in uses_of(plan):
        refusing(document, key, use, partial(_check, component, options))
    document.raise_errors()
    kinds = state.restore().restored
    if not kinds:
        return ()
    advice = "a model that needs it sets it in its `build`"
    return (f"importing the suite's components changed {', '.join(kinds)}; this was undone: {advice}",)


def check_executor(plan: Plan) -> None:
    """Let the plan's executor check that it can work here: that its cluster answers, for example.

    Raises:
        SuiteError: it cannot.
    """
    executor = plan.suite.executor
    if executor is not None:
        document = plan.suite.document
        refusing(document, executor.key, "executor", partial(_check, executor.component, executor.stated))
        document.raise_errors()


def _check(component: discovery.Component, options: Mapping[str, Any] | None) -> None:
    """Import a component, and call its `check` if it has options; raise what either raises."""
    module = discovery.load(component)
    if options is not None and "check" in component.functions:
        module.check(discovery.make_options(component, options))
