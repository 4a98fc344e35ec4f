"""The examples of a page stay within its limit; the others are in a page beside it, which is as safe as the page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_suite.reports.html import example_page
from bench_suite.reports.html.page import MAX_BYTES, page, write_page
from bench_suite.store.runs import Run

PROGRAM = 16_000
"Characters of the program of the examples at most."
HOSTILE = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>&amp;\u202e'


def data_of(text: str) -> list[dict[str, Any]]:
    """Return the data of the examples in a page."""
    blocks = re.findall(r'<script type="application/octet-stream" id="[^"]*-data">([^<]*)</script>', text)
    return [json.loads(zlib.decompress(base64.b64decode(block), -15)) for block in blocks]


@pytest.fixture(scope="module")
def digits(runs_of_examples: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, Any]]:
    data, options = runs_of_examples.load("digits")
    models = {
        "first": runs_of_examples.wrong_answers(data, {3: 0.8, 7: 0.75, 11: 0.99}, 10),
        "second": runs_of_examples.wrong_answers(data, {3: 0.7, 7: 0.9, 20: 0.5}, 10),
    }
    folder = tmp_path_factory.mktemp("digits")
    return runs_of_examples.example_run(folder, "digits", models, data=data, options=options), models


def test_all_that_was_chosen_is_in_the_page_with_its_predictions(
    digits: tuple[Run, dict[str, Any]], tmp_path: Path
) -> None:
    run, models = digits
    text = write_page([run], tmp_path / "page.html").read_text("utf-8")
    (data,) = data_of(text)
    assert len(data["rows"]) == example_page.PER_TASK
    split = models["first"]
    row_of = {str(id): row for row, id in enumerate(run.predictions_of(run.records()[0], "test").ids.tolist())}
    for id, target, answers, *_ in data["rows"]:
        row = row_of[id]
        assert target == split["targets"][row]
        assert [answer[0] for answer in answers] == [models[name]["predictions"][row] for name in models]
        expected = [models[name]["scores"][row, models[name]["predictions"][row]] for name in models]
        assert [answer[1] for answer in answers] == pytest.approx(expected, rel=1e-4)
    assert not (tmp_path / "page-examples.html").exists()
    assert text.count('<li class="example">') == example_page.LISTED


def test_without_javascript_the_hardest_examples_can_be_read(
    digits: tuple[Run, dict[str, Any]], tmp_path: Path
) -> None:
    text = write_page([digits[0]], tmp_path / "page.html").read_text("utf-8")
    cards = text.split('<li class="example">')[1:]
    assert [card.count("<small>wrong</small>") for card in cards[:5]] == [2, 2, 1, 1, 0]
    assert all("data:image/png;base64," in card for card in cards)
    file = f"results/{digits[0].name}/cells/{digits[0].records()[0].id}/predictions-test.parquet"
    assert re.search(rf'href="[^"]*{re.escape(file)}">first</a> \(seed 0\)', text)


def test_examples_that_exceed_the_limit_are_in_a_page_beside_it(
    digits: tuple[Run, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example_page, "EXAMPLES_BYTES", 30_000)
    without = len(page([digits[0]], tmp_path))
    target = write_page([digits[0]], tmp_path / "page.html")
    text, beside = target.read_text("utf-8"), (tmp_path / "page-examples.html").read_text("utf-8")
    assert len(text) <= without + 30_000 + PROGRAM
    (own,), (others,) = data_of(text), data_of(beside)
    assert 0 < len(own["rows"]) < len(others["rows"]) == example_page.PER_TASK
    assert {row[0] for row in own["rows"]} <= {row[0] for row in others["rows"]}
    assert f'This page has {len(own["rows"])} of 200 chosen examples: <a href="page-examples.html">' in text
    assert '<a href="page.html">The report</a>' in beside


def test_the_policy_of_the_page_beside_it_allows_its_style_and_its_program_only(
    digits: tuple[Run, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example_page, "EXAMPLES_BYTES", 30_000)
    write_page([digits[0]], tmp_path / "page.html")
    for name in ("page.html", "page-examples.html"):
        text = (tmp_path / name).read_text("utf-8")
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
        programs = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(program.encode()).digest()).decode() for program in programs]
        allowed = " ".join(f"'sha256-{own}'" for own in hashes)
        assert f"script-src {allowed};" in policy
        assert policy.startswith("default-src 'none'; ")


def test_no_examples_are_read_if_none_are_asked_for(digits: tuple[Run, dict[str, Any]], tmp_path: Path) -> None:
    text = write_page([digits[0]], tmp_path / "page.html", examples=0).read_text("utf-8")
    assert data_of(text) == []
    assert 'class="example"' not in text


class _Tags(HTMLParser):
    """Collects the tags of a page, and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_names_texts_and_groups_of_others_never_become_markup(
    runs_of_examples: SimpleNamespace, tmp_path: Path
) -> None:
    columns = {
        "targets": np.array([HOSTILE, "b"]), "predictions": np.array(["b", HOSTILE]), "ids": [1, 2],
        "score": np.array([0.5, 0.5]),
    }  # fmt: skip
    run = runs_of_examples.example_run(
        tmp_path, "t", {HOSTILE: columns, "b": columns}, groups={HOSTILE: [HOSTILE, "x"]}
    )
    text = write_page([run], tmp_path / "page.html").read_text("utf-8")
    parser = _Tags()
    parser.feed(text)
    assert [attributes for tag, attributes in parser.tags if "onerror" in attributes] == []
    scripts = [attributes for tag, attributes in parser.tags if tag == "script"]
    assert len(scripts) == 4  # two programs, the data of the boards, and those of the examples
    assert HOSTILE not in text


def test_large_items_of_many_tasks_leave_the_page_within_its_limit(
    runs_of_examples: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench_suite.reports.html.items import Item, Items

    noise = np.random.default_rng(0)
    text = "".join(chr(code) for code in noise.integers(0x4E00, 0x9FFF, 600))
    monkeypatch.setattr(
        example_page,
        "read_items",
        lambda data, ids: Items({id: Item(text=text[id % 600 :] + text[: id % 600]) for id in ids}),
    )
    columns = {"targets": np.arange(500) % 3, "predictions": np.arange(500) % 2, "ids": np.arange(500)}
    run = runs_of_examples.example_run(tmp_path, "t", {f"m{number}": columns for number in range(8)})
    target = write_page([run], tmp_path / "page.html")
    without = len(page([run], tmp_path))
    assert len(target.read_text("utf-8")) - without <= 200_000
    assert target.stat().st_size <= MAX_BYTES
    (data,) = data_of(target.read_text("utf-8"))
    assert len(data["models"]) == 6
