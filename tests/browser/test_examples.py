"""Examples in the browser: filter, sort, show more; with keys, and for those who cannot see."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench_suite.contracts import Artifact, ProbeRow
from bench_suite.reports.html import example_page
from bench_suite.reports.html.page import write_page
from bench_suite.store.runs import Run

if TYPE_CHECKING:
    from playwright.sync_api import Locator

CLASSES = 10
WRONG = {
    "first": {3: 0.8, 7: 0.75, 11: 0.99}, "second": {3: 0.7, 7: 0.9, 20: 0.5}, "third": {11: 0.6},
}  # fmt: skip
HOSTILE = '<img src=x onerror="document.title = 1">&amp;'


@pytest.fixture(scope="module")
def functions() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "example_runs.py")))


@pytest.fixture(scope="module")
def known(functions: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the page of three models on digits whose errors are known, and the ids of the test examples."""
    data, options = functions.load("digits")
    models = {name: functions.wrong_answers(data, wrong, CLASSES) for name, wrong in WRONG.items()}
    sides = ["left" if row % 3 else HOSTILE for row in range(len(data.splits["test"]))]
    folder = tmp_path_factory.mktemp("known")
    run = functions.example_run(folder, "digits", models, data=data, options=options, groups={"side": sides})
    return write_page([run], folder / "known.html"), data.splits["test"].ids


