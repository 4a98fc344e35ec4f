"""The reader of JSON: what passes its checks, and what its errors name."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import Artifact, History, MetricRow, Predictions, Record, Window
from bench_suite.store import json_reader as checks
from bench_suite.store.atomic import StoreError
from bench_suite.store.json_reader import Damage, read_json
from bench_suite.store.runs import Run, Store

FORM = checks.record(
    {"a": checks.integer},
    {"b": checks.list_of(checks.map_of(checks.text)), "c": checks.optional(checks.number), "d": checks.flag},
)


def test_what_passes_is_returned_with_its_unknown_fields() -> None:
    entry = {"a": 3, "b": [{"x": "y"}], "c": None, "later": [1]}
    assert read_json(json.dumps(entry).encode(), FORM) == entry


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "f.json, line 1: it is no JSON (Expecting value)"),
        (b'{\n"a": 3,\n\n "b" 4}', "f.json, line 4: it is no JSON (Expecting ':' delimiter)"),
        (b"[" * 100_000, "f.json: it is nested too deeply"),
        (b"\xff\xff", "f.json: it is no JSON ("),
        (b"1" * 5000, "f.json: it is no JSON (Exceeds the limit"),
        (b"[]", "f.json: it must be an object, and is []"),
        (b'{"c": 1}', "f.json, line 1, field a: it is missing"),
        (b'{\n "a": "3"\n}', 'f.json, line 2, field a: it must be a count, and is "3"'),
        (b'{"a": true}', "f.json, line 1, field a: it must be a count, and is true"),
        (b'{"a": -1}', "f.json, line 1, field a: it must be a count, and is -1"),
        (b'{"a": 1, "c": NaN}', "f.json, line 1, field c: it must be a finite number, and is NaN"),
        (b'{"a": 1, "c": 1' + b"0" * 400 + b"}", "f.json, line 1, field c: it must be a finite number"),
        (b'{"a": 1, "d": 0}', "f.json, line 1, field d: it must be true or false, and is 0"),
        (
            b'{"b": [\n{"x": "[{"},\n{"y, :": "z",\n "w": 5}],\n"a": 1}',
            "f.json, line 4, field b[1].w: it must be text, and is 5",
        ),
    ],
)
def test_an_error_names_file_line_field_and_what_is_wrong(content: bytes, message: str) -> None:
    with pytest.raises(Damage) as caught:
        read_json(content, FORM, "f.json")
    assert str(caught.value).startswith(message)


def test_the_line_of_a_file_of_lines_is_the_one_stated() -> None:
    with pytest.raises(Damage, match=r"^r\.jsonl, line 7, field a: "):
        read_json(b'{"a": null}', FORM, "r.jsonl", 7)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(values, st.sampled_from([None, 1]))
def test_any_value_passes_or_is_damage_on_a_line_that_exists(value: Any, indent: int | None) -> None:
    content = json.dumps({"a": 1, "b": value, "c": value}, indent=indent)
    damage = damage_of(content)
    if damage is not None:
        assert damage.line is not None
        line = content.splitlines()[damage.line - 1] if indent else content
        assert damage.field
        assert isinstance(damage.field[-1], int) or json.dumps(damage.field[-1]) in line


def damage_of(content: str) -> Damage | None:
    try:
        read_json(content.encode(), FORM)
    except Damage as damage:
        return damage
    return None


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "a\\b", "a\0", "x" * 201, 5])
def test_what_is_no_name_of_a_folder_is_refused(value: Any) -> None:
    with pytest.raises(Damage, match="the name of a folder"):
        checks.name(value)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Store(tmp_path).create("s", {})


def test_a_name_in_run_json_leads_nowhere_else(run: Run) -> None:
    (run.path / "run.json").write_text(json.dumps({**run.info, "run": "../../x"}))
    with pytest.raises(StoreError, match="field run: it must be the name of a folder"):
        Run(run.path)


@pytest.mark.parametrize("kind", ["predictions", "image", "weights", "samples"])
def test_flipped_bytes_of_a_file_are_an_error_of_the_store_or_other_values(run: Run, kind: str) -> None:
    """Only the store's own error may come out, whatever the libraries raise at a damaged file."""
    metric = MetricRow("q/x", 1.0, "s", "lower", samples=tuple(map(float, range(100))))
    record = Record("r", "s", "a", "", {}, {}, "ok", metrics=(metric,))
    columns = {"predictions": np.arange(50), "scores": np.ones((50, 2)), "words": ["x"] * 50}
    predictions = run.write_predictions("a", "test", Predictions("test", np.arange(50), columns))
    image = run.write_artifact("a", "p", Artifact("x", "image", np.zeros((20, 20)), ""))
    run.write_weights("u", "key", {"w": torch.ones(20)}, History(windows=(Window(1, 2, 0.1, 0.1, float("nan")),)))
    with run.writer() as writer:
        writer.write(record)
        path = {
            "predictions": run.path / predictions.file,
            "image": run.path / image.file,
            "weights": next((run.path / "weights").iterdir()),
            "samples": run.path / "cells" / "a" / "samples.parquet",
        }[kind]
        whole = path.read_bytes()
        chance = random.Random(0)
        for _ in range(60):
            content = bytearray(whole)
            for _ in range(chance.choice([1, 3, 30])):
                content[chance.randrange(len(content))] = chance.randrange(256)
            path.write_bytes(content[: chance.choice([len(content), chance.randrange(len(content))])])
            try:
                if kind == "predictions":
                    run.read_predictions(predictions)
                elif kind == "image":
                    run.read_artifact(image)
                elif kind == "weights":
                    run.read_weights("u", "key")
                else:
                    writer.write(record)
            except StoreError:
                pass
    assert run.records()[0].id == "a"


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"weights_key": "key", "history": "[1]"},
        {"weights_key": "key", "history": '{"windows": [], "epochs": [], "later": 1}'},
    ],
)
def test_weights_whose_header_is_damaged_are_as_if_there_were_none(run: Run, metadata: dict[str, str]) -> None:
    from safetensors.torch import save

    run.write_weights("u", "key", {"w": torch.ones(2)}, None)
    assert run.read_weights("u", "key") is not None
    next((run.path / "weights").iterdir()).write_bytes(save({"w": torch.ones(2)}, metadata=metadata))
    assert run.read_weights("u", "key") is None


