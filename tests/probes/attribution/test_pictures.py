"""Images: one scale for all methods, and words that are readable without colour."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from bench_suite.probes.attribution import pictures
from bench_suite.probes.attribution.methods import METHODS
from bench_suite.probes.attribution.pictures import MethodTitle

SIGNED, MAGNITUDES = MethodTitle("occlusion"), MethodTitle("saliency", signed=False)


def test_an_attribution_is_scaled_to_its_largest_magnitude_and_zeros_stay() -> None:
    assert pictures.scale(np.array([1.0, -4.0, 2.0])).tolist() == [0.25, -1.0, 0.5]
    assert pictures.scale(np.zeros(3)).tolist() == [0.0] * 3
    assert pictures.scale(np.zeros(0)).tolist() == []


@pytest.mark.parametrize(
    ("weight", "marked"),
    [
        (1.0, "fine++"), (0.4, "fine+"), (0.1, "fine˖"), (0.05, "fine"), (0.0, "fine"),
        (-0.05, "fine"), (-0.3, "fine˗"), (-0.4, "fine−"), (-0.9, "fine−−"),
    ],
)  # fmt: skip
def test_signs_say_what_colours_do(weight: float, marked: str) -> None:
    assert pictures.with_mark("fine", weight) == marked


def test_every_word_on_a_colour_has_a_mark_that_says_which() -> None:
    """The marks of positive and negative words differ wherever their colours differ."""
    pages = {
        weight: pictures.text_page({MethodTitle(""): [("word", weight)]}, "", "")
        for weight in (0.0, 0.05, 0.11, 0.34, 0.7)
    }
    for weight, page in pages.items():
        coloured = bool((page.max(axis=2).astype(int) - page.min(axis=2) > 8).any())
        assert coloured == (pictures.with_mark("word", weight) != "word")
        assert (pictures.with_mark("", weight) != pictures.with_mark("", -weight)) == coloured


def test_of_a_long_text_the_words_that_weigh_most_together_are_shown() -> None:
    weights = [0.0] * 50 + [2.0, -1.0] + [0.0] * 50
    shown = pictures.heaviest(weights, most=4)
    assert (shown.stop - shown.start, sum(map(abs, weights[shown]))) == (4, 3.0)
    assert pictures.heaviest(weights[:3], most=4) == slice(0, 3)


@pytest.mark.parametrize("strongest", [0, 3, 50, 102, 103])
def test_the_excerpt_of_a_long_text_has_its_strongest_word(strongest: int) -> None:
    weights = np.full(104, 0.1)
    weights[60:70] = 0.9  # ten words that together weigh more than the strongest
    weights[strongest] = -1.0
    shown = pictures.heaviest(weights.tolist(), most=4)
    assert shown.start <= strongest < shown.stop
    assert shown.stop - shown.start == 4


def test_weights_of_words_are_scaled_to_the_largest_magnitude() -> None:
    assert pictures.scale_words([("superb", 2.0), ("not", -1.0)]) == [("superb", 1.0), ("not", -0.5)]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("methods", [1, 8])
def test_a_strip_is_drawn_of_images_of_any_channels_and_any_number_of_methods(channels: int, methods: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 10, channels), dtype=np.uint8)
    maps = {MethodTitle(f"method_{number}"): np.zeros((8, 10)) for number in range(methods)}
    strip = pictures.image_strip(image, maps, "true $a, predicted b (0.50)", "b")
    assert strip.dtype == np.uint8
    assert strip.ndim == 3
    assert strip.shape[2] == 3


@pytest.mark.parametrize("method", METHODS)
def test_no_heading_is_wider_than_its_panel(method: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = Figure((10, 2), dpi=150)
    renderer = FigureCanvasAgg(figure).get_renderer()
    heading = pictures.heading(str(MethodTitle(f"smoothed {method.replace('_', ' ')}", signed=False)))
    drawn = figure.text(0, 0, heading, fontsize=7).get_window_extent(renderer)
    assert drawn.width <= pictures.PANEL * figure.dpi
    assert heading.count("\n") <= 2


def test_one_colour_means_the_same_for_all_methods() -> None:
    """A map and a thousand times that map look the same; its negative has the colours of the other sign."""
    image = np.zeros((4, 4, 1), dtype=np.uint8)
    map_ = np.zeros((4, 4))
    map_[1, 2] = 1.0
    alike = pictures.image_strip(image, {MethodTitle(""): map_}, "", "")
    assert np.array_equal(pictures.image_strip(image, {MethodTitle(""): 1000 * map_}, "", ""), alike)
    assert not np.array_equal(pictures.image_strip(image, {MethodTitle(""): -map_}, "", ""), alike)


def test_a_page_of_words_is_drawn_whatever_they_hold() -> None:
    words = [("$x_1$", 1.0), ("a" * 500, -1.0), ("電影\n", 0.5), ("", 0.0)]
    methods = {MethodTitle("integrated_gradients"): words, MethodTitle("random"): words}
    page = pictures.text_page(methods, "true good, predicted bad (0.99)", "$bad$")
    assert page.ndim == 3
    assert len(np.unique(page.reshape(-1, 3), axis=0)) > 3


@pytest.mark.parametrize(
    ("methods", "end", "legend", "meaning"),
    [
        ([SIGNED], "for", "++ + ˖ for cat    −− − ˗ against it", "Red speaks for cat, blue against it"),
        (
            [MAGNITUDES],
            "largest\nmagnitude",
            "magnitude: ++ + ˖ large, for cat or against it",
            "Magnitudes: red is a large effect, for cat or against it",
        ),
        (
            [SIGNED, MAGNITUDES],
            "for; or\nlargest\nmagnitude",
            "++ + ˖ for cat    −− − ˗ against it    magnitude: ++ + ˖ large, for cat or against it",
            "Red speaks for cat, blue against it; magnitudes: red is a large effect",
        ),
    ],
)
def test_the_class_is_named_and_magnitudes_are_not_said_to_speak_for_it(
    methods: list[MethodTitle], end: str, legend: str, meaning: str
) -> None:
    assert pictures.upper_end(methods) == end
    assert pictures.legend(methods, "cat") == legend
    assert pictures.meaning(methods, "cat") == meaning


def test_a_long_class_is_shortened_and_a_title_fits_into_its_picture() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    name = pictures.plain_name("a class with a name\nof very many letters")
    assert name == "a class with a name of …"
    title = "true a class with a name of very many letters, predicted W (0.98)"
    for methods in (1, 7):
        figure = Figure((pictures.PANEL * (1 + methods) + 0.9, 2), dpi=150)
        renderer = FigureCanvasAgg(figure).get_renderer()
        width = float(figure.get_figwidth())
        heading = pictures.heading_of(title, [SIGNED, MAGNITUDES], name, width)
        drawn = figure.text(0, 0, heading, fontsize=9).get_window_extent(renderer)
        assert drawn.width <= width * figure.dpi


def test_the_scale_beside_magnitudes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    finish = pictures._rendered
    monkeypatch.setattr(pictures, "_rendered", lambda figure: drawn.append(figure) or finish(figure))
    maps = {SIGNED: np.eye(4), MAGNITUDES: np.eye(4)}
    pictures.image_strip(np.zeros((4, 4, 1), dtype=np.uint8), maps, "", "")
    (figure,) = drawn
    labels = [label.get_text() for label in figure.axes[-1].get_yticklabels()]
    assert labels == ["against", "0", "for; or\nlargest\nmagnitude"]