@pytest.fixture(scope="module")
def explained(functions: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the page of a model of which two examples are explained by maps, and the ids of the test examples."""
    data, options = functions.load("digits")
    ids = data.splits["test"].ids
    models = {"first": functions.wrong_answers(data, {3: 0.8}, CLASSES)}
    folder = tmp_path_factory.mktemp("explained")
    text = "[probes.why]\nuse = 'attribution'\n"
    run = functions.example_run(folder, "digits", models, data=data, options=options, text=text)
    record = run.records()[0]
    entries = [
        {
            "id": int(ids[row]), "artifact": kind, "kind": kind, "method": HOSTILE, "signed": True, "class": 5,
            "map": [[127, 0], [-127, 60]],
        }
        for row, kind in ((3, "wrong"), (9, "borderline"))
    ]  # fmt: skip
    artifacts = [Artifact(entry["artifact"], "image", np.zeros((4, 4), np.uint8), "strip") for entry in entries]
    artifacts.append(Artifact("examples", "examples", {"examples": entries}, ""))
    rows = tuple(run.write_artifact(record.id, "why", artifact) for artifact in artifacts)
    probes = {**record.probes, "why": ProbeRow("ok", "k")}
    with run.writer() as writer:
        writer.write(replace(record, artifacts=(*record.artifacts, *rows), probes=probes))
    return write_page([Run(run.path)], folder / "explained.html"), ids


class Browse:
    """The examples of one task, as a reader finds them."""

    def __init__(self, page: Any) -> None:
        page.wait_for_selector(".browse[data-ready]", state="attached")
        self.section = page.locator(".browse").first

    def choose(self, label: str, text: str) -> None:
        """Choose an entry of the selection whose name begins with a label."""
        self.select(label).select_option(label=text)

    def select(self, label: str) -> Locator:
        return self.section.get_by_role("combobox", name=re.compile(f"^{label}"))

    def ids(self) -> list[str]:
        """Return the ids of the shown examples, in order."""
        return self.section.locator(".example code").all_inner_texts()

    def status(self) -> str:
        return self.section.get_by_role("status").inner_text()


def rows(ids: Any, *positions: int) -> list[str]:
    return [str(ids[row]) for row in positions]


def test_the_hardest_come_first_and_a_button_shows_more(known: tuple[Path, Any], visit: Callable) -> None:
    path, ids = known
    browse = Browse(visit(path).page)
    assert set(browse.ids()[:3]) == set(rows(ids, 3, 7, 11))
    assert browse.ids()[3] == str(ids[20])
    assert browse.status() == "200 of 200 examples match, 24 are shown."
    browse.section.get_by_role("button", name=re.compile("^Show 24 more")).click()
    assert browse.status() == "200 of 200 examples match, 48 are shown."
    assert len(set(browse.ids())) == 48


def test_wrong_ones_are_filtered_for_any_all_or_one_model(known: tuple[Path, Any], visit: Callable) -> None:
    path, ids = known
    browse = Browse(visit(path).page)
    expected = {
        "wrong by any model": {3, 7, 11, 20}, "wrong by all models": set(), "wrong by first": {3, 7, 11},
        "wrong by third": {11},
    }  # fmt: skip
    for choice, positions in expected.items():
        browse.choose("Show", choice)
        assert set(browse.ids()) == set(rows(ids, *positions)), choice
        assert browse.status().startswith(f"{len(positions)} of 200 examples match")
    browse.choose("Show", "right by all models")
    assert browse.status().startswith("196 of 200 examples match")


def test_two_models_that_disagree_are_chosen(known: tuple[Path, Any], visit: Callable) -> None:
    path, ids = known
    browse = Browse(visit(path).page)
    browse.choose("Disagree", "first")
    assert browse.status().startswith("200 of 200")  # the other model is not chosen yet
    browse.choose("and", "second")
    assert set(browse.ids()) == set(rows(ids, 11, 20))
    browse.choose("and", "third")
    assert set(browse.ids()) == set(rows(ids, 3, 7))


def test_groups_and_classes_are_filtered(known: tuple[Path, Any], visit: Callable, functions: SimpleNamespace) -> None:
    path, ids = known
    targets = np.asarray(functions.load("digits")[0].splits["test"].columns["target"])
    browse = Browse(visit(path).page)
    browse.choose("Show", "wrong by any model")
    browse.choose("side", HOSTILE)
    assert set(browse.ids()) == set(rows(ids, 3))
    browse.section.get_by_role("button", name=re.compile("^Reset")).click()
    browse.choose("True class", str(targets[7]))
    assert int(browse.status().split()[0]) == browse_count(path, visit, targets[7])
    browse.choose("Predicted", str((targets[7] + 1) % CLASSES))
    assert str(ids[7]) in browse.ids()
    same = {row for row in (3, 7, 11, 20) if targets[row] == targets[7]}
    assert set(browse.ids()) == set(rows(ids, *same))


def browse_count(path: Path, visit: Callable, target: int) -> int:
    """Return how many examples of a class the page has, counted in its cards."""
    browse = Browse(visit(path).page)
    more = browse.section.locator(".more button")
    while more.is_visible():
        more.click()
    texts = browse.section.locator(".example div > p:first-child b").all_inner_texts()
    return texts.count(str(target))


def test_the_most_confident_error_comes_first_if_asked(known: tuple[Path, Any], visit: Callable) -> None:
    path, ids = known
    browse = Browse(visit(path).page)
    browse.choose("Sort", "most confident error")
    assert browse.ids()[:4] == rows(ids, 11, 7, 3, 20)
    browse.choose("Show", "wrong by any model")
    browse.choose("Sort", "least confident error")
    assert browse.ids() == rows(ids, 20, 3, 7, 11)


def test_filters_are_used_with_keys_alone_and_focus_goes_to_the_first_new_example(
    known: tuple[Path, Any], visit: Callable
) -> None:
    shown = visit(known[0])
    browse = Browse(shown.page)
    browse.select("Show").focus()
    shown.page.keyboard.press("ArrowDown")
    assert browse.status().startswith("4 of 200")
    browse.section.get_by_role("button", name=re.compile("^Reset")).focus()
    shown.page.keyboard.press("Enter")
    assert browse.status().startswith("200 of 200")
    browse.section.locator(".more button").focus()
    shown.page.keyboard.press("Enter")
    position = "[...document.querySelectorAll('.browse .example')].indexOf(document.activeElement)"
    assert shown.page.evaluate(position) == 24


def test_hostile_names_are_text(known: tuple[Path, Any], visit: Callable) -> None:
    shown = visit(known[0])
    browse = Browse(shown.page)
    assert shown.page.title() == "Examples"
    browse.choose("side", HOSTILE)
    assert HOSTILE in browse.section.locator(".example").first.inner_text()
    assert browse.section.locator("img[onerror]").count() == 0


def test_maps_stand_beside_the_image_and_are_filtered_by_their_kind(
    explained: tuple[Path, Any], visit: Callable
) -> None:
    path, ids = explained
    shown = visit(path)
    browse = Browse(shown.page)
    browse.choose("Show", "with an attribution")
    assert set(browse.ids()) == set(rows(ids, 3, 9))
    for kind, row in (("most confident wrong", 3), ("borderline", 9)):
        browse.choose("Show", f"with an attribution: {kind}")
        assert browse.ids() == rows(ids, row)
        image, own = browse.section.locator(".item img").all()
        assert (image.bounding_box()["width"], own.bounding_box()["width"]) == (84, 84)
        assert own.evaluate("image => [image.complete, image.naturalWidth]") == [True, 2]
        assert own.get_attribute("alt") == f"Map of first for class 5 by {HOSTILE}, example {ids[row]}"
        assert browse.section.locator("figcaption").inner_text().startswith("first for 5")
        assert kind in browse.section.locator("summary").inner_text()
    assert f"2 of 200 examples shown were explained by first with {HOSTILE}." in shown.page.inner_text(
        "p.about >> nth=-1"
    )


def test_maps_are_in_the_page_without_javascript(explained: tuple[Path, Any], visit: Callable) -> None:
    shown = visit(explained[0], java_script_enabled=False)
    assert shown.page.locator(".map img").first.get_attribute("alt").startswith("Map of first for class 5 by ")
    assert shown.page.locator("img[onerror]").count() == 0


def test_the_page_is_no_wider_than_a_phone(known: tuple[Path, Any], visit: Callable) -> None:
    shown = visit(known[0], viewport={"width": 390, "height": 844})
    Browse(shown.page)
    assert shown.overflow() == 0, shown.widest()


def test_without_javascript_the_first_examples_are_in_the_page(known: tuple[Path, Any], visit: Callable) -> None:
    path, ids = known
    shown = visit(path, java_script_enabled=False)
    texts = shown.page.locator(".example code").all_inner_texts()
    assert len(texts) == example_page.LISTED
    assert set(texts[:4]) == set(rows(ids, 3, 7, 11, 20))
    assert shown.page.get_by_role("combobox", name=re.compile("^Disagree")).count() == 0


def test_the_page_beside_it_is_filtered_too(
    functions: SimpleNamespace, tmp_path: Path, visit: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example_page, "EXAMPLES_BYTES", 25_000)
    data, options = functions.load("digits")
    models = {name: functions.wrong_answers(data, wrong, CLASSES) for name, wrong in WRONG.items()}
    run = functions.example_run(tmp_path, "digits", models, data=data, options=options)
    shown = visit(write_page([run], tmp_path / "page.html"))
    Browse(shown.page)
    shown.page.get_by_role("link", name="the page beside it").click()
    browse = Browse(shown.page)
    assert browse.status().startswith("200 of 200")
    browse.choose("Show", "wrong by third")
    assert browse.ids() == rows(data.splits["test"].ids, 11)


def test_a_regression_shows_and_sorts_by_the_error(functions: SimpleNamespace, tmp_path: Path, visit: Callable) -> None:
    data, options = functions.load("diabetes")
    targets = np.asarray(data.splits["test"].columns["target"])
    off = {"a": np.zeros(len(targets)), "b": np.zeros(len(targets))}
    off["a"][[5, 9]] = (-40.0, 10.0)
    off["b"][[9, 2]] = (30.0, 25.0)
    models = {name: {"targets": targets, "predictions": targets + values} for name, values in off.items()}
    run = functions.example_run(tmp_path, "diabetes", models, data=data, options=options)
    browse = Browse(visit(write_page([run], tmp_path / "page.html")).page)
    ids = data.splits["test"].ids
    assert browse.ids()[0] == str(ids[9]) or browse.ids()[0] == str(ids[5])
    browse.choose("Sort", "greatest error")
    assert browse.ids()[:3] == rows(ids, 5, 9, 2)
    assert "−40" in browse.section.locator(".example").first.inner_text()
    browse.choose("Sort", "greatest disagreement")
    assert browse.ids()[:3] == rows(ids, 5, 2, 9)


@pytest.mark.parametrize("name", ["known", "explained"])
def test_examples_break_no_rule_of_accessibility(name: str, request: pytest.FixtureRequest, visit: Callable) -> None:
    reason = "axe-playwright-python is not installed; the extra `browser` brings it"
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=reason)
    for context in ({"color_scheme": "light"}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}):
        shown = visit(request.getfixturevalue(name)[0], **context)
        Browse(shown.page)
        shown.unfold()
        assert shown.overflow() == 0, shown.widest()
        violations = axe.Axe().run(shown.page).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["html"][:150]) for rule in violations] == []
