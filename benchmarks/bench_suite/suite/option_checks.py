"""Checks of options by the components that have them, as far as they need no code but the program's own.

`bench plan` calls them, and `bench run` before it imports PyTorch. A run repeats them later with every component
imported, so those of other people's files and packages are made then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from bench_suite.components.discovery import Component
from bench_suite.components.evaluate_uri import PREFIX as EVALUATE
from bench_suite.components.light_checks import can_check, check_options
from bench_suite.components.options import MISSING
from bench_suite.contracts import ComponentError, OptionError, describe_error, error_text
from bench_suite.suite.document import Document
from bench_suite.suite.plan import Plan
from bench_suite.suite.spec import ComponentUse
from bench_suite.suite.toml_positions import Path as KeyPath

Use = tuple[Component, Mapping[str, Any] | None, KeyPath, str]
"A component, its options (None if it has none here), the key of its table, and the key that names the component."


def check_plan_options(plan: Plan) -> None:
    """Call the `check(options)` of each component of a plan that is a part of the program.

    Raises:
        SuiteError: lists every check that failed.
    """
    document = plan.suite.document
    for component, options, key, use in uses_of(plan):
        if options is not None and can_check(component):
            refusing(document, key, use, partial(_check_options, component, options))
    document.raise_errors()


def _check_options(component: Component, options: Mapping[str, Any]) -> None:
    with suppress(ImportError):  # a package is not installed, which the plan shows and the run refuses
        check_options(component, options)


def uses_of(plan: Plan) -> Iterator[Use]:
    """Yield the components of a plan, each once with the same options."""
    seen: set[Any] = set()
    for use in _all_uses(plan):
        identity = (use[0].path, repr(use[1]))
        if identity not in seen:
            seen.add(identity)
            yield use


def _all_uses(plan: Plan) -> Iterator[Use]:
    for cell in plan.cells:
        for use, options in ((cell.task, cell.options["task"]), (cell.model, cell.options["model"])):
            yield use.component, options, use.key, "use"
        for component in (*cell.problems, *([cell.engine] if cell.engine else [])):
            yield component, None, cell.task.key, "use"
    for probe in plan.suite.probes:
        yield probe.component, probe.stated, probe.key, "use"
        yield from ((task, {}, probe.key, option) for option, task in _named(probe, "tasks") if _has_defaults(task))
        yield from ((metric, None, probe.key, option) for option, metric in _named(probe, "metrics"))


def _named(probe: ComponentUse, kind: str) -> Iterator[tuple[str, Component]]:
    """Yield the components of a kind that the options of a probe name, each with the option."""
    for option, named in probe.component.facts.get("NAMES", {}).items():
        if named == kind:
            files = (part for part in probe.named if part.kind == kind)
            yield from ((option, part) for part in files if not str(part.path).startswith(EVALUATE))


def _has_defaults(task: Component) -> bool:
    return all(option.default is not MISSING for option in task.options.values())


def refusing(document: Document, key: KeyPath, use: str, check: Callable[[], None]) -> None:
    """Call a check, and add its error to the document, at the option that it names or at the component.

    Args:
        document: of the suite.
        key: of the component's table.
        use: the key in that table that names the component.
        check: imports the component, calls its `check`, or both.
    """
    try:
        check()
    except OptionError as error:
        option = (*key, *error.key[:1])
        stated = error.key and any(known[: len(option)] == option for known in (*document.lines, *document.flags))
        document.error((*key, *error.key) if stated else (*key, use), str(error))
    except (ComponentError, ValueError, SystemExit) as error:
        document.error((*key, use), error_text(error) or f"its check raised {describe_error(error)}")
    except Exception as error:  # noqa: BLE001 - `check` is a component's, and may raise anything
        document.error((*key, use), f"its check raised {describe_error(error)}")
