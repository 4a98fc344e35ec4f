"""Artifacts as figures: each kind, and what is damaged, hostile or too large."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from markupsafe import Markup
from PIL import Image

from bench_suite.contracts import Artifact, ArtifactRow
from bench_suite.reports.html.figures import (
    MAX_CHARACTERS,
    MAX_ROWS,
    MAX_WIDTH,
    ArtifactError,
    Pictures,
    artifact_figure,
)
from bench_suite.reports.html.view import Figure
from bench_suite.store.runs import Run

Make = Callable[..., Run]


@pytest.fixture
def shown(make_run: Make) -> Callable[..., Figure]:
    """Return a function that writes an artifact and returns its figure."""
    run = make_run()

    def make(kind: Any, data: Any, pictures: Pictures | None = None) -> Figure:
        row = run.write_artifact("a", "quality", Artifact("one", kind, data, "Caption"))
        figure = artifact_figure(run, row, "model a", pictures or Pictures())
        assert figure is not None
        return figure

    return make


def test_every_kind_of_artifact_is_shown(with_artifacts: Run) -> None:
    [record] = with_artifacts.records()
    pictures = Pictures()
    figures = {row.name: artifact_figure(with_artifacts, row, "a", pictures) for row in record.artifacts[:-1]}
    assert all(figure is not None for figure in figures.values())
    kinds = {name.removeprefix("quality/"): figure.kind for name, figure in figures.items() if figure}
    assert kinds == {
        "curve": "chart", "groups": "chart", "confusion": "chart", "saliency": "picture", "sample": "text",
        "tokens": "text", "worst": "table",
    }  # fmt: skip


def test_a_caption_names_the_cell(shown: Callable[..., Figure]) -> None:
    assert shown("text", "hello").caption == "Caption – model a"


def test_weights_of_tokens_have_a_strength_and_a_sign(shown: Callable[..., Figure]) -> None:
    content = shown("text", [["good", 1.0], ["the", 0.02], ["bad", -0.5]]).content
    assert '<mark class="p5" title="+1.00">good</mark>' in content
    assert '<mark class="n2" title="-0.50">bad</mark>' in content
    assert "<mark" not in content[content.index("the") - 2 : content.index("the") + 3]


def test_texts_and_tables_are_cut_and_say_so(shown: Callable[..., Figure]) -> None:
    assert "and 10 more characters" in shown("text", "x" * (MAX_CHARACTERS + 10)).content
    table = shown("table", {"columns": ["a"], "rows": [[number] for number in range(MAX_ROWS + 3)]}).table
    assert table is not None
    assert table.rows[-1] == ["and 3 more"]


def test_hostile_texts_of_artifacts_are_escaped(shown: Callable[..., Figure]) -> None:
    hostile = '</p><script>x</script>\u202e\x00"'
    for data in (hostile, [[hostile, 1.0], [hostile, 0.0]]):
        content = shown("text", data).content
        assert "<script>" not in content
        assert "\u202e" not in content
        assert "\x00" not in content


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("lines", {"x": "x", "y": "y", "series": {"a": [["text", 1]]}}),
        ("bars", {"y": "y", "bars": [1, 2]}),
        ("matrix", {"rows": ["a"], "columns": ["a"], "values": [["text"]]}),
        ("table", {"columns": ["a"], "rows": [[1, 2]]}),
    ],
)
def test_an_artifact_without_the_form_of_its_kind_is_refused(
    shown: Callable[..., Figure], kind: str, data: Any
) -> None:
    with pytest.raises(ArtifactError):
        shown(kind, data)


def test_a_missing_file_is_refused(make_run: Make) -> None:
    with pytest.raises(ArtifactError):
        artifact_figure(make_run(), ArtifactRow("quality/x", "text", "cells/a/x.json", "x"), "a", Pictures())


def decoded(page: str) -> Image.Image:
    """Return the first picture of a page."""
    match = re.search(r'src="data:image/\w+;base64,([^"]+)"', page)
    assert match is not None
    return Image.open(io.BytesIO(base64.b64decode(match[1])))


def test_a_small_picture_keeps_its_pixels_and_a_large_one_is_reduced(shown: Callable[..., Figure]) -> None:
    pictures = Pictures()
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    small = pictures.filled(str(shown("image", pixels, pictures).content), 10**6)
    assert np.array_equal(np.asarray(decoded(small)), pixels)
    large = Pictures()
    content = shown("image", np.zeros((1200, 2400, 3), np.uint8), large).content
    assert decoded(large.filled(str(content), 10**6)).size == (MAX_WIDTH, MAX_WIDTH // 2)


def test_pictures_that_do_not_fit_are_linked_instead() -> None:
    pictures = Pictures()
    page = "".join(pictures.add(bytes(3000), "png", f"picture {number}", 8, f"a {number}.png") for number in range(3))
    limit = len(page) + 2 * 4300
    filled = pictures.filled(page, limit)
    assert filled.count("<img ") == 2
    assert len(filled) <= limit + 200
    assert 'href="a%202.png"' in filled
    assert pictures.size_in(page) > 12_000


def test_a_text_of_a_run_cannot_stand_for_a_picture() -> None:
    first, second = Pictures(), Pictures()
    stand_in = first.add(b"x", "png", "a", 8)
    assert stand_in != second.add(b"x", "png", "a", 8)
    assert isinstance(stand_in, Markup)


def test_the_text_for_those_who_cannot_see_a_picture_is_escaped() -> None:
    pictures = Pictures()
    page = pictures.filled(str(pictures.add(b"x", "png", '"><script>x</script>', 8)), 10**6)
    assert "<script>" not in page
    assert 'alt="&#34;&gt;&lt;script&gt;' in page
