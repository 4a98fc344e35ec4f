"""Each kind of artifact is drawn, whatever it contains."""

import io
import sys
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from bench_suite.contracts import Artifact, ArtifactKind
from bench_suite.reports.plots import COLOURS, SIGNED, _bars, _lines, page_width, picture

HOSTILE = ["_hidden", "$x$ $y$", "a\nb", "模型", "x" * 400, "\x00", ""]
DRAWN = {
    "lines": {"x": "epoch", "y": "loss", "series": {"a": [[0, 1.0], [1, 0.5]], "b": [[0, None], [1, 2.0]]}},
    "no lines": {"x": "epoch", "y": "loss", "series": {}},
    "empty line": {"x": "epoch", "y": "loss", "series": {"a": []}},
    "many lines": {"x": "e", "y": "l", "series": {f"m{n}": [[0, n], [1, n]] for n in range(40)}},
    "hostile lines": {"x": HOSTILE[1], "y": HOSTILE[2], "series": {name: [[0, 1], [1, 2]] for name in HOSTILE}},
    "banded lines": {"x": "n", "y": "a", "logarithmic": ["x"], "series": {"a": [[9, 0.5, 0.4, None], [99, 1, 0, 1]]}},
    "histogram line": {
        "x": "confidence",
        "y": "accuracy",
        "series": {"a": [[0.1, 0.2], [0.9, 0.8]], "b": [[0, 0, 0, 0.1], [1, 1, 0.9, 1]]},
        "histogram": [[0.0, 0.5, 12], [0.5, 1.0, 0]],
    },
    "bars": {"y": "accuracy", "bars": {"f": 0.8, "m": 0.9, "x": None}, "intervals": {"f": [0.7, 0.9]}},
    "hostile bars": {"y": "$", "bars": dict.fromkeys(HOSTILE, 1.0)},
    "no bars": {"y": "accuracy", "bars": {}},
    "many bars": {"y": "accuracy", "bars": {str(n): n for n in range(300)}},
    "matrix": {"rows": ["a", "b"], "columns": ["a", "b"], "values": [[1, 2], [3, None]], "x": "p", "y": "t"},
    "hostile matrix": {"rows": HOSTILE, "columns": HOSTILE, "values": np.eye(7).tolist()},
    "large matrix": {"rows": list(range(200)), "columns": list(range(200)), "values": np.ones((200, 200)).tolist()},
    "unknown matrix": {"rows": ["a"], "columns": ["b"], "values": [[None]], "x": "p", "y": "t"},
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_form_is_drawn_as_a_picture_of_sensible_size(name: str) -> None:
    kind: Any = name.split()[-1].replace("line", "lines").replace("liness", "lines")
    content = picture(Artifact("n", kind, DRAWN[name], "c"))
    assert content is not None
    image = Image.open(io.BytesIO(content))
    assert 150 < image.width < 2500
    assert 100 < image.height < 3000
    assert len(image.convert("RGB").getcolors(10**7) or []) > 1


def test_the_same_data_make_the_same_bytes() -> None:
    artifact = Artifact("n", "lines", DRAWN["lines"], "c")
    assert picture(artifact) == picture(artifact)


def test_a_histogram_is_drawn_below_the_lines_on_the_same_axis() -> None:
    figure = Figure()
    FigureCanvasAgg(figure)
    _lines(figure, DRAWN["histogram line"])
    lines, counts = figure.axes
    assert lines.get_xlim() == counts.get_xlim()
    assert [patch.get_height() for patch in counts.patches] == [12, 0]
    assert [patch.get_x() for patch in counts.patches] == [0.0, 0.5]
    assert (lines.get_xlabel(), counts.get_xlabel(), lines.get_ylabel()) == ("", "confidence", "accuracy")
    plain = Figure()
    FigureCanvasAgg(plain)
    _lines(plain, DRAWN["lines"])
    assert len(plain.axes) == 1


def test_signed_bars_have_a_colour_for_each_side() -> None:
    data = {"y": "change", "bars": {"a": 2.0, "b": -1.0, "c": None}}

    def colours(signed: bool) -> set[str]:
        content = picture(Artifact("n", "bars", {**data, "signed": signed}, "c")) or b""
        pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).reshape(-1, 3)
        return {f"#{red:02X}{green:02X}{blue:02X}" for red, green, blue in np.unique(pixels, axis=0)}

    assert colours(True) >= set(SIGNED)
    assert not colours(False) & set(SIGNED)


