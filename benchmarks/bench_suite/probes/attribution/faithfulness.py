"""Faithfulness: what can be counted of an attribution without asking anybody whether it looks right.

Everything here gives one number an example, so that means have intervals over examples. Attributions come in parts:
(k, parts), of pixels, columns or tokens.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from bench_suite.probes.attribution.adapters import Inputs, Subject
from bench_suite.probes.attribution.methods import Settings, attribute, method_of, parts_of

LEVELS = 20
"Equal steps in which parts are deleted or inserted."


# ── with the network's help ─────────────────────────────────────────────────────────────────────


def curves(subject: Subject, inputs: Inputs, parts: torch.Tensor, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the explained class as parts go, and as they come: two arrays (k, LEVELS + 1).

    Deletion begins with the whole input and sets the parts of highest attribution to the reference first; insertion
    begins with the reference (Petsiuk et al. 2018, arXiv 1806.07421). Parts of equal attribution go in drawn order.
    """
    count = inputs.valid.sum(dim=1, keepdim=True)
    place = _places(parts, inputs.valid, settings.seed)
    deletion, insertion = [], []
    for level in range(LEVELS + 1):
        first = place < (count * level / LEVELS).round()
        deletion.append(_probability(subject, subject.without(inputs, first & inputs.valid), settings))
        insertion.append(_probability(subject, subject.without(inputs, ~first & inputs.valid), settings))
    return np.stack(deletion, axis=1), np.stack(insertion, axis=1)


def area(curve: np.ndarray) -> np.ndarray:
    """(k,) areas under curves (k, LEVELS + 1) over shares 0 to 1 of the parts, by trapezoids."""
    return (curve[:, 1:] + curve[:, :-1]).mean(axis=1) / 2


def _places(parts: torch.Tensor, valid: torch.Tensor, seed: int) -> torch.Tensor:
    """(k, parts) int64: the rank of each part, 0 for the highest; what is not valid comes last."""
    scores = parts.masked_fill(~valid, -torch.inf)
    drawn = torch.randperm(parts.shape[1], generator=torch.Generator().manual_seed(seed)).to(parts.device)
    order = drawn[scores[:, drawn].argsort(dim=1, descending=True, stable=True)]
    places = torch.empty_like(order)
    return places.scatter_(1, order, torch.arange(parts.shape[1], device=parts.device).expand_as(order))


def _probability(subject: Subject, inputs: Inputs, settings: Settings) -> np.ndarray:
    portions = [inputs.at(slice(start, start + settings.rows)) for start in range(0, len(inputs), settings.rows)]
    scores = [subject.logits(some).softmax(dim=1).gather(1, some.target[:, None])[:, 0] for some in portions]
    return torch.cat(scores).cpu().numpy()


def change(subject: Subject, inputs: Inputs) -> np.ndarray:
    """(k,) explained logit of the input less that of the reference."""
    nothing = subject.without(inputs, inputs.valid)
    logits = [subject.logits(some).gather(1, inputs.target[:, None])[:, 0] for some in (inputs, nothing)]
    return (logits[0] - logits[1]).cpu().numpy()


