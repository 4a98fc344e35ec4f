"""Drawing: the artifacts of attributions: curves over all examples, and single examples that a rule chose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from bench_suite.contracts import Artifact, Predictions
from bench_suite.probes.attribution import faithfulness, pictures
from bench_suite.probes.attribution.adapters import BagAdapter, Inputs, Subject
from bench_suite.probes.attribution.evaluation import ExplainedModel, MethodResults
from bench_suite.probes.attribution.methods import FAULTS, Settings, attribute, failed, method_of, parts_of
from bench_suite.probes.attribution.words import CUT, Weighted, weighted_words

MAX_BARS = 12
"Columns of a table that are drawn, those of greatest attribution."
MAX_PAGES = 3
"Methods whose words stand on one page."
KINDS = {
    "right": "The {rank}most confident of the examples that are right",
    "wrong": "The {rank}most confident of the examples that are wrong",
    "borderline": "The example between whose two likeliest classes there is {rank}least",
}
RANKS = ("", "second ", "third ", "fourth ", "fifth ", "sixth ", "seventh ", "eighth ", "ninth ", "tenth ")


def curves(found: Mapping[str, MethodResults]) -> Iterator[Artifact]:
    """Mean probability of the explained class as parts are deleted, and as they are inserted, for each method."""
    known = {name: each for name, each in found.items() if each.curves and each.error is None}
    shares = np.linspace(0, 1, faithfulness.LEVELS + 1)
    for side, (name, verb, better) in enumerate((("deletion", "deleted", "falls"), ("insertion", "inserted", "rises"))):
        series = {}
        for method, each in known.items():
            mean = np.concatenate([curve[side] for curve in each.curves]).mean(axis=0)
            series[method] = [[float(x), float(y)] for x, y in zip(shares, mean)]
        if series:
            data = {"x": f"share of the input {verb}", "y": "probability of the predicted class", "series": series}
            caption = (
                f"What a method ranks first is {verb} first: the sooner the curve {better}, the better the ranking"
            )
            yield Artifact(name, "lines", data, caption)


def examples(
    task: ExplainedModel, names: Sequence[str], predictions: Predictions, settings: Settings, shown: int
) -> Iterator[Artifact]:
    """What the methods say of up to `shown` examples of each kind: confidently right, confidently wrong, borderline."""
    scores = predictions.columns.get("scores")
    if scores is None or not names:
        return
    targets, said = predictions["targets"], predictions["predictions"]
    classes = [str(name) for name in task.trained.data.spec["classes"]]
    for kind, row in pictures.chosen(targets, said, np.asarray(scores), shown).items():
        rows = np.array([row])
        subject, inputs = task.inputs(rows)
        rule, _, number = kind.partition("-")
        title = f"true {classes[targets[row]]}, predicted {classes[said[row]]} ({float(scores[row].max()):.2f})"
        if rule == "borderline":
            title += f", then {_second(np.asarray(scores[row]), said[row], classes)}"
        caption = f"{KINDS[rule].format(rank=RANKS[int(number or 1) - 1])}: {title}"
        parts, without = _parts(names, subject, inputs, settings)
        if without:
            caption += f"; without {', '.join(f'{name} ({reason})' for name, reason in without.items())}"
        if parts:
            yield from _of_kind[subject.kind](task, rows, subject, inputs, parts, kind, title, caption)


def _parts(
    names: Sequence[str], subject: Subject, inputs: Inputs, settings: Settings
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """(parts,) of the one example by each method, and why some have none."""
    parts, without = {}, {}
    for name in names:
        try:
            parts[_label(name)] = parts_of(name, subject, attribute(name, subject, inputs, settings))[0]
        except FAULTS as error:
            without[name.replace("_", " ")] = failed(error)
    return parts, without


def _second(scores: np.ndarray, predicted: int, classes: Sequence[str]) -> str:
    """The likeliest class but the predicted one, with its score: `7 (0.27)`."""
    second = next(number for number in np.argsort(-scores, kind="stable").tolist() if number != predicted)
    return f"{classes[second]} ({float(scores[second]):.2f})"


def _label(name: str) -> str:
    """The method's name, and where its numbers have no sign, that they have none. Noise has one."""
    plain = name.replace("_", " ")
    return plain if method_of(name).scale == "change" or name == "random" else f"{plain}{pictures.MAGNITUDE}"


