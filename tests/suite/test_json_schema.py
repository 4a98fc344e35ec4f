"""Claims about the JSON Schema of suites: it accepts what the program accepts, and rejects what is broken."""

from __future__ import annotations

import json
import tomllib

import jsonschema
import pytest

from bench_suite.suite.json_schema import suite_schema
from bench_suite.suite.spec import locate, shipped_suites

SUITE = {"tasks": [{"use": "loans"}], "models": [{"use": "mlp"}], "probes": {"quality": {}}}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """A validator of the schema as an editor gets it: through JSON."""
    schema = json.loads(json.dumps(suite_schema(), default=list))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", shipped_suites())
def test_shipped_suites_are_valid(validator, name):
    validator.validate(tomllib.loads(locate(name).read_text(encoding="utf-8")))


VALID = {
    "the least": {},
    "options of a model": {
        "models": [{"use": "mlp", "name": "a", "hidden": [3, 4], "dropout": 0.5, "train": {"epochs": 1}}]
    },
    "a component of an installed distribution": {"tasks": [{"use": "theirs", "anything": 3}]},
    "a file": {"models": [{"use": "./mine.py", "anything": 3}]},
    "groups": {"tasks": [{"use": "loans", "groups": ["black"], "data": "sample"}]},
    "axes": {
        "matrix": {
            "seed": [0, 1],
            "precision": "32-true",
            "threads": ["auto", 2],
            "train.epochs": [1],
            "models.mlp.hidden": [[1], [2]],
        }
    },
    "selectors": {"matrix": {"include": [{"seed": 3}], "exclude": [{"model": "mlp"}]}},
    "a probe under another name": {"probes": {"mine": {"use": "quality", "only": {"seed": 0}}}},
    "gates": {"gate": {"quality/accuracy": {"min": 0.1, "max": 1, "tolerance": "5%"}}},
    "a gate of a ratio": {"gate": {"quality/accuracy": {"ratio_to": "mlp", "min": 0.9, "only": {"seed": 0}}}},
    "a gate for some cells": {"gate": {"quality/accuracy": {"min": 0.1, "only": {"model": ["mlp"], "seed": 0}}}},
    "a list of rules for one metric": {
        "gate": {"quality/accuracy": [{"min": 0.1}, {"max": 0.9, "only": {"model": "mlp"}}]}
    },
    "a report": {"report": {"columns": ["quality/accuracy"], "sort": "quality/accuracy"}},
    "all the rest": {"title": "x", "description": "y", "train": {"patience": 3}, "evaluate": {"batch_size": 3}},
}
BROKEN = {
    "an unknown section": {"matrx": {}},
    "an unknown option": {"models": [{"use": "mlp", "hiden": [3]}]},
    "an unknown training option": {"train": {"epoch": 3}},
    "an unknown training option of a model": {"models": [{"use": "mlp", "train": {"epoch": 3}}]},
    "an unknown axis": {"matrix": {"sed": [1]}},
    "an unknown rule": {"gate": {"quality/accuracy": {"mn": 3}}},
    "a ratio to no model": {"gate": {"quality/accuracy": {"ratio_to": 3, "min": 0.9}}},
    "a ratio without a rule": {"gate": {"quality/accuracy": {"ratio_to": "mlp"}}},
    "an unknown rule in a list": {"gate": {"quality/accuracy": [{"min": 0.1}, {"mn": 3}]}},
    "a gate with cells and without a rule": {"gate": {"quality/accuracy": {"only": {"model": "mlp"}}}},
    "an empty list of rules": {"gate": {"quality/accuracy": []}},
    "an unknown option of a probe": {"probes": {"quality": {"resample": 100}}},
    "an unknown key of the report": {"report": {"colums": []}},
    "a wrong type": {"train": {"epochs": "3"}},
    "no choice": {"train": {"optimizer": "adam"}},
    "out of bounds": {"train": {"batch_size": 0}},
    "out of bounds in a list": {"models": [{"use": "mlp", "hidden": [0]}]},
    "an empty axis": {"matrix": {"seed": []}},
    "no tasks": {"tasks": []},
    "no probes": {"probes": {}},
    "no use": {"tasks": [{"name": "x"}]},
    "one table for entries": {"models": {"use": "mlp"}},
}


@pytest.mark.parametrize("case", VALID)
def test_a_valid_suite_is_accepted(validator, case):
    validator.validate({**SUITE, **VALID[case]})


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_suite_is_rejected(validator, case):
    assert not validator.is_valid({**SUITE, **BROKEN[case]})


@pytest.mark.parametrize("section", ["tasks", "models", "probes"])
def test_a_suite_without_a_needed_section_is_rejected(validator, section):
    assert not validator.is_valid({key: value for key, value in SUITE.items() if key != section})


def test_the_schema_carries_help_and_defaults_for_editors():
    epochs = suite_schema()["properties"]["train"]["properties"]["epochs"]
    assert epochs["default"] == 3
    assert "evaluates without training" in epochs["description"]