def infidelity(
    name: str, subject: Subject, inputs: Inputs, elements: torch.Tensor, settings: Settings, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """(k,) mean squared change of the logit that the attribution leaves unexplained, and (k,) mean squared change.

    `samples` times a share of the parts, drawn from 0 to 1, is set to the reference. The attribution predicts a change
    of the sum of what it gave them (of slopes: times how far they moved), scaled as fits best, as in Captum's
    `infidelity(normalize=True)` (Yeh et al. 2019, arXiv 1901.09392). The second is that of an attribution of zeros.
    """
    from captum.metrics import infidelity as infidelity_of

    slope = method_of(name).scale == "slope"
    random = torch.Generator().manual_seed(settings.seed)

    def taken(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (len(values), inputs.valid.shape[1])
        gone = torch.rand(shape, generator=random) < torch.rand((len(values), 1), generator=random)
        gone = subject.elements(gone.to(values.device), values)
        left = torch.where(gone, subject.reference, values)
        return (values - left if slope else gone.float().expand(values.shape)), left

    def measured(explained: torch.Tensor, scaled: bool) -> np.ndarray:
        random.manual_seed(settings.seed)  # the same parts for both
        parts = []
        for start in range(0, len(inputs), settings.rows):
            some = inputs.at(slice(start, start + settings.rows))
            found = infidelity_of(
                subject.module, taken, some.values, explained[start : start + settings.rows],
                additional_forward_args=some.context or None, target=some.target, n_perturb_samples=samples,
                max_examples_per_batch=_together(settings, len(some), samples), normalize=scaled,
            )  # fmt: skip
            parts.append(found.detach().cpu().numpy())
        return np.concatenate(parts).clip(min=0)  # a difference of squares, which rounding may take below

    with torch.no_grad():
        return measured(elements, True), measured(torch.zeros_like(elements), False)


def _together(settings: Settings, examples: int, samples: int) -> int:
    """Rows that Captum is to try at once: it asks for all examples at the least, and no more than there will be."""
    return min(max(settings.rows, examples), examples * samples)


def sensitivity(name: str, subject: Subject, inputs: Inputs, settings: Settings, samples: int) -> np.ndarray:
    """(k,) greatest relative change of the attribution among `samples` slightly noisy copies of an input.

    Each element moves by up to `settings.noise` of the inputs' standard deviation; Captum's `sensitivity_max`
    (Yeh et al. 2019, arXiv 1901.09392).
    """
    from captum.metrics import sensitivity_max

    radius = settings.noise * subject.spread(inputs)
    random = torch.Generator().manual_seed(settings.seed)
    calls = iter(range(settings.seed, settings.seed + 1_000_000))

    def moved(values: torch.Tensor) -> torch.Tensor:
        drawn = torch.rand(values.shape, generator=random).to(values.device)
        return values + radius * (2 * drawn - 1)

    def explained(
        values: torch.Tensor | tuple[torch.Tensor, ...], target: torch.Tensor, additional_forward_args: tuple
    ) -> tuple[torch.Tensor]:
        values = values[0] if isinstance(values, tuple) else values
        *context, valid = additional_forward_args
        copies = Inputs(values, tuple(context), valid, target)
        # Another seed each time: what a method draws belongs to how much it changes.
        return (parts_of(name, subject, attribute(name, subject, copies, replace(settings, seed=next(calls)))),)

    found = sensitivity_max(
        explained, inputs.values, perturb_func=moved, n_perturb_samples=samples,
        max_examples_per_batch=_together(settings, len(inputs), samples), target=inputs.target,
        additional_forward_args=(*inputs.context, inputs.valid),
    )  # fmt: skip
    return found.detach().cpu().numpy()


# ── where it is known ───────────────────────────────────────────────────────────────────────────


def auroc(strength: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """(k,) chance that a relevant part has a greater `strength` (k, parts) than another one; ties count half.

    NaN where none or all are `relevant` (k, parts) bool.
    """
    from scipy.stats import rankdata

    ranks = rankdata(strength, axis=1)
    inside = relevant.sum(axis=1)
    pairs = inside * (relevant.shape[1] - inside)
    wins = (ranks * relevant).sum(axis=1) - inside * (inside + 1) / 2
    return np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def pointing(strength: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """(k,) whether the strongest part is relevant, of several the share (Zhang et al. 2016, arXiv 1608.00507)."""
    strongest = strength == strength.max(axis=1, keepdims=True)
    return (strongest & relevant).sum(axis=1) / strongest.sum(axis=1)


def decoy_share(strength: np.ndarray, relevant: np.ndarray, decoy: np.ndarray) -> np.ndarray:
    """(k,) share of the strength on relevant parts and decoys that is on decoys; NaN where there is none on either."""
    on_decoy, on_either = (strength * decoy).sum(axis=1), (strength * (decoy | relevant)).sum(axis=1)
    return np.divide(on_decoy, on_either, out=np.full(len(strength), np.nan), where=on_either > 0)


def spearman(first: np.ndarray, second: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(k,) rank correlation (Spearman) of two strengths (k, parts) over the valid parts.

    NaN where one is constant, or nothing is valid.
    """
    from scipy.stats import rankdata

    found = np.full(len(first), np.nan)
    for number, kept in enumerate(valid):
        both = [each[number][kept] for each in (first, second)]
        ranks = [rankdata(each) for each in both]
        if all(np.isfinite(each).all() for each in both) and all(len(set(rank.tolist())) > 1 for rank in ranks):
            found[number] = np.corrcoef(*ranks)[0, 1]
    return found


def parts_in(other: Subject, name: str, inputs: Inputs, settings: Settings) -> np.ndarray:
    """(k, parts) strength of what the method says of the same examples and classes in another network.

    What is drawn is drawn anew, so that methods that draw do not agree with themselves by it alone.
    """
    elements = attribute(name, other, inputs, replace(settings, seed=settings.seed + 1))
    return parts_of(name, other, elements).abs().cpu().numpy()


def ratio_of_means(above: np.ndarray, below: np.ndarray) -> float:
    """Σ above / Σ below; raises ValueError where nothing is below."""
    total = float(below.sum())
    if total <= 0:
        raise ValueError("the explained logit is the same for every input that was tried")
    return float(above.sum()) / total


def mean(values: np.ndarray) -> float:
    """The mean of (k,)."""
    return float(values.mean())
