"""A page as a whole: one file, well-formed, with a policy that allows nothing else, whatever the run contains."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import runpy
import shutil
import zlib
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench_suite.contracts import Record
from bench_suite.reports.html import page as module
from bench_suite.reports.html.page import page, write_page
from bench_suite.store.runs import Run, Store

Make = Callable[..., Run]
Make_record = Callable[..., Record]
TESTS = Path(__file__).parents[2]
ASSETS = Path(module.__file__).parent / "assets"
HOSTILE = runpy.run_path(str(TESTS / "hostile_run.py"))
VOID = {"meta", "br", "img", "input", "link", "hr", "col", "wbr"}
MAX_PROGRAM = 50_000


class Parsed(HTMLParser):
    """A page in parts: elements, identities, headings, and texts by element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.problems: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.problems += [f"<{tag}> has {name} twice" for name, many in Counter(names).items() if many > 1]
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]} at {self.getpos()}")
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.elements for own, value in attributes.items() if own == name]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page([HOSTILE["write_hostile_run"](Store(tmp_path_factory.mktemp("hostile")))])


@pytest.fixture
def pages(make_run: Make, record: Make_record, with_artifacts: Run, hostile: str) -> dict[str, str]:
    """Return pages of several kinds of runs, by name."""
    first, second = (
        make_run(
            *(record(model=model, task=task, accuracy=accuracy) for task in ("imdb", "loans") for model in "ab"),
            gate={"quality/accuracy": {"min": 0.85}}, text="[suite]\n", description="What is asked?",
        )
        for accuracy in (0.8, 0.9)
    )  # fmt: skip
    failed = make_run(record(status="failed", reason="no memory", metrics=()))
    return {
        "one": page([first]),
        "several": page([first, second]),
        "artifacts": page([with_artifacts]),
        "empty": page([make_run(cells=4)]),
        "failed": page([failed]),
        "hostile": hostile,
    }


