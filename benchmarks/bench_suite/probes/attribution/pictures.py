"""Pictures: an input beside what each method says of it, on one signed scale, and which examples are worth a look.

Every method is scaled to its own largest magnitude, since their units differ: 1 speaks most for the predicted class, −1
most against it, and the same colour means the same in all parts of a picture. Where a method gives magnitudes, 1 is the
largest, which may speak for the class or against it: its name says so, and so does what stands beside the scale.
Colours are of a scale from blue to red that is told apart under every common colour blindness; words have marks beside
it.
"""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SCALE = "RdBu_r"
MAGNITUDE = ", magnitude"
"Ends the name of a method whose numbers have no sign."
ACROSS = 7
"Panels side by side."
PANEL = 1.25
"Inches that a panel is wide, its margins included."
HEADED = 21
"Characters of a panel's heading on one line: what `PANEL` has room for at 7 points."
MAX_WORDS = 110
LINE = 84
"Characters of a line of words."
STRONG, CLEAR, FAINT = 2 / 3, 1 / 3, 0.1
"Magnitudes from which a word has two marks, one, and a small one. Below it has neither mark nor colour."
DARK = 0.6
"Magnitude from which a patch is dark, and the word on it white."
_DOTS_PER_INCH = 150
_ROW, _LETTER = 0.2, 13 / _DOTS_PER_INCH
"Inches of a line of words, and of a letter of DejaVu Sans Mono at 10 points, which is drawn 13 dots wide."


def chosen(targets: np.ndarray, predictions: np.ndarray, scores: np.ndarray, shown: int) -> dict[str, int]:
    """Rows worth a look by name, up to `shown` of each kind, by rule.

    `right`: the most confident of those that are right. `wrong`: the most confident of those that are wrong.
    `borderline`: where the two highest scores (n, classes) lie closest, of all that are left.
    """
    ordered = np.sort(scores, axis=1)
    confidence, margin = ordered[:, -1], ordered[:, -1] - ordered[:, -2]
    right = targets == predictions
    found: dict[str, int] = {}
    for kind, order, eligible in (
        ("right", -confidence, right),
        ("wrong", -confidence, ~right),
        ("borderline", margin, np.ones(len(right), dtype=bool)),
    ):
        rows = [int(row) for row in np.argsort(order, kind="stable") if eligible[row] and row not in found.values()]
        found |= {kind if number == 0 else f"{kind}-{number + 1}": row for number, row in enumerate(rows[:shown])}
    return found


def scaled(parts: np.ndarray) -> np.ndarray:
    """An attribution over its largest magnitude: from −1 to 1; zeros stay zeros."""
    largest = float(np.abs(parts).max(initial=0.0))
    return parts / largest if largest > 0 and math.isfinite(largest) else np.zeros_like(parts)


# ── images ──────────────────────────────────────────────────────────────────────────────────────


def image_strip(image: np.ndarray, maps: Mapping[str, np.ndarray], title: str) -> np.ndarray:
    """RGB bytes (height, width, 3): the input, and for each method its map (H, W) and the map laid over the input.

    `image` (H, W, C) uint8, of 1 or 3 channels; others are averaged.
    """
    from matplotlib import colormaps

    shown = image if image.shape[2] == 3 else np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    picture = shown.astype(np.float64) / 255
    names = list(maps)
    blocks = [names[at : at + ACROSS - 1] for at in range(0, len(names), ACROSS - 1)]
    across = 1 + max(len(block) for block in blocks)
    figure = _figure(PANEL * across + 0.9, 2.75 * len(blocks) + 0.35)
    grid = figure.add_gridspec(2 * len(blocks), across)
    panels = []
    for number, block in enumerate(blocks):
        _panel(figure.add_subplot(grid[2 * number, 0]), picture, "input")
        for column, name in enumerate(block, 1):
            values = scaled(maps[name])
            colours = colormaps[SCALE]((values + 1) / 2)[..., :3]
            strength = np.abs(values)[..., None] ** 0.7
            faint = 0.35 + 0.5 * picture.mean(axis=2, keepdims=True)
            panels.append(figure.add_subplot(grid[2 * number, column]))
            _panel(panels[-1], values, name)
            _panel(figure.add_subplot(grid[2 * number + 1, column]), (1 - strength) * faint + strength * colours, "")
    bar = figure.colorbar(panels[0].images[0], ax=figure.axes, fraction=0.03, pad=0.02, ticks=[-1, 0, 1])
    bar.ax.set_yticklabels(["against", "0", upper_end(names)], fontsize=7)
    figure.suptitle(title, fontsize=9)
    return _drawn(figure)


def upper_end(names: Sequence[str]) -> str:
    """What the upper end of the scale means for these methods."""
    signless = [name.endswith(MAGNITUDE) for name in names]
    if all(signless):
        return "largest\nmagnitude"
    return "for; or\nlargest\nmagnitude" if any(signless) else "for"


