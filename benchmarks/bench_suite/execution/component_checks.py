"""Checks of a plan's components before the first cell: files that need trust, imports, and each `check(options)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench_suite.components import discovery
from bench_suite.contracts import BenchError, ComponentError, OptionError, describe_error, error_text
from bench_suite.execution.process_state import ProcessState, all_settings
from bench_suite.suite.plan import Plan


class NeedsTrust(BenchError):
    """A suite that names Python files, which are run only with `--trust`."""


def check_trust(plan: Plan, *, trust: bool) -> None:
    """Raise NeedsTrust if the suite names Python files and they are not trusted."""
    external = plan.suite.external
    if external and not trust:
        listed = "".join(f"\n  {component.kind[:-1]:8} {component.use}" for component in external)
        raise NeedsTrust(f"this suite runs code from its own files:{listed}\nread them, then add --trust")


def check_components(plan: Plan) -> tuple[str, ...]:
    """Import every component of the plan and call its optional `check(options)`.

    Settings that change the numbers of other cells, such as PyTorch's default dtype, are restored.

    Returns:
        A note about the settings that were changed and restored, if there are any.

    Raises:
        SuiteError: lists every component that does not load and every check that failed.
    """
    document = plan.suite.document
    seen: set[Any] = set()
    state = ProcessState.capture(setting for setting in all_settings() if setting.numeric)
    for cell in plan.cells:
        for use, options in ((cell.task, cell.options["task"]), (cell.model, cell.options["model"])):
            _check(use.component, options, use.key, document, seen)
        for component in (*cell.problems, *([cell.engine] if cell.engine else [])):
            _check(component, None, cell.task.key, document, seen)
    for probe in plan.suite.probes:
        _check(probe.component, probe.stated, probe.key, document, seen)
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
        _check(executor.component, executor.stated, executor.key, document, set(), "executor")
        document.raise_errors()


def _check(
    component: discovery.Component, options: Mapping[str, Any] | None, key: Any, document: Any, seen: set[Any],
    use: str = "use",
) -> None:  # fmt: skip
    identity = (component.path, repr(options))
    if identity in seen:
        return
    seen.add(identity)
    try:
        module = discovery.load(component)
        if options is not None and "check" in component.functions:
            module.check(discovery.make_options(component, options))
    except OptionError as error:
        option = (*key, *error.key[:1])
        stated = error.key and any(known[: len(option)] == option for known in (*document.lines, *document.flags))
        document.error((*key, *error.key) if stated else (*key, "use"), str(error))
    except (ComponentError, ValueError, SystemExit) as error:
        document.error((*key, use), error_text(error) or f"its check raised {describe_error(error)}")
    except Exception as error:  # noqa: BLE001 - `check` is a component's, and may raise anything
        document.error((*key, use), f"its check raised {describe_error(error)}")
