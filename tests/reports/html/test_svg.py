"""Charts as SVG: well-formed whatever the numbers and the names are, titled, without a style of their own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from bench_suite.reports.html import svg
from bench_suite.reports.html.svg import Mark, Point
from bench_suite.reports.html.ticks import axis

NAN, INFINITE = math.nan, math.inf
HOSTILE = "a<b>&\"'</svg><script>x</script>]]>\x00\x1b\u202e\ud800"
NUMBERS = [
    [], [0.5], [0.0, 0.0], [1.0, 2.0], [NAN, 1.0], [NAN, NAN], [INFINITE, 1.0, -INFINITE], [1e-300, 2e-300],
    [1e300, -1e300], [1e-12, 1e12], [-1.0, 3.0],
]  # fmt: skip


def _points(numbers: list[float]) -> list[Point]:
    return [Point(float(at), number, number, number) for at, number in enumerate(numbers)]


def _marks(numbers: list[float]) -> dict[str, Mark]:
    marks = {f"row {at}": Mark(number, number, number) for at, number in enumerate(numbers)}
    return {**marks, "none": Mark(None, reason="not measured")}


CHARTS: dict[str, Callable[[list[float]], Markup]] = {
    "lines": lambda numbers: svg.lines({"a": _points(numbers), "b": []}, "x", "y"),
    "logarithmic": lambda numbers: svg.lines({"a": _points(numbers)}, "x", "y", logarithmic=["x", "y"]),
    "histogram": lambda numbers: svg.lines(
        {"a": _points(numbers)}, "x", "y", histogram=[[0.0, 0.5, 3.0], [0.5, 1.0, 0.0]]
    ),
    "scatter": lambda numbers: svg.scatter(
        {str(at): [point] for at, point in enumerate(_points(numbers))}, "x", "y", front=[(0.0, 1.0), (1.0, 2.0)]
    ),
    "bars": lambda numbers: svg.bars(_marks(numbers), "y"),
    "signed": lambda numbers: svg.bars(_marks(numbers), "y", signed=True),
    "dots": lambda numbers: svg.dots({"c": _marks(numbers), "d": _marks(numbers[:1])}, "y"),
    "matrix": lambda numbers: svg.matrix(["r"], [str(at) for at, _ in enumerate(numbers)], [numbers], "x", "y"),
}


def parsed(chart: str) -> ElementTree.Element:
    """Return a chart and its legend as XML."""
    return ElementTree.fromstring(f"<div>{chart}</div>")


@pytest.mark.parametrize("kind", CHARTS)
@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
def test_a_chart_is_well_formed_whatever_its_numbers_are(kind: str, numbers: list[float]) -> None:
    root = parsed(CHARTS[kind](numbers))
    chart = root.find("svg")
    assert chart is not None
    assert chart.get("role") == "img"
    assert chart.get("aria-label")
    width, height = (float(number) for number in chart.get("viewBox", "").split()[2:])
    coordinates = [
        number
        for element in chart.iter()
        for name in ("d", "x", "y", "cx", "cy", "width", "height")
        for number in re.findall(r"nan|inf|[-−]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", element.get(name, ""))
        if element.get("transform") is None
    ]
    assert not {"nan", "inf"} & set(coordinates)
    assert all(-width <= float(number) <= width + height for number in coordinates)


def test_an_interval_without_numbers_is_not_drawn() -> None:
    for low, high in ((NAN, 1.0), (1.0, NAN), (None, 1.0)):
        points, mark = [Point(at, 1.0, low, high) for at in (0.0, 1.0)], Mark(1.0, low, high)
        for chart in (
            svg.lines({"a": points}, "x", "y"),
            svg.bars({"a": mark}, "y"),
            svg.dots({"a": {"b": mark}}, "y"),
        ):
            assert not [one for one in parsed(chart).iter() if "whisker" in (one.get("class") or "")]
            assert not [one for one in parsed(chart).iter() if "band" in (one.get("class") or "")]
            assert "nan" not in "".join(one.get("d") or "" for one in parsed(chart).iter())


def test_no_chart_has_a_style_a_program_or_an_identity_of_its_own() -> None:
    for kind, chart in CHARTS.items():
        for element in parsed(chart([0.5, 1.5])).iter():
            assert not {"style", "id", "onload", "onclick"} & set(element.attrib), kind
            assert element.tag in ("div", "svg", "path", "circle", "rect", "text", "title", "ul", "li"), kind


def test_hostile_names_are_texts() -> None:
    point, mark = Point(0.0, 1.0, 0.5, 1.5, HOSTILE), Mark(1.0, 0.5, 1.5, HOSTILE)
    nothing = Mark(None, reason=HOSTILE)
    charts = [
        svg.lines({HOSTILE: [point, point]}, HOSTILE, HOSTILE),
        svg.scatter({HOSTILE: [point]}, HOSTILE, HOSTILE, front=[(0.0, 1.0), (1.0, 1.0)]),
        svg.bars({HOSTILE: mark, "n": nothing}, HOSTILE),
        svg.dots({HOSTILE: {HOSTILE: mark, "other": nothing}}, HOSTILE),
        svg.matrix([HOSTILE], [HOSTILE], [[3]], HOSTILE, HOSTILE),
        svg.interval_bar(0.5, 0.4, 0.6, axis([0.0, 1.0]), HOSTILE),
    ]
    for chart in charts:
        root = parsed(chart)
        assert not list(root.iter("script")) + list(root.iter("b"))
        texts = [*root.itertext(), *(value for one in root.iter() for value in one.attrib.values())]
        assert any(text.startswith("a<b>") for text in texts)
        assert all(text.isprintable() for text in texts)


def test_a_point_lies_where_its_numbers_say() -> None:
    chart = parsed(svg.scatter({"a": [Point(0.0, 0.0, title="low")], "b": [Point(10.0, 1.0, title="high")]}, "x", "y"))
    low = next(one for one in chart.iter() if one.findtext("title") == "low")
    high = next(one for one in chart.iter() if one.findtext("title") == "high")
    assert low.tag == "circle"
    x, y = (float(number) for number in re.findall(r"[\d.]+", high.get("d", ""))[:2])
    assert float(low.get("cx", "")) < x
    assert float(low.get("cy", "")) > y


def test_bars_grow_from_zero_in_proportion() -> None:
    chart = parsed(svg.bars({"a": Mark(1.0), "b": Mark(2.0), "c": Mark(-1.0)}, "y"))
    widths = [float(one.get("width", "")) for one in chart.iter("rect")]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
    assert widths[2] == pytest.approx(widths[0], abs=0.2)


def test_series_differ_in_colour_and_in_shape_and_keep_both_in_every_chart() -> None:
    order = [f"model {number}" for number in range(4)]
    first = svg.dots({"c": {name: Mark(1.0) for name in order}}, "y", order=order)
    second = svg.dots({"c": {name: Mark(1.0) for name in order[2:]}}, "y", order=order)
    classes = [one.get("class") for one in parsed(first).iter() if (one.get("class") or "").startswith("dot")]
    assert len(set(classes)) == 4
    assert {one.get("class") for one in parsed(second).iter() if (one.get("class") or "").startswith("dot")} == {
        "dot c2", "dot c3",
    }  # fmt: skip


def test_a_reason_stands_where_a_bar_would_be() -> None:
    assert "not measured" in svg.bars({"a": Mark(1.0), "b": Mark(None, reason="not measured")}, "y")


def test_a_matrix_names_the_cell_of_each_shade() -> None:
    chart = svg.matrix(["cat", "dog"], ["cat", "dog"], [[9, 1], [None, 4]], "predicted", "true")
    titles = [title.text for title in parsed(chart).iter("title")]
    assert "true cat, predicted dog: 1" in titles
    assert len(titles) == 3


def test_an_interval_is_drawn_on_the_scale_of_all_rows() -> None:
    scale = axis([0.0, 1.0])
    bar = parsed(svg.interval_bar(0.5, 0.25, 0.75, scale, "a: 0.5")).find("svg")
    assert bar is not None
    assert bar.get("aria-label") == "a: 0.5"
    circle = bar.find("circle")
    assert circle is not None
    assert circle.get("cx") == "60"


def test_the_first_thirty_two_series_differ_in_colour_or_shape() -> None:
    chart = svg.lines({f"s{number}": [Point(0, number), Point(1, number)] for number in range(32)}, "x", "y")
    drawn = {
        (dot["class"], re.sub(r"M[-0-9.]+,[-0-9.]+", "", dot["d"]))
        for dot in (element.attrib for element in ElementTree.fromstring(f"<p>{chart}</p>").iter())
        if dot.get("class", "").startswith("dot") and len(dot.get("d", "").split("M")) == 3
    }
    assert len(drawn) == 32


def test_a_logarithmic_axis_says_so_in_its_title_and_a_linear_one_does_not() -> None:
    chart = svg.lines({"a": [Point(1, 1), Point(1000, 3)]}, "size", "rate", logarithmic=["x"])
    assert "size, log scale" in chart
    assert "rate, log scale" not in chart
    chart = svg.scatter({"a": [Point(1, 2), Point(9, 3000)]}, "size", "a very long name of a rate", logarithmic=["y"])
    assert ", log scale" in chart
    assert "size, log scale" not in chart
    chart = svg.lines({"a": [Point(0, 1), Point(10, 3)]}, "size", "rate", logarithmic=["x"])
    assert "log scale" not in chart, "0 has no logarithm, so the axis is linear"


def test_what_is_expected_by_chance_is_grey_and_takes_no_colour_from_a_series() -> None:
    points = [Point(0.0, 0.0), Point(1.0, 1.0)]
    alone = svg.lines({"loss": points}, "x", "y")
    chart = svg.lines({"chance": points, "loss": points}, "x", "y", expected=["chance"])
    assert '<path class="line expected"' in chart
    assert chart.count("chance</li>") == 1
    assert re.findall(r'class="(?:line|dot) (c\d)', alone) == ["c0", "c0", "c0"]
    assert re.findall(r'class="(?:line|dot) (c\d)', chart) == ["c0", "c0", "c0"]
    assert "dot expected" not in chart


def test_a_legend_shows_the_dashes_by_which_series_of_one_colour_differ() -> None:
    chart = svg.lines({f"series {number}": [Point(0.0, 0.0), Point(1.0, 1.0)] for number in range(10)}, "x", "y")
    keys = re.findall(r"<li>(.*?)</li>", chart)
    assert ["d1" in key for key in keys] == [False] * 8 + [True] * 2


def _luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    parts = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_colour_of_a_series_can_be_seen_on_the_paper(number: int) -> None:
    style = (Path(svg.__file__).parent / "assets/page.css").read_text("utf-8")
    paper = re.findall(r"--paper: #([0-9a-f]+)", style)[number]
    colours = re.findall(r"--c\d: #([0-9a-f]+)", style)[8 * number : 8 * number + 8]
    assert len(set(colours)) == 8
    for colour in colours:  # WCAG 2.2, 1.4.11: a contrast of 3 for graphics
        low, high = sorted((_luminance(colour), _luminance(paper)))
        assert (high + 0.05) / (low + 0.05) >= 3
