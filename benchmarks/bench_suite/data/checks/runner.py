"""Runner: the checks by code, which of them are quick, and their findings on one task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from importlib import import_module

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, Costly, NotApplicable

Check = Callable[[CheckedTask], Iterator[Finding]]
SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class CheckFacts:
    """One check: its code, its function, and its cost."""

    code: str
    name: str
    "What it looks for, for progress and for the list of what was not checked."
    use: str
    "`module.function` in this room; imported when it is run."
    costly: bool = False
    "Whether it trains a model, or compares all examples: it runs on request only."

    def load(self) -> Check:
        """Return the function."""
        module, _, function = self.use.partition(".")
        check: Check = getattr(import_module(f"bench_suite.data.checks.{module}"), function)
        return check


CHECKS = (
    CheckFacts("D001", "equal examples in two splits", "duplicates.exact_duplicates"),
    CheckFacts("D001", "near duplicates among pictures", "near_pictures.near_duplicates"),
    CheckFacts("D001", "near duplicates among texts", "near_texts.near_duplicates"),
    CheckFacts("D001", "repeated identifiers in two splits", "repeated.shared_identifiers"),
    CheckFacts("D002", "equal inputs with different labels", "labels.contradictory_labels"),
    CheckFacts("D003", "a column that alone predicts the target", "leaks.single_predictors"),
    CheckFacts("D004", "columns that are identifiers", "identifiers.identifiers"),
    CheckFacts("D005", "constant or empty inputs", "constants.constant_inputs"),
    CheckFacts("D006", "splits that a classifier tells apart", "shift.shifted_splits", costly=True),
    CheckFacts("D007", "classes or categories that train lacks", "labels.absent"),
    CheckFacts("D008", "labels that held-out predictions contradict", "label_errors.contradicted_labels", costly=True),
    CheckFacts("D010", "groups too small to judge", "groups.small_groups"),
)
DATA_CODES = tuple(sorted({check.code for check in CHECKS}))
"The codes that need data only, not a run."


@dataclass(frozen=True)
class Checked:
    """The outcome of the checks of one task."""

    findings: tuple[Finding, ...]
    "The worst first."
    ran: int
    "Number of checks that were run."
    inapplicable: Mapping[str, str]
    "By the name of a check: why it does not apply to the task."
    too_costly: Mapping[str, str]
    "By the name of a check that was not asked for: what it would do."


def check_task(
    task: CheckedTask, codes: Set[str] = frozenset(), *, costly: bool = False, also: Set[str] = frozenset(),
    on_progress: Callable[[str], None] = lambda name: None,
) -> Checked:  # fmt: skip
    """Run the checks of one task.

    Args:
        task: the task and its data.
        codes: run only the checks of these codes, costly or not; all if empty.
        costly: run the costly checks too.
        also: run the costly checks of these codes too.
        on_progress: called with the name of each check before it begins.
    """
    findings: list[Finding] = []
    inapplicable: dict[str, str] = {}
    too_costly: dict[str, str] = {}
    ran = 0
    for check in CHECKS:
        if codes and check.code not in codes:
            continue
        wanted = costly or check.code in codes | also
        if check.costly and not wanted:
            too_costly[check.name] = "it trains a classifier"
            continue
        on_progress(check.name)
        try:
            findings += check.load()(replace(task, costly=wanted))
        except Costly as reason:
            too_costly[check.name] = str(reason)
        except NotApplicable as reason:
            inapplicable[check.name] = str(reason)
        else:
            ran += 1
    return Checked(tuple(sort_findings(findings)), ran, inapplicable, too_costly)


def sort_findings(findings: list[Finding]) -> list[Finding]:
    """Return findings with errors first, then warnings, then notes; by code within each."""
    return sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), one.code))
