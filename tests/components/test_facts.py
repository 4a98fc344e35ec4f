"""The facts of components agree with one another and with what they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.components import discovery
from bench_suite.contracts import ComponentError
from bench_suite.store.records import is_time_unit

BUILTIN = [(kind, name) for kind in discovery.KINDS for name in discovery.builtin(kind)]
PROBE = "METRICS = {}\n\n\ndef probe(trained, options):\n    yield from ()\n"


@pytest.mark.parametrize("name", discovery.builtin("problems"))
def test_every_metric_of_a_problem_has_its_function_and_the_same_unit_and_direction(name):
    problem = discovery.find("problems", name, Path())
    for metric, facts in problem.facts["METRICS"].items():
        if metric in problem.functions:
            continue
        file = discovery.find("metrics", metric, Path())
        assert callable(getattr(discovery.load(file), metric))
        shared = [key for key in ("unit", "better", "ideal", "range") if key.upper() in file.facts]
        stated = {key: file.facts[key.upper()] for key in shared}
        assert {key: facts[key] for key in stated} == stated


@pytest.mark.parametrize("name", discovery.builtin("probes"))
def test_every_metric_of_a_probe_has_a_unit_and_a_direction(name):
    for facts in discovery.find("probes", name, Path()).facts["METRICS"].values():
        assert facts["unit"]
        assert facts["better"] in ("higher", "lower", "none")


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in ("problems", "probes") for name in discovery.builtin(kind)]
)
def test_every_metric_is_defined_in_one_line_of_plain_words(kind, name):
    for metric, facts in discovery.find(kind, name, Path()).facts["METRICS"].items():
        assert 20 <= len(facts["about"]) <= 165, metric
        assert not facts["about"].endswith("."), "what shows it adds direction, unit and range"
        assert len(facts.get("title", "title")) <= 48, metric


def test_a_definition_that_is_no_text_is_an_error_of_its_file(tmp_path):
    (tmp_path / "mine.py").write_text(PROBE.replace("{}", '{"share": {"unit": "fraction", "about": 1}}'))
    with pytest.raises(ComponentError, match="METRICS"):
        discovery.find("probes", "./mine.py", tmp_path)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in ("metrics", "problems", "probes") for name in discovery.builtin(kind)]
)
def test_every_metric_states_its_smallest_and_largest_value(kind, name):
    component = discovery.find(kind, name, Path())
    metrics = component.facts["METRICS"] if kind != "metrics" else {name: {"range": component.facts.get("RANGE")}}
    for metric, facts in metrics.items():
        assert facts["range"] is not None, metric
        if facts.get("unit") == "fraction":
            assert facts["range"][1] == 1.0 or metric.endswith("utilisation")  # above 1 if the peak is stated too low


@pytest.mark.parametrize("name", discovery.builtin("probes"))
def test_a_metric_of_a_probe_in_a_unit_of_time_states_that_it_is_a_timing(name):
    for metric, facts in discovery.find("probes", name, Path()).facts["METRICS"].items():
        assert facts.get("timing", False) or not is_time_unit(facts["unit"]), metric


@pytest.mark.parametrize("bounds", ["(1.0, 0.0)", "(0.0,)", "1.0", "(0.0, 'high')", "(0.0, 0.5)", "(True, 2.0)"])
def test_a_range_that_is_none_of_the_metric_is_an_error_of_its_file(tmp_path, bounds):
    stated = f'{{"unit": "fraction", "better": "higher", "ideal": 1.0, "range": {bounds}}}'
    (tmp_path / "mine.py").write_text(PROBE.replace("{}", f'{{"share": {stated}}}'))
    with pytest.raises(ComponentError, match="METRICS"):
        discovery.find("probes", "./mine.py", tmp_path)


@pytest.mark.parametrize("name", discovery.builtin("tasks"))
def test_every_task_names_a_problem_that_is_there_and_where_its_data_come_from(name):
    task = discovery.find("tasks", name, Path())
    for problem in task.words("PROBLEM"):
        discovery.find("problems", problem, Path())
    generated = name.startswith(("planted_", "synthetic_"))
    named_by_the_suite = {"id", "path"} & {*task.options}  # of `hub` and `files`
    assert generated or task.words("HUB") or task.words("PACKAGE") or named_by_the_suite
    assert "data" not in task.options or task.options["data"].default == "full"


@pytest.mark.parametrize(("kind", "name"), BUILTIN)
def test_needs_bounds_and_smoke_values_name_options_that_are_there(kind, name):
    component = discovery.find(kind, name, Path())
    for fact in ("SMOKE", "NEEDS_BY", "NEEDS_UNLESS", "OPTION_NEEDS", "NAMES"):
        assert set(component.facts.get(fact, {})) <= set(component.options)
    for option, value in component.facts.get("SMOKE", {}).items():
        component.options[option].accept(value)


def test_engines_accept_training_options_that_are_there():
    from bench_suite.suite.spec import train_options

    for kind in ("engines", "models"):
        for name in discovery.builtin(kind):
            assert set(discovery.find(kind, name, Path()).words("ACCEPTS")) <= set(train_options())


@pytest.mark.parametrize(
    ("kind", "source", "missing"),
    [
        ("tasks", "", "MODALITY, PROBLEM, load()"),
        ("metrics", 'UNIT = ""', "BETTER, mine()"),
        ("probes", "METRICS = {}", "probe()"),
        ("probes", "METRICS = {}\n\n\ndef summarise(records, options):\n    yield from ()", ""),
        ("exporters", "", "export()"),
        ("exporters", "def follow(run): ...", ""),
    ],
)
def test_a_component_that_lacks_a_fact_or_a_function_is_refused(tmp_path, kind, source, missing):
    (tmp_path / "mine.py").write_text(source + "\n")
    if not missing:
        assert discovery.find(kind, "./mine.py", tmp_path).name == "mine"
        return
    with pytest.raises(ComponentError) as error:
        discovery.find(kind, "./mine.py", tmp_path)
    assert str(error.value) == f"mine.py is no {kind[:-1]}: it lacks {missing}"
