"""Artifacts: the curves of deletion and insertion over all examples, and drawings of examples that a rule chose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bench_suite.contracts import Artifact, Predictions
from bench_suite.data.table_inputs import table_inputs
from bench_suite.probes.attribution import faithfulness, pictures
from bench_suite.probes.attribution.adapters import BagAdapter, Inputs, Subject
from bench_suite.probes.attribution.evaluation import ExplainedModel, MethodResults
from bench_suite.probes.attribution.methods import (
    METHOD_ERRORS,
    MethodVariant,
    Settings,
    attribute,
    failure_reason,
    parts_of,
)
from bench_suite.probes.attribution.pictures import MethodTitle, plain_name
from bench_suite.probes.attribution.words import CUT, Cut, Weighted, weighted_words
from bench_suite.stats.shown_examples import ChosenExample, ExampleKind, choose_examples

MAX_BARS = 12
"Columns of a table that are drawn, those of greatest attribution."
MAX_PAGES = 3
"Methods whose words are drawn on one page."
CAPTIONS: Mapping[ExampleKind, str] = {
    "right": "The {rank}most confident of the examples that are right",
    "wrong": "The {rank}most confident of the examples that are wrong",
    "borderline": "The example with the {rank}smallest difference between its two likeliest classes",
}
RANKS = ("", "second ", "third ", "fourth ", "fifth ", "sixth ", "seventh ", "eighth ", "ninth ", "tenth ")


def curves(results: Mapping[MethodVariant, MethodResults]) -> Iterator[Artifact]:
    """Yield the mean probability of the explained class as parts are deleted, and as they are inserted, by method."""
    measured = {variant: result for variant, result in results.items() if result.curves and result.error is None}
    shares = np.linspace(0, 1, faithfulness.LEVELS + 1)
    for side, (name, verb, better) in enumerate((("deletion", "deleted", "falls"), ("insertion", "inserted", "rises"))):
        series = {}
        for variant, result in measured.items():
            mean = np.concatenate([curve[side] for curve in result.curves]).mean(axis=0)
            series[variant.label] = [[float(x), float(y)] for x, y in zip(shares, mean)]
        if series:
            data = {"x": f"share of the input {verb}", "y": "probability of the predicted class", "series": series}
            caption = (
                f"The parts that a method ranks first are {verb} first: "
                f"the sooner the curve {better}, the better the ranking"
            )
            yield Artifact(name, "lines", data, caption)


@dataclass(frozen=True)
class _Example:
    """One test example with its attributions, ready to be drawn."""

    model: ExplainedModel
    rows: np.ndarray
    "(1,) its position in the test split."
    subject: Subject
    inputs: Inputs
    parts: Mapping[MethodTitle, torch.Tensor]
    "(parts,) attributions, by method."
    name: str
    "Of the artifact."
    title: str
    caption: str
    explained: str
    "The class whose logit is explained, which is the predicted one."


def examples(
    model: ExplainedModel, variants: Sequence[MethodVariant], predictions: Predictions, settings: Settings, shown: int
) -> Iterator[Artifact]:
    """Yield drawings of up to `shown` examples of each kind: confidently right, confidently wrong, borderline.

    The last artifact, `examples`, states which test example each of the others explains.
    """
    scores = predictions.columns.get("scores")
    if scores is None or not variants:
        return
    targets, predicted = predictions["targets"], predictions["predictions"]
    classes = [str(name) for name in model.trained.data.spec["classes"]]
    explained_examples: list[dict[str, Any]] = []
    for chosen in choose_examples(targets, predicted, np.asarray(scores), shown):
        row = chosen.row
        rows = np.array([row])
        subject, inputs = model.inputs(rows)
        title = f"true {classes[targets[row]]}, predicted {classes[predicted[row]]} ({float(scores[row].max()):.2f})"
        if chosen.kind == "borderline":
            title += f", then {_second_class(np.asarray(scores[row]), predicted[row], classes)}"
        parts, failures = _parts(variants, subject, inputs, settings)
        caption = f"{_rule(chosen)}: {title}"
        if failures:
            caption += f"; without {', '.join(f'{name} ({reason})' for name, reason in failures.items())}"
        if parts:
            explained = plain_name(classes[predicted[row]])
            example = _Example(model, rows, subject, inputs, parts, chosen.name, title, caption, explained)
            yield from _DRAW[subject.kind](example)
            explained_examples.append(_explained(example, chosen, int(predictions.ids[row]), int(predicted[row])))
    if explained_examples:
        yield Artifact("examples", "examples", {"examples": explained_examples}, "The explained examples")


def _rule(chosen: ChosenExample) -> str:
    return CAPTIONS[chosen.kind].format(rank=RANKS[chosen.rank - 1])


def _parts(
    variants: Sequence[MethodVariant], subject: Subject, inputs: Inputs, settings: Settings
) -> tuple[dict[MethodTitle, torch.Tensor], dict[str, str]]:
    """Return (parts,) attributions of the only example by method, and the reasons of methods that failed by name."""
    parts, failures = {}, {}
    for variant in variants:
        title = MethodTitle(variant.label.replace("_", " "), variant.method.is_signed)
        try:
            parts[title] = parts_of(variant, subject, attribute(variant, subject, inputs, settings))[0]
        except METHOD_ERRORS as error:
            failures[title.name] = failure_reason(error)
    return parts, failures


def _second_class(scores: np.ndarray, predicted: int, classes: Sequence[str]) -> str:
    """Return the likeliest class other than the predicted one, with its score: `7 (0.27)`."""
    second = next(number for number in np.argsort(-scores, kind="stable").tolist() if number != predicted)
    return f"{classes[second]} ({float(scores[second]):.2f})"


def _explained(example: _Example, chosen: ChosenExample, id: int, number: int) -> dict[str, Any]:
    """Return the entry of an example: its id, its kind, and by which method which class is explained.

    The method is the first one, which the words, the bars and the map show.
    """
    method, parts = next(iter(example.parts.items()))
    entry: dict[str, Any] = {
        "id": id, "artifact": example.name, "kind": chosen.kind, "method": method.name, "signed": method.signed,
        "class": number,
    }  # fmt: skip
    if example.subject.kind == "image":
        height, width = example.inputs.values.shape[1:3]
        entry["map"] = pictures.small_map(parts.reshape(height, width).cpu().numpy())
    return entry


def _draw_image(example: _Example) -> Iterator[Artifact]:
    height, width = example.inputs.values.shape[1:3]
    maps = {method: parts.reshape(height, width).cpu().numpy() for method, parts in example.parts.items()}
    image = np.asarray(example.model.raw(example.rows)["image"])[0]
    strip = pictures.image_strip(image, maps, example.title, example.explained)
    caption = f"{example.caption}. Below each attribution, the same laid over the input"
    yield Artifact(example.name, "image", strip, caption)


def _draw_table(example: _Example) -> Iterator[Artifact]:
    raw = np.asarray(example.model.raw(example.rows)["table"])[0]
    columns = table_inputs(example.model.trained.data.spec, len(raw))
    method, *others = example.parts
    parts = example.parts[method].cpu().numpy()
    values = np.array([parts[list(column.positions)].sum() for column in columns])
    order = np.argsort(-np.abs(values), kind="stable")[:MAX_BARS]
    caption = f"{example.caption}. {pictures.meaning([method], example.explained)}"
    if len(values) > MAX_BARS:
        caption += f". The {MAX_BARS} of {len(values)} columns with the greatest attribution by {method.name}"
    bars = {f"{columns[at].name} = {columns[at].value_in(raw)}": float(values[at]) for at in order.tolist()}
    signs = f"+ for {example.explained}, − against it" if method.signed else f"for or against {example.explained}"
    data = {"y": f"{method}: {signs}", "bars": bars, "signed": True}
    yield Artifact(example.name, "bars", data, f"{caption}{_omitted_methods(others)}")


def _draw_text(example: _Example) -> Iterator[Artifact]:
    text = example.model.raw(example.rows)["text"][0]
    words: dict[MethodTitle, Weighted] = {}
    valid = example.inputs.valid[0]
    tokens = _token_numbers(example.inputs)[0][valid].tolist()
    bag = isinstance(example.subject.module, BagAdapter)
    for method, parts in list(example.parts.items())[:MAX_PAGES]:
        words[method] = weighted_words(example.model.network, text, tokens, parts[valid].tolist(), bag)
    # All methods show the same words: those with the greatest weights of the first method.
    first = next(iter(words))
    shown = pictures.heaviest([weight for _, weight in words[first]])
    omitted = _omitted_words(words[first], shown, first)
    pages = {method: _excerpt(pictures.scale_words(weights), shown) for method, weights in words.items()}
    page = pictures.text_page(pages, example.title, example.explained)
    left_out = _omitted_methods(list(example.parts)[MAX_PAGES:])
    caption = f"{example.caption}. Words by their attribution{omitted}{left_out}"
    yield Artifact(example.name, "image", page, caption)
    pairs = [[word, weight] for word, weight in pages[first]]
    signs = f"above 0 for {example.explained}, below against it" if first.signed else "large for it or against it"
    yield Artifact(f"{example.name}-words", "text", pairs, f"{example.caption}. Words by {first}, {signs}{omitted}")


_DRAW = {"image": _draw_image, "table": _draw_table, "text": _draw_text}


def _excerpt(words: Weighted, shown: slice) -> Weighted:
    """Return the words at `shown`, with `CUT` in place of the words before and after them."""
    excerpt = words[shown]
    if shown.start > 0 and not _is_cut(excerpt[0]):
        excerpt = [(CUT, 0.0), *excerpt]
    return [*excerpt, (CUT, 0.0)] if shown.stop < len(words) and not _is_cut(excerpt[-1]) else excerpt


def _is_cut(word: tuple[str, float]) -> bool:
    return isinstance(word[0], Cut)


def _omitted_words(words: Weighted, shown: slice, method: MethodTitle) -> str:
    """Return the part of a caption about omitted words: their number, and the mark in their place."""
    read, drawn = (sum(not _is_cut(word) for word in some) for some in (words, words[shown]))
    caption = ""
    if drawn < read:
        caption += f", an excerpt of {drawn} of the {read} that the network read"
        caption += f", about the one with the greatest attribution by {method.name}"
    if any(map(_is_cut, _excerpt(words, shown))):
        caption += f"; {CUT} marks omitted words"
    return caption


def _omitted_methods(methods: Sequence[MethodTitle]) -> str:
    """Return the part of a caption about methods for which a picture has no room."""
    return f"; no room for {', '.join(method.name for method in methods)}" if methods else ""


def _token_numbers(inputs: Inputs) -> torch.Tensor:
    """Return (k, L) token numbers from the network's inputs; zeros if they are not among them."""
    shape = inputs.valid.shape
    numbers = [values for values in inputs.context if values.shape == shape and not values.is_floating_point()]
    return numbers[0] if numbers else torch.zeros(shape, dtype=torch.int64)