@pytest.mark.parametrize("content", ["[]", "null", '{"process": "x", "since": 3}', "[" * 10_000, ""])
def test_a_damaged_driver_json_keeps_the_message_about_the_lock(run: Run, content: str) -> None:
    with run.lock():
        (run.path / "driver.json").write_text(content)
        with pytest.raises(StoreError, match="is being driven by a process"), Run(run.path).lock():
            pass


def test_files_that_cannot_be_read_are_named(run: Run) -> None:
    environment = run.add_environment({"hardware": {"cpu": "a"}})
    (run.path / "environments" / f"{environment}.json").write_text('{\n "hardware": {\n  "cpu": 5}}')
    (run.path / "records" / "00001.jsonl").mkdir()
    reader = Run(run.path)
    assert (reader.environment(environment), reader.environment("../x"), reader.records()) == ({}, {}, [])
    first, second, third = reader.damages
    assert (
        first == f"{run.name}: environments/{environment}.json, line 3, field hardware.cpu: it must be text, and is 5"
    )
    assert "environments/../x.json" in second
    assert third == f"{run.name}: records/00001.jsonl: Is a directory"


# ── checks, made within the test ────────────────────────────────────────────────────────────────

HUGE = 2**1023


@pytest.mark.parametrize(
    ("check", "passing", "refused", "wanted"),
    [
        (lambda: checks.text, ["", "a"], [1, None, True, [], {}], "text"),
        (lambda: checks.name, ["a", "a.b", "x" * 200], ["", ".", "..", "a/b", "a\\b", "a\0", "x" * 201, 1],
         "the name of a folder"),
        (lambda: checks.flag, [True, False], [0, 1, None, "true"], "true or false"),
        (lambda: checks.integer, [0, 1, 2**63 - 1], [-1, 2**63, 1.0, True, "1", None], "a count"),
        (lambda: checks.number, [0, -1.5, HUGE - 1, 1e308], [True, "1", None, HUGE, -HUGE, math.inf, math.nan],
         "a finite number"),
        (lambda: checks.scalar, ["a", 1, 1.5, True, None, math.inf], [[], {}, HUGE],
         "text, a number, true, false or null"),
        (lambda: checks.coordinate, ["a", 1, 1.5, True], [None, [], HUGE, math.nan], "text or a number"),
        (lambda: checks.one_of(("a", "b")), ["a", "b"], ["c", "", 1, None], "one of a, b"),
        (lambda: checks.list_of(checks.text), [[], ["a"]], [{}, "a", None], "a list"),
        (lambda: checks.map_of(checks.text), [{}, {"a": "b"}], [[], "a", None], "an object"),
        (lambda: checks.record({"a": checks.text}), [{"a": "b", "c": 1}], [[], "a", None], "an object"),
        (lambda: checks.optional(checks.text), ["a", None], [1, False], "text"),
        (lambda: checks.both(checks.scalar, checks.text), ["a"], [1], "text"),
    ],
)  # fmt: skip
def test_a_check_passes_its_values_and_says_what_it_wants_of_others(
    check: Any, passing: list[Any], refused: list[Any], wanted: str
) -> None:
    for value in passing:
        assert check()(value) is None
    for value in refused:
        with pytest.raises(Damage) as caught:
            check()(value)
        assert caught.value.message.startswith(f"it must be {wanted}, and is ")
        assert caught.value.field == ()


