"""Claims about the checks of options that a plan and a run make alike."""

from __future__ import annotations

import pytest

from bench_suite.suite.document import SuiteError
from bench_suite.suite.option_checks import check_plan_options

REFUSED = {
    "radii": ({"robustness": {"radii": [8.0]}}, "the radius 8 is not on the raw scale"),
    "shadow_models": ({"privacy": {"shadow_models": 3}}, "shadow_models = 3 is odd"),
    "audit": ({"privacy": {"audit": 20}}, "an audit needs 10"),
    "methods": ({"ood": {"against": ["breast_cancer"], "methods": []}}, "methods is empty"),
    "against": ({"ood": {"against": ["files"]}}, "files cannot be loaded with its default options, because it needs"),
}


@pytest.mark.parametrize("option", REFUSED)
def test_a_plan_refuses_the_options_that_a_check_refuses_at_their_line(plan, option):
    probes, message = REFUSED[option]
    with pytest.raises(SuiteError) as raised:
        check_plan_options(plan(probes={"quality": {}, **probes}))
    (entry,) = raised.value.entries
    assert entry.key[-1] == option
    assert message in entry.message


def test_each_component_is_checked_once_and_all_errors_are_shown_together(plan):
    probes = {"robustness": {"radii": [8.0]}, "privacy": {"shadow_models": 3}}
    with pytest.raises(SuiteError) as raised:
        check_plan_options(plan(probes=probes, matrix={"seed": [0, 1, 2]}))
    assert [entry.key[-1] for entry in raised.value.entries] == ["radii", "shadow_models"]


def test_values_of_axes_are_checked(plan):
    tasks = [{"use": "planted_line"}]
    with pytest.raises(SuiteError, match="train = 1001 is not a multiple of four"):
        check_plan_options(plan(tasks=tasks, matrix={"tasks.planted_line.train": [1000, 1001]}))


def test_the_tasks_that_a_probe_names_are_checked_at_their_defaults(plan):
    check_plan_options(plan(probes={"ood": {"against": ["breast_cancer", "planted_gaussians"]}}))


def test_a_package_that_is_not_installed_is_no_refused_option(plan, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "bench_suite.probes.fairness.terms", None)
    from bench_suite.components import light_checks

    light_checks._checking_part.cache_clear()
    check_plan_options(plan(probes={"fairness": {}}))
