"""Pictures: an input beside its attribution by each method, on one signed scale.

Each method is scaled to its own largest magnitude, since their units differ. 1 is the strongest evidence for the
predicted class and −1 the strongest against it, and a colour has the same meaning in all parts of a picture. If a
method returns magnitudes, 1 is the largest, for the class or against it: its title and the scale's label state this.
The colours from blue to red are distinguishable under every common colour blindness; words have marks as well.
"""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SCALE = "RdBu_r"
ACROSS = 7
"Panels side by side."
PANEL = 1.25
"Width of a panel in inches, with its margins."
HEADED = 21
"Characters in one line of a panel's heading that fit into `PANEL` at 7 points."
LETTERS = 13
"Letters of a title, at 9 points, that fit into an inch."
MAX_NAME = 24
"Letters of the name of a class in a picture."
MAX_WORDS = 110
MAP_SIDE = 64
"Rows and columns of the map that is stored for the card of an example."
LINE = 84
"Characters in a line of words."
STRONG, CLEAR, FAINT = 2 / 3, 1 / 3, 0.1
"Least magnitudes of a word with two marks, one mark and a small mark. Below these it has neither mark nor colour."
DARK = 0.6
"Magnitude above which a patch is dark, so that its word is white."
_DOTS_PER_INCH = 150
_ROW, _LETTER = 0.2, 13 / _DOTS_PER_INCH
"Height of a line of words, and width of a letter of DejaVu Sans Mono at 10 points, which is 13 dots; in inches."


@dataclass(frozen=True)
class MethodTitle:
    """A method's name as a picture shows it."""

    name: str
    signed: bool = True
    "Whether numbers above 0 speak for the class and those below 0 against it; otherwise they are magnitudes."

    def __str__(self) -> str:
        return self.name if self.signed else f"{self.name}, magnitude"


def scale(parts: np.ndarray) -> np.ndarray:
    """Return an attribution divided by its largest magnitude, from −1 to 1; zeros stay zeros."""
    largest = float(np.abs(parts).max(initial=0.0))
    return parts / largest if largest > 0 and math.isfinite(largest) else np.zeros_like(parts)


# ── images ──────────────────────────────────────────────────────────────────────────────────────


def image_strip(image: np.ndarray, maps: Mapping[MethodTitle, np.ndarray], title: str, explained: str) -> np.ndarray:
    """Draw the input, and for each method its map and the map laid over the input.

    Args:
        image: (H, W, C) uint8. If C is not 3, the channels are averaged.
        maps: (H, W) attributions, by method.
        title: the title of the picture; a second line states what the colours mean.
        explained: name of the class that is explained.

    Returns:
        RGB bytes (height, width, 3).
    """
    from matplotlib import colormaps

    shown = image if image.shape[2] == 3 else np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    picture = shown.astype(np.float64) / 255
    methods = list(maps)
    blocks = [methods[at : at + ACROSS - 1] for at in range(0, len(methods), ACROSS - 1)]
    across = 1 + max(len(block) for block in blocks)
    width = PANEL * across + 0.9
    figure = _figure(width, 2.75 * len(blocks) + 0.55)
    grid = figure.add_gridspec(2 * len(blocks), across)
    panels = []
    for number, block in enumerate(blocks):
        _panel(figure.add_subplot(grid[2 * number, 0]), picture, "input")
        for column, method in enumerate(block, 1):
            values = scale(maps[method])
            colours = colormaps[SCALE]((values + 1) / 2)[..., :3]
            strength = np.abs(values)[..., None] ** 0.7
            faint = 0.35 + 0.5 * picture.mean(axis=2, keepdims=True)
            panels.append(figure.add_subplot(grid[2 * number, column]))
            _panel(panels[-1], values, str(method))
            _panel(figure.add_subplot(grid[2 * number + 1, column]), (1 - strength) * faint + strength * colours, "")
    bar = figure.colorbar(panels[0].images[0], ax=figure.axes, fraction=0.03, pad=0.02, ticks=[-1, 0, 1])
    bar.ax.set_yticklabels(["against", "0", upper_end(methods)], fontsize=7)
    figure.suptitle(escaped(heading_of(title, methods, explained, width)), fontsize=9)
    return _rendered(figure)