@pytest.mark.parametrize(
    ("check", "value", "field"),
    [
        (lambda: checks.list_of(checks.text), ["a", 1], (1,)),
        (lambda: checks.map_of(checks.text), {"a": "b", "c": 1}, ("c",)),
        (lambda: checks.record({"a": checks.text}), {"a": 1}, ("a",)),
        (lambda: checks.record({"a": checks.text}), {}, ("a",)),
        (lambda: checks.record({}, {"a": checks.text}), {"a": 1}, ("a",)),
        (lambda: checks.record({}, {"a": checks.list_of(checks.map_of(checks.flag))}), {"a": [{}, {"b": 1}]},
         ("a", 1, "b")),
    ],
)  # fmt: skip
def test_a_check_of_several_values_names_the_member(check: Any, value: Any, field: tuple[str | int, ...]) -> None:
    with pytest.raises(Damage) as caught:
        check()(value)
    assert caught.value.field == field


def test_a_value_that_is_refused_is_shown_if_it_is_short_and_shallow() -> None:
    for value, shown in (
        ([[[["a"]]]], '[[[["a"]]]]'),
        ([[[[["a"]]]]], "nested deeply"),
        ("x" * 50, '"' + "x" * 38 + "…"),
    ):
        with pytest.raises(Damage) as caught:
            checks.flag(value)
        assert caught.value.message == f"it must be true or false, and is {shown}"


def test_the_line_of_a_field_is_found_between_spaces_brackets_and_neighbours() -> None:
    content = '{ "a" :1,\n"b":[ [], {} ,\n{"c" : "]}" , "X" : 1},\n"last" ] ,\n\n"d":2}'
    for field, line in (
        (("a",), 1), (("b",), 2), (("b", 0), 2), (("b", 1), 2), (("b", 2), 3), (("b", 2, "c"), 3), (("b", 2, "X"), 3),
        (("b", 3), 4), (("b", 4), 2), (("d",), 6), (("e",), 1), (("b", 0, "z"), 2),
    ):  # fmt: skip
        assert checks._line_of(content, field) == line, field
