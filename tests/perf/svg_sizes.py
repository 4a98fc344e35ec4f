"""Bytes and accessibility of the charts of the HTML page, beside those of libraries that write SVG in Python.

    pip install pygal altair vl-convert-python
    python tests/perf/svg_sizes.py

The same two charts: four lines of 15 points with intervals and a legend, and dots with intervals in 8 rows of two
series. A library that is not installed is left out. Accessible means: a role, a name, and a text for each mark.
"""

from __future__ import annotations

import io
import random
import re
import zlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from xml.etree import ElementTree

from bench_suite.reports.html import svg
from bench_suite.reports.html.svg import Mark, Point

EPOCHS, ROWS = range(1, 16), [f"group {number}" for number in range(8)]
MODELS = ("linear", "cnn", "forest", "bayes")
Draw = Callable[[], str]


def numbers() -> dict[str, list[tuple[int, float, float, float]]]:
    """Return the lines: x, y and the ends of the interval of y."""
    draws = random.Random(0)
    lines = {}
    for model in MODELS:
        values = [0.9 - 0.4 / epoch + draws.uniform(-0.01, 0.01) for epoch in EPOCHS]
        lines[model] = [(epoch, value, value - 0.02, value + 0.02) for epoch, value in zip(EPOCHS, values)]
    return lines


def groups() -> dict[str, dict[str, tuple[float, float, float]]]:
    """Return the dots: the value and its interval, by row and model."""
    draws = random.Random(1)
    rows = {row: {model: draws.uniform(0.7, 0.95) for model in MODELS[:2]} for row in ROWS}
    return {row: {model: (v, v - 0.03, v + 0.03) for model, v in own.items()} for row, own in rows.items()}


def own_lines() -> str:
    series = {
        model: [Point(x, y, low, high, f"{model}, epoch {x}: {y:.3f}") for x, y, low, high in own]
        for model, own in numbers().items()
    }
    return svg.lines(series, "epoch", "accuracy")


def own_dots() -> str:
    rows = {
        row: {m: Mark(*one, f"{m}, {row}: {one[0]:.3f}") for m, one in own.items()} for row, own in groups().items()
    }
    return svg.dots(rows, "accuracy")


def _saved(draw: Callable) -> str:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.fonttype"] = "none"  # text as text: smaller, and read by screen readers
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(4.2, 2.6))
    draw(axes)
    axes.legend()
    sink = io.StringIO()
    figure.savefig(sink, format="svg", metadata={"Title": "accuracy"})
    plt.close(figure)
    return sink.getvalue()


def matplotlib_lines() -> str:
    def draw(axes) -> None:
        for model, own in numbers().items():
            xs, ys, lows, highs = zip(*own)
            axes.plot(xs, ys, marker="o", label=model)
            axes.fill_between(xs, lows, highs, alpha=0.2)
        axes.set(xlabel="epoch", ylabel="accuracy")

    return _saved(draw)


def matplotlib_dots() -> str:
    def draw(axes) -> None:
        for at, model in enumerate(MODELS[:2]):
            values = [own[model] for own in groups().values()]
            places = [number + 0.2 * at for number in range(len(ROWS))]
            axes.errorbar([v for v, _, _ in values], places, xerr=0.03, fmt="o", label=model)
        axes.set_yticks(range(len(ROWS)), ROWS)
        axes.set_xlabel("accuracy")

    return _saved(draw)


def pygal_lines() -> str:
    import pygal

    chart = pygal.Line(title="accuracy by epoch", js=[], x_title="epoch", y_title="accuracy")
    chart.x_labels = list(map(str, EPOCHS))
    for model, own in numbers().items():
        chart.add(model, [{"value": y, "ci": {"low": low, "high": high}} for _, y, low, high in own])
    return chart.render(is_unicode=True)


def pygal_dots() -> str:
    import pygal

    chart = pygal.Line(title="accuracy", js=[], stroke=False)
    chart.x_labels = ROWS
    for model in MODELS[:2]:
        values = [own[model] for own in groups().values()]
        chart.add(model, [{"value": value, "ci": {"low": low, "high": high}} for value, low, high in values])
    return chart.render(is_unicode=True)


def _converted(chart) -> str:
    import vl_convert

    return vl_convert.vegalite_to_svg(chart.to_dict())


def altair_lines() -> str:
    import altair as alt

    rows = [
        {"epoch": x, "accuracy": y, "low": low, "high": high, "model": model}
        for model, own in numbers().items()
        for x, y, low, high in own
    ]
    base = alt.Chart(alt.Data(values=rows), title="accuracy by epoch").encode(x="epoch:Q", color="model:N")
    band = base.mark_area(opacity=0.2).encode(y="low:Q", y2="high:Q")
    return _converted(band + base.mark_line(point=True).encode(y="accuracy:Q"))


def altair_dots() -> str:
    import altair as alt

    rows = [
        {"group": row, "model": model, "accuracy": value, "low": low, "high": high}
        for row, own in groups().items()
        for model, (value, low, high) in own.items()
    ]
    base = alt.Chart(alt.Data(values=rows), title="accuracy").encode(y="group:N", color="model:N", yOffset="model:N")
    return _converted(base.mark_rule().encode(x="low:Q", x2="high:Q") + base.mark_point().encode(x="accuracy:Q"))


CHARTS: dict[str, tuple[str, Draw, Draw]] = {
    "bench_suite": ("bench_suite", own_lines, own_dots),
    "matplotlib": ("matplotlib", matplotlib_lines, matplotlib_dots),
    "pygal": ("pygal", pygal_lines, pygal_dots),
    "altair": ("vl_convert", altair_lines, altair_dots),
}
"By library: the module that must be installed, and how each chart is drawn."


def facts(chart: str) -> Iterator[str]:
    """Yield the bytes of a chart, compressed bytes, marks with a text of their own, and what else it has."""
    root = ElementTree.fromstring(f"<div>{re.sub(r'<[?!][^>]*>', '', chart)}</div>")
    top = next(one for one in root.iter() if one.tag.endswith("svg"))
    titles = sum(one.tag.rpartition("}")[2] in ("title", "desc") for one in top.iter())
    labels = sum("aria-label" in one.attrib for one in top.iter())
    styles = sum(one.tag.rpartition("}")[2] in ("style", "script") or "style" in one.attrib for one in root.iter())
    yield f"{len(chart.encode()):,}"
    yield f"{len(zlib.compress(chart.encode(), 9)):,}"
    yield top.get("role") or "none"
    yield "yes" if top.get("aria-label") or top.find("{*}title") is not None else "no"
    yield str(titles + labels)
    yield str(styles)


def main() -> None:
    header = ["library", "chart", "bytes", "compressed", "role", "name", "texts of marks", "inline styles, scripts"]
    lines = [header]
    for library, (needed_module, *draws) in CHARTS.items():
        if find_spec(needed_module) is None:
            continue
        lines += [[library, kind, *facts(draw())] for kind, draw in zip(("lines", "dots"), draws)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


if __name__ == "__main__":
    main()
