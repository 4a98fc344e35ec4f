"""Claims about sections: a value is converted or explained, and each error is at its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.components.options import MISSING, Option, Type
from bench_suite.suite.document import parse_document
from bench_suite.suite.section_reader import Sections

OPTIONS = {
    "rate": Option("rate", Type("float"), 0.5, bounds=(0.0, 1.0)),
    "kind": Option("kind", Type("Literal", ("fast", "slow")), "fast"),
    "sizes": Option("sizes", Type("tuple", (Type("int"),), open=True), ()),
}
TEXT = """\
title = "A title"
description = "Two\\nlines"
[train]
rate = 1
kind = "slw"
sizes = 3
rte = 0.1
"""


@pytest.fixture
def sections() -> Sections:
    return Sections(parse_document(TEXT, "s.toml"), Path())


def errors(sections: Sections) -> list[tuple]:
    return [(entry.key, entry.message) for entry in sections.document.errors]


def test_a_table_is_read_as_the_values_that_fit_and_an_error_for_each_other(sections):
    assert sections.table("train", OPTIONS) == {"rate": 1.0}
    assert errors(sections) == [
        (("train", "rte"), 'unknown key; did you mean "rate"? (allowed: rate, kind, sizes)'),
        (("train", "kind"), '"slw" is not one of "fast", "slow"; did you mean "slow"?'),
        (("train", "sizes"), "3 is not a list of integers; a list is wanted: [3]"),
    ]
    assert [entry.line for entry in sections.document.errors] == [7, 5, 6]


def test_a_value_that_does_not_fit_is_missing(sections):
    assert sections.accept(OPTIONS["rate"], 0.25, ("train", "rate")) == 0.25
    assert errors(sections) == []
    assert sections.accept(OPTIONS["rate"], 2.0, ("train", "rate")) is MISSING
    assert [key for key, _ in errors(sections)] == [("train", "rate")]


def test_an_absent_section_or_string_is_empty_and_no_error(sections):
    assert (sections.section("absent"), sections.string("absent")) == ({}, "")
    assert errors(sections) == []


def test_only_a_description_has_several_lines(sections):
    assert sections.string("description") == "Two\nlines"
    sections.values["title"] = "Two\nlines"
    sections.string("title")
    assert errors(sections) == [(("title",), '"Two\\nlines" holds a control character')]


def test_what_is_neither_a_table_nor_a_string_is_an_error_and_empty(sections):
    sections.values |= {"train": 3, "title": 5}
    assert (sections.section("train"), sections.string("title")) == ({}, "")
    assert errors(sections) == [(("train",), "must be a table: [train]"), (("title",), "5 is not a string")]


def test_a_component_is_found_by_name_and_an_absent_one_makes_its_kind_incomplete(sections):
    component = sections.component("tasks", "loans", ("tasks", 0, "use"))
    assert component is not None
    assert (component.name, sections.incomplete) == ("loans", set())
    assert sections.component("tasks", "loan", ("tasks", 0, "use")) is None
    assert sections.component("models", 3, ("models", 0, "use")) is None
    assert sections.incomplete == {"tasks", "models"}
    assert [key for key, _ in errors(sections)] == [("tasks", 0, "use"), ("models", 0, "use")]
    assert errors(sections)[0][1].startswith('there is no task "loan"; did you mean "loans"?')