def test_every_page_is_well_formed(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        assert Parsed(text).problems == [], name
        assert text.startswith("<!DOCTYPE html>"), name


def test_identities_are_unique_and_every_address_within_a_page_exists(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        parsed = Parsed(text)
        identities = Counter(parsed.attributes("id"))
        assert [one for one, many in identities.items() if many > 1] == [], name
        targets = [address[1:] for address in parsed.attributes("href") if address.startswith("#")]
        assert targets, name
        assert set(targets) - set(identities) == set(), name
        for attribute in ("aria-labelledby", "for", "aria-describedby"):
            assert set(parsed.attributes(attribute)) - set(identities) == set(), name


def test_headings_do_not_skip_a_level(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        levels = [int(tag[1]) for tag, _ in Parsed(text).elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1, name
        assert levels.count(1) == 1, name
        assert all(second <= first + 1 for first, second in pairwise(levels)), name


def test_nothing_in_a_page_has_a_style_or_a_program_of_its_own(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        parsed = Parsed(text)
        attributes = {attribute for _, own in parsed.elements for attribute in own}
        assert "style" not in attributes, name
        assert not [one for one in attributes if one.startswith("on")], name
        tags = Counter(tag for tag, _ in parsed.elements)
        assert tags["style"] == 1, name
        assert not {"iframe", "object", "embed", "base", "link"} & set(tags), name


def test_the_policy_allows_the_style_and_the_programs_of_the_page_and_nothing_else(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        parsed = Parsed(text)
        [policy] = [own["content"] for tag, own in parsed.elements if "http-equiv" in own]
        rules = dict(rule.split(" ", 1) for rule in (policy or "").split("; "))
        programs = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)

        def hashes(texts: list[str]) -> set[str]:
            return {f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in texts}

        assert set(rules["script-src"].split()) == hashes(programs), name
        assert set(rules["style-src"].split()) == hashes(styles), name
        assert {key: rules[key] for key in ("default-src", "base-uri", "form-action", "img-src")} == {
            "default-src": "'none'", "base-uri": "'none'", "form-action": "'none'", "img-src": "data:",
        }, name  # fmt: skip
        assert "connect-src" not in rules, name


def data_of(text: str) -> dict[str, Any]:
    """Return the data of a page, as a browser reads them."""
    match = re.search(r'<script id="packed" type="application/octet-stream">([A-Za-z0-9+/=]+)</script>', text)
    assert match is not None
    unpacked: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(match[1]), -15))
    return unpacked


def test_data_hold_every_board_and_cannot_end_their_element(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        data = data_of(text)
        assert [board["id"] for board in data["boards"]] == Parsed(text).attributes("data-board"), name
    boards = data_of(pages["hostile"])["boards"]
    assert any("</script>" in row[1] for board in boards for row in board["rows"])


def test_numbers_that_are_not_finite_are_missing_in_the_data(make_run: Make, record: Make_record) -> None:
    text = page([make_run(record(model="a", accuracy=float("nan")), record(model="b", accuracy=float("inf")))])
    rows = data_of(text)["boards"][0]["rows"]
    assert {row[1]: row[5][0] for row in rows} == {"a": None, "b": None}


def test_hostile_texts_are_texts(hostile: str) -> None:
    parsed = Parsed(hostile)
    programs = [tag for tag, _ in parsed.elements if tag == "script"]
    assert len(programs) == hostile.count("<script")
    assert len(programs) <= 3
    assert not [own for _, own in parsed.elements if "onerror" in own or "onload" in own]
    assert not [one for one in parsed.attributes("href") if one.lower().lstrip().startswith("javascript:")]
    assert any(HOSTILE["MARKUP"] in text for tag, text in parsed.texts if tag == "h1")
    assert "{{7*7}}" in hostile
    assert "49${49}" not in hostile


def test_no_character_of_a_page_turns_or_hides_what_follows(hostile: str) -> None:
    hidden = {character for character in hostile if not character.isprintable()} - {"\n", "\t"}
    assert hidden <= {"\u200b"}, [f"U+{ord(character):04X}" for character in hidden]


def test_a_page_is_written_with_halves_of_surrogates_replaced(make_run: Make, record: Make_record, tmp_path) -> None:
    run = make_run(record(model="half \udc80"), title="title \ud800")
    written = write_page([run], tmp_path / "deep" / "page.html")
    assert "half" in written.read_text("utf-8")


def test_a_run_without_a_cell_has_a_page(pages: dict[str, str]) -> None:
    assert "None of the 4 cells has been recorded." in pages["empty"]
    assert "no memory" in pages["failed"]


def test_files_are_addressed_from_the_folder_of_the_page(with_artifacts: Run, tmp_path: Path) -> None:
    [cell] = with_artifacts.records()
    (with_artifacts.path / "x.parquet").write_bytes(b"x")
    text = page([with_artifacts], tmp_path / "reports")
    address = f"../results/{with_artifacts.name}/x.parquet"
    assert f'href="{address}"' in text
    assert cell.id in text


def test_a_page_has_the_data_of_all_rows_and_stays_below_a_megabyte(tmp_path: Path) -> None:
    generated = runpy.run_path(str(TESTS / "perf" / "test_store.py"))
    text = page([generated["make_run"](Store(tmp_path), 1_000)])
    assert len(text.encode()) < 1_000_000
    assert sum(len(board["rows"]) for board in data_of(text)["boards"]) == 200


def test_programs_and_styles_are_small_and_never_write_markup() -> None:
    program = "".join(path.read_text("utf-8") for path in ASSETS.glob("*.js"))
    assert len(program.encode()) < MAX_PROGRAM
    unsafe = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|\bsrcdoc\b"
    assert re.findall(unsafe, program) == []
    assert "url(" not in (ASSETS / "page.css").read_text("utf-8")


def test_only_a_live_page_may_ask_for_news(make_run: Make, record: Make_record) -> None:
    run = make_run(record())
    policies = [re.search(r'content="(default-src[^"]*)"', page([run], live=live)) for live in (False, True)]
    assert ["connect-src" in policy[1] for policy in policies if policy] == [False, True]


def test_backticks_of_a_text_become_code_elements_and_stay_escaped(make_run: Make, record: Make_record) -> None:
    text = page([make_run(record(notes=("see `sex = <b>f</b>`", "a lone ` stays")))])
    assert "<li>see <code>sex = &lt;b&gt;f&lt;/b&gt;</code></li>" in text
    assert "<li>a lone ` stays</li>" in text


def test_timings_of_all_tasks_are_called_doubtful_once_in_a_section(make_run: Make, record: Make_record) -> None:
    busy = {"machine_busy": True}
    text = page([make_run(record(task="a", **busy), record(task="b", **busy))])
    assert text.count("are doubtful: the machine was busy") == 1
    assert "Timings of all tasks are doubtful" in text
    assert "Timings of this task are doubtful" in page([make_run(record(task="a", **busy), record(task="b"))])


def test_a_value_breaks_before_its_brackets_only() -> None:
    assert module._unbroken("0.97 ± 0.01") == "<span>0.97 ± 0.01</span>"
    assert module._unbroken("0.05 [0.00, 0.11]") == "<span>0.05</span> <span>[0.00, 0.11]</span>"
    assert module._unbroken("12,200 (10,100–14,200)") == "<span>12,200</span> <span>(10,100–14,200)</span>"
    assert module._unbroken("<b> (&)") == "<span>&lt;b&gt;</span> <span>(&amp;)</span>"


def test_two_runs_of_one_name_keep_their_own_examples(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    runs = []
    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
        columns = {"targets": [0, 1] * 5, "predictions": [1, 1] * 5, "ids": range(10)}
        run = runs_of_examples.example_run(tmp_path / str(number), "t", {f"model{number}": columns})
        runs.append(run)
    shutil.copytree(runs[1].path, renamed := runs[1].path.with_name(runs[0].name))
    text = write_page([runs[0], Run(renamed)], tmp_path / "page.html").read_text("utf-8")
    ids = Parsed(text).attributes("id")
    assert [many for many in Counter(ids).values() if many > 1] == []
    assert {"run-0-examples", "run-1-examples"} <= {*ids}