@pytest.mark.parametrize("bars", [{"a": None, "b": 0.8, "c": None}, {"a": None, "b": None}, {"a": None}])
def test_what_stands_in_the_place_of_a_bar_lies_between_the_axes(bars: dict[str, Any]) -> None:
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure).draw()
    _bars(figure, {"y": "accuracy", "bars": bars, "reasons": dict.fromkeys(bars, "too few (3)")})
    figure.canvas.draw()
    (axes,) = figure.axes
    frame = axes.get_window_extent()
    texts = [text.get_window_extent() for text in axes.texts]
    assert len(texts) == sum(value is None for value in bars.values())
    assert all(frame.y0 < text.y0 and text.y1 < frame.y1 for text in texts)
    tops = [label.get_window_extent().y0 for label in axes.get_yticklabels()]
    assert tops == sorted(tops, reverse=True), "the first stands on top"


def test_a_small_image_is_enlarged_pixel_by_pixel() -> None:
    pixels = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28)
    image = np.asarray(Image.open(io.BytesIO(picture(Artifact("n", "image", pixels, "c")) or b"")))
    assert image.shape == (252, 252)
    np.testing.assert_array_equal(image[::9, ::9], pixels)


def test_two_figures_or_four_images_fit_beside_each_other() -> None:
    kinds: tuple[ArtifactKind, ...] = ("lines", "bars", "matrix")
    for kind in kinds:
        assert 150 < page_width(picture(Artifact("n", kind, DRAWN[kind], "c")) or b"", kind) <= 400
    assert page_width(picture(Artifact("n", "image", np.zeros((28, 28), np.uint8), "c")) or b"", "image") == 180
    drawing = picture(Artifact("n", "image", np.zeros((450, 1200), np.uint8), "c")) or b""
    assert page_width(drawing, "image") == 800  # its text must be legible


@pytest.mark.parametrize("kind", ["text", "table"])
def test_texts_and_tables_are_written_and_not_drawn(kind: Any) -> None:
    assert picture(Artifact("n", kind, "x", "c")) is None


def test_no_display_and_no_global_state_is_needed() -> None:
    loaded = set(sys.modules)  # an earlier test may have imported it
    picture(Artifact("n", "bars", DRAWN["bars"], "c"))
    assert "matplotlib.pyplot" not in set(sys.modules) - loaded


def test_every_colour_can_be_seen_on_white() -> None:
    """The contrast of graphics to their background follows WCAG 2.1; markers and dashes help if it is below 3."""

    def luminance(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert len(set(COLOURS)) == 8
    assert all(1.05 / (luminance(colour) + 0.05) > 2.2 for colour in COLOURS)
    assert all(1.05 / (luminance(colour) + 0.05) > 2.9 for colour in COLOURS[:4])


def test_what_is_expected_is_drawn_in_grey_without_a_marker() -> None:
    figure = Figure()
    FigureCanvasAgg(figure)
    points = [[0, 0], [1, 1]]
    _lines(figure, {"x": "x", "y": "y", "series": {"loss": points, "chance": points}, "expected": ["chance"]})
    loss, chance = figure.axes[0].get_lines()
    assert (chance.get_color(), chance.get_linestyle(), chance.get_marker()) == ("#57606a", "--", "")
    assert (loss.get_color(), loss.get_linestyle()) == (COLOURS[0], "-")
    assert chance.get_color() not in COLOURS