def _image(
    task: ExplainedModel, rows: np.ndarray, subject: Subject, inputs: Inputs, parts: Mapping[str, torch.Tensor],
    name: str, title: str, caption: str,
) -> Iterator[Artifact]:  # fmt: skip
    height, width = inputs.values.shape[1:3]
    maps = {method: each.reshape(height, width).cpu().numpy() for method, each in parts.items()}
    image = np.asarray(task.raw(rows)["image"])[0]
    strip = pictures.image_strip(image, maps, title)
    yield Artifact(name, "image", strip, f"{caption}. Below each attribution, the same laid over the input")


def _table(
    task: ExplainedModel, rows: np.ndarray, subject: Subject, inputs: Inputs, parts: Mapping[str, torch.Tensor],
    name: str, title: str, caption: str,
) -> Iterator[Artifact]:  # fmt: skip
    raw = np.asarray(task.raw(rows)["table"])[0]
    columns = task.trained.data.spec.get("columns") or [f"column {number}" for number in range(len(raw))]
    method, *others = parts
    values = parts[method].cpu().numpy()
    order = np.argsort(-np.abs(values), kind="stable")[:MAX_BARS]
    if len(values) > MAX_BARS:
        caption += f". The {MAX_BARS} of {len(values)} columns to which {_plain(method)} gives most"
    bars = {f"{columns[at]} = {raw[at]:.4g}": float(values[at]) for at in order.tolist()}
    meaning = "for and against alike" if method.endswith(pictures.MAGNITUDE) else "+ for the class, − against it"
    data = {"y": f"{method}: {meaning}", "bars": bars, "signed": True}
    yield Artifact(name, "bars", data, f"{caption}{_no_room(others)}")


def _text(
    task: ExplainedModel, rows: np.ndarray, subject: Subject, inputs: Inputs, parts: Mapping[str, torch.Tensor],
    name: str, title: str, caption: str,
) -> Iterator[Artifact]:  # fmt: skip
    text = task.raw(rows)["text"][0]
    words: dict[str, Weighted] = {}
    valid = inputs.valid[0]
    tokens = _tokens(inputs)[0][valid].tolist()
    bag = isinstance(subject.module, BagAdapter)
    for method, each in list(parts.items())[:MAX_PAGES]:
        words[method] = weighted_words(task.network, text, tokens, each[valid].tolist(), bag)
    # The same words for all methods, those to which the first gives most.
    first = next(iter(words))
    shown = pictures.heaviest([weight for _, weight in words[first]])
    told = _told(words[first], shown, first)
    pages = {method: _excerpt(pictures.scaled_words(each), shown) for method, each in words.items()}
    left_out = _no_room(list(parts)[MAX_PAGES:])
    page = pictures.text_page(pages, title)
    yield Artifact(name, "image", page, f"{caption}. Words by what a method gives them{told}{left_out}")
    pairs = [[word, weight] for word, weight in pages[first]]
    yield Artifact(f"{name}-words", "text", pairs, f"{caption}. Words by {first}{told}")


def _excerpt(words: Weighted, shown: slice) -> Weighted:
    """The words at `shown`, with `CUT` where others stand before and after them."""
    found = words[shown]
    if shown.start > 0 and found[0][0] != CUT:
        found = [(CUT, 0.0), *found]
    return [*found, (CUT, 0.0)] if shown.stop < len(words) and found[-1][0] != CUT else found


def _told(words: Weighted, shown: slice, method: str) -> str:
    """What a caption says of words that are not there: how many of those that the network read, and their mark."""
    read, drawn = (sum(word != CUT for word, _ in each) for each in (words, words[shown]))
    excerpt = f", an excerpt of {drawn} of the {read} that the network read"
    about = f"{excerpt}, about the one to which {_plain(method)} gives most"
    mark = f"; {CUT} stands where words are left out"
    return (about if drawn < read else "") + (mark if any(word == CUT for word, _ in _excerpt(words, shown)) else "")


def _no_room(methods: Sequence[str]) -> str:
    """What a caption says of methods that a picture has no room for."""
    return f"; no room for {', '.join(map(_plain, methods))}" if methods else ""


def _plain(method: str) -> str:
    return method.removesuffix(pictures.MAGNITUDE)


def _tokens(inputs: Inputs) -> torch.Tensor:
    """(k, L) token numbers, as they are among what the network is given besides vectors."""
    shape = inputs.valid.shape
    numbers = [each for each in inputs.context if each.shape == shape and not each.is_floating_point()]
    return numbers[0] if numbers else torch.zeros(shape, dtype=torch.int64)


_of_kind = {"image": _image, "table": _table, "text": _text}