def heading(name: str) -> str:
    """A method's name in lines that are no wider than its panel."""
    return textwrap.fill(name, HEADED)


def _panel(axes: Any, values: np.ndarray, name: str) -> None:
    axes.imshow(values, cmap=SCALE if values.ndim == 2 else None, vmin=-1, vmax=1, interpolation="nearest")
    axes.set_title(heading(name), fontsize=7, pad=3)
    axes.set_xticks([])
    axes.set_yticks([])


# ── texts ───────────────────────────────────────────────────────────────────────────────────────


def marked(word: str, weight: float) -> str:
    """The word with what colour alone must not say: ++, + or ˖ where it speaks for the class, −−, − or ˗ against it."""
    strength = abs(weight)
    sign, small = ("+", "˖") if weight > 0 else ("−", "˗")
    for least, mark in ((STRONG, sign * 2), (CLEAR, sign), (FAINT, small)):
        if strength >= least:
            return f"{word}{mark}"
    return word


def heaviest(weights: Sequence[float], most: int = MAX_WORDS) -> slice:
    """Those `most` neighbouring words, the heaviest among them, that weigh most together; all where there are no more.

    Without the heaviest, many words that say a little could push the one that says most off the page.
    """
    if len(weights) <= most:
        return slice(0, len(weights))
    strength = np.abs(weights)
    heaviest = int(strength.argmax())
    earliest, latest = max(0, heaviest - most + 1), min(heaviest, len(weights) - most)
    start = earliest + int(np.convolve(strength, np.ones(most), mode="valid")[earliest : latest + 1].argmax())
    return slice(start, start + most)


def scaled_words(words: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """The words with their weights over the largest magnitude among them."""
    weights = scaled(np.array([weight for _, weight in words], dtype=np.float64))
    return [(word, float(weight)) for (word, _), weight in zip(words, weights)]


def text_page(methods: Mapping[str, Sequence[tuple[str, float]]], title: str) -> np.ndarray:
    """RGB bytes (height, width, 3): the words of a text for each method, coloured and marked by their weights −1..1."""
    blocks = {name: _lines(words) for name, words in methods.items()}
    height = sum(len(lines) + 1.6 for lines in blocks.values()) + 2.4
    figure = _figure((LINE + 2) * _LETTER, height * _ROW, constrained=False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, LINE + 2), ylim=(height, 0))
    axes.axis("off")
    axes.text(1, 0.9, title, fontsize=9, va="center")
    at = 2.2
    for name, lines in blocks.items():
        axes.text(1, at, name, fontsize=8, va="center", color="0.35")
        for line in lines:
            at += 1
            _line(axes, at, line)
        at += 1.6
    axes.text(1, height - 0.5, legend(list(methods)), fontsize=8, va="center")
    return _drawn(figure)


def legend(names: Sequence[str]) -> str:
    """What the marks of words mean for these methods."""
    signless = [name.endswith(MAGNITUDE) for name in names]
    signed = [] if all(signless) else ["++ + ˖ for the predicted class    −− − ˗ against it"]
    large = ["magnitude: ++ + ˖ large, for it or against it"] if any(signless) else []
    return "    ".join([*signed, *large])


def _line(axes: Any, at: float, words: Sequence[tuple[str, float]]) -> None:
    """One line: each word on a patch of its colour."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    column = 1
    for word, weight in words:
        shown = marked(word, weight)
        place, colour = (column - 0.15, at - 0.46), colormaps[SCALE]((weight + 1) / 2)
        if abs(weight) >= FAINT:
            axes.add_patch(Rectangle(place, len(shown) + 0.3, 0.92, facecolor=colour))
        ink = "white" if abs(weight) > DARK else "black"
        plain = shown.replace("$", r"\$")
        axes.text(column, at, plain, fontsize=10, family="monospace", va="center_baseline", color=ink)
        column += len(shown) + 1


def _lines(words: Sequence[tuple[str, float]]) -> list[list[tuple[str, float]]]:
    """Words broken into lines of `LINE` characters, marks included; one that is longer is cut."""
    lines: list[list[tuple[str, float]]] = [[]]
    room = LINE
    for word, weight in words:
        word = "".join(letter if letter.isprintable() else "?" for letter in word)[: LINE - 2]
        needed = len(marked(word, weight)) + 1
        if needed > room and lines[-1]:
            lines.append([])
            room = LINE
        lines[-1].append((word, weight))
        room -= needed
    return lines


# ── matplotlib, without a display ───────────────────────────────────────────────────────────────


def _figure(width: float, height: float, *, constrained: bool = True) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=_DOTS_PER_INCH, layout="constrained" if constrained else None)
    FigureCanvasAgg(figure)
    return figure


def _drawn(figure: Any) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font lacks are drawn as boxes
        figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