def small_map(values: np.ndarray) -> list[list[int]]:
    """Return an attribution as whole numbers from −127 to 127, with at most `MAP_SIDE` rows and columns.

    Args:
        values: (H, W). Those of a larger image are averaged over its pixels.
    """
    from PIL import Image

    image = Image.fromarray(scale(values).astype(np.float32))
    ratio = min(1.0, MAP_SIDE / max(image.size))
    if ratio < 1:
        width, height = (max(1, round(side * ratio)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BOX)
    numbers: list[list[int]] = np.rint(127 * scale(np.asarray(image))).astype(int).tolist()
    return numbers


def upper_end(methods: Sequence[MethodTitle]) -> str:
    """Return the label of the scale's upper end for these methods."""
    signed = [method.signed for method in methods]
    if not any(signed):
        return "largest\nmagnitude"
    return "for" if all(signed) else "for; or\nlargest\nmagnitude"


def plain_name(name: str) -> str:
    """Return the name of a class on one line, shortened if it is long."""
    flat = " ".join(name.split())
    return flat if len(flat) <= MAX_NAME else f"{flat[: MAX_NAME - 1]}…"


def meaning(methods: Sequence[MethodTitle], explained: str) -> str:
    """Return what is explained by these methods, and what the colours mean.

    Args:
        methods: the methods of a picture.
        explained: name of the class that is explained.
    """
    signed = [method.signed for method in methods]
    if not any(signed):
        return f"Magnitudes: red is a large effect, for {explained} or against it"
    signs = f"Red speaks for {explained}, blue against it"
    return signs if all(signed) else f"{signs}; magnitudes: red is a large effect"


def heading_of(title: str, methods: Sequence[MethodTitle], explained: str, width: float) -> str:
    """Return the title of a picture and what its colours mean, in lines that fit into its width in inches."""
    most = round(LETTERS * width)
    return "\n".join(line for text in (title, meaning(methods, explained)) for line in textwrap.wrap(text, most))


def escaped(text: str) -> str:
    """Return a text that matplotlib draws as it is, and not as a formula."""
    return text.replace("$", r"\$")


def heading(name: str) -> str:
    """Return a method's title in lines that are no wider than its panel."""
    return textwrap.fill(name, HEADED)


def _panel(axes: Any, values: np.ndarray, name: str) -> None:
    axes.imshow(values, cmap=SCALE if values.ndim == 2 else None, vmin=-1, vmax=1, interpolation="nearest")
    axes.set_title(heading(name), fontsize=7, pad=3)
    axes.set_xticks([])
    axes.set_yticks([])


# ── texts ───────────────────────────────────────────────────────────────────────────────────────


def with_mark(word: str, weight: float) -> str:
    """Return the word with a mark beside its colour: ++, + or ˖ for the class, −−, − or ˗ against it."""
    strength = abs(weight)
    sign, small = ("+", "˖") if weight > 0 else ("−", "˗")
    for least, mark in ((STRONG, sign * 2), (CLEAR, sign), (FAINT, small)):
        if strength >= least:
            return f"{word}{mark}"
    return word


def heaviest(weights: Sequence[float], most: int = MAX_WORDS) -> slice:
    """Return the `most` neighbouring words with the largest sum of magnitudes that include the heaviest word.

    Without this condition, many light words could exclude the heaviest one. If there are no more than `most` words, all
    are returned.
    """
    if len(weights) <= most:
        return slice(0, len(weights))
    strength = np.abs(weights)
    heaviest = int(strength.argmax())
    earliest, latest = max(0, heaviest - most + 1), min(heaviest, len(weights) - most)
    start = earliest + int(np.convolve(strength, np.ones(most), mode="valid")[earliest : latest + 1].argmax())
    return slice(start, start + most)


def scale_words(words: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return the words with their weights divided by the largest magnitude."""
    weights = scale(np.array([weight for _, weight in words], dtype=np.float64))
    return [(word, float(weight)) for (word, _), weight in zip(words, weights)]


def text_page(methods: Mapping[MethodTitle, Sequence[tuple[str, float]]], title: str, explained: str) -> np.ndarray:
    """Draw the words of a text for each method, coloured and marked by their weights.

    Args:
        methods: (word, weight) pairs with weights from −1 to 1, by method.
        title: the title of the picture.
        explained: name of the class that is explained.

    Returns:
        RGB bytes (height, width, 3).
    """
    blocks = {str(method): _lines(words) for method, words in methods.items()}
    height = sum(len(lines) + 1.6 for lines in blocks.values()) + 2.4
    figure = _figure((LINE + 2) * _LETTER, height * _ROW, constrained=False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, LINE + 2), ylim=(height, 0))
    axes.axis("off")
    axes.text(1, 0.9, escaped(title), fontsize=9, va="center")
    at = 2.2
    for name, lines in blocks.items():
        axes.text(1, at, name, fontsize=8, va="center", color="0.35")
        for line in lines:
            at += 1
            _line(axes, at, line)
        at += 1.6
    axes.text(1, height - 0.5, escaped(legend(list(methods), explained)), fontsize=8, va="center")
    return _rendered(figure)


def legend(methods: Sequence[MethodTitle], explained: str) -> str:
    """Return the meaning of the marks of words for these methods, which explain this class."""
    signed = [method.signed for method in methods]
    signs = [f"++ + ˖ for {explained}    −− − ˗ against it"] if any(signed) else []
    magnitudes = [] if all(signed) else [f"magnitude: ++ + ˖ large, for {explained} or against it"]
    return "    ".join([*signs, *magnitudes])


def _line(axes: Any, at: float, words: Sequence[tuple[str, float]]) -> None:
    """Draw one line: each word on a patch of its colour."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    column = 1
    for word, weight in words:
        shown = with_mark(word, weight)
        corner, colour = (column - 0.15, at - 0.46), colormaps[SCALE]((weight + 1) / 2)
        if abs(weight) >= FAINT:
            axes.add_patch(Rectangle(corner, len(shown) + 0.3, 0.92, facecolor=colour))
        ink = "white" if abs(weight) > DARK else "black"
        axes.text(column, at, escaped(shown), fontsize=10, family="monospace", va="center_baseline", color=ink)
        column += len(shown) + 1


def _lines(words: Sequence[tuple[str, float]]) -> list[list[tuple[str, float]]]:
    """Break words into lines of `LINE` characters with their marks; a longer word is cut."""
    lines: list[list[tuple[str, float]]] = [[]]
    room = LINE
    for word, weight in words:
        word = "".join(letter if letter.isprintable() else "?" for letter in word)[: LINE - 2]
        length = len(with_mark(word, weight)) + 1
        if length > room and lines[-1]:
            lines.append([])
            room = LINE
        lines[-1].append((word, weight))
        room -= length
    return lines


# ── matplotlib, without a display ───────────────────────────────────────────────────────────────


def _figure(width: float, height: float, *, constrained: bool = True) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=_DOTS_PER_INCH, layout="constrained" if constrained else None)
    FigureCanvasAgg(figure)
    return figure


def _rendered(figure: Any) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # characters that the font lacks are drawn as boxes
        figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
