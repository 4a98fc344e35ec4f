"""Faithfulness: measures of an attribution that need no person to judge it.

Each function returns one number for each example, so that means have intervals over examples. Attributions come in
parts, (k, parts): the pixels of an image, the columns of a table or the tokens of a text.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from bench_suite.probes.attribution.adapters import Inputs, Subject
from bench_suite.probes.attribution.methods import MethodVariant, Settings, attribute, parts_of

LEVELS = 20
"Equal steps in which parts are deleted or inserted."


# ── measures that run the network ───────────────────────────────────────────────────────────────


def curves(subject: Subject, inputs: Inputs, parts: torch.Tensor, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of the explained class as parts are deleted, and as they are inserted.

    Deletion begins with the whole input and sets the parts of highest attribution to the reference first. Insertion
    begins with the reference. Parts of equal attribution have a random order.

    Args:
        subject: the network.
        inputs: k examples.
        parts: (k, parts) attributions.
        settings: `rows` limits the examples in one forward pass; `seed` determines the order of ties.

    Returns:
        Deletion and insertion, (k, LEVELS + 1) each. Source: Petsiuk et al. 2018, arXiv 1806.07421.
    """
    count = inputs.valid.sum(dim=1, keepdim=True)
    ranks = _ranks(parts, inputs.valid, settings.seed)
    deletion, insertion = [], []
    for level in range(LEVELS + 1):
        first = ranks < (count * level / LEVELS).round()
        deletion.append(_probability(subject, subject.without(inputs, first & inputs.valid), settings))
        insertion.append(_probability(subject, subject.without(inputs, ~first & inputs.valid), settings))
    return np.stack(deletion, axis=1), np.stack(insertion, axis=1)


def area(curve: np.ndarray) -> np.ndarray:
    """Return (k,) areas under curves (k, LEVELS + 1) over shares 0 to 1 of the parts, by the trapezoidal rule."""
    return (curve[:, 1:] + curve[:, :-1]).mean(axis=1) / 2


def _ranks(parts: torch.Tensor, valid: torch.Tensor, seed: int) -> torch.Tensor:
    """Return (k, parts) int64: the rank of each part, 0 for the highest; parts that are not valid come last."""
    scores = parts.masked_fill(~valid, -torch.inf)
    shuffled = torch.randperm(parts.shape[1], generator=torch.Generator().manual_seed(seed)).to(parts.device)
    order = shuffled[scores[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    ranks = torch.empty_like(order)
    return ranks.scatter_(1, order, torch.arange(parts.shape[1], device=parts.device).expand_as(order))


def _probability(subject: Subject, inputs: Inputs, settings: Settings) -> np.ndarray:
    portions = [inputs.at(slice(start, start + settings.rows)) for start in range(0, len(inputs), settings.rows)]
    scores = [subject.logits(portion).softmax(dim=1).gather(1, portion.target[:, None])[:, 0] for portion in portions]
    return torch.cat(scores).cpu().numpy()


def logit_change(subject: Subject, inputs: Inputs) -> np.ndarray:
    """Return (k,) differences: the explained logit of the input minus that of the reference."""
    reference = subject.without(inputs, inputs.valid)
    logits = [subject.logits(values).gather(1, inputs.target[:, None])[:, 0] for values in (inputs, reference)]
    return (logits[0] - logits[1]).cpu().numpy()


def infidelity(
    variant: MethodVariant,
    subject: Subject,
    inputs: Inputs,
    elements: torch.Tensor,
    settings: Settings,
    samples: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of the logit's change under random deletions the attribution does not explain.

    In each of `samples` draws, a random share of the parts between 0 and 1 is set to the reference. The attribution
    predicts the change of the logit: the sum over these parts, or for slopes the sum of slope times difference. The
    prediction is scaled to the best fit, as in Captum's `infidelity(normalize=True)`.

    Args:
        variant: the method that computed `elements`.
        subject: the network.
        inputs: k examples.
        elements: attributions in the shape of `inputs.values`.
        settings: `rows` limits the examples in one forward pass; `seed` determines the draws.
        samples: draws for each example.

    Returns:
        (k,) mean squared change that is unexplained, and (k,) mean squared change, which is the unexplained one of an
        attribution of zeros. Source: Yeh et al. 2019, arXiv 1901.09392.
    """
    from captum.metrics import infidelity as captum_infidelity

    slope = variant.method.scale == "slope"
    random = torch.Generator().manual_seed(settings.seed)

    def perturb(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (len(values), inputs.valid.shape[1])
        gone = torch.rand(shape, generator=random) < torch.rand((len(values), 1), generator=random)
        gone = subject.elements(gone.to(values.device), values)
        left = torch.where(gone, subject.reference, values)
        return (values - left if slope else gone.float().expand(values.shape)), left

    def squared_error(attributions: torch.Tensor, scaled: bool) -> np.ndarray:
        random.manual_seed(settings.seed)  # the same parts in both calls
        errors = []
        for start in range(0, len(inputs), settings.rows):
            portion = inputs.at(slice(start, start + settings.rows))
            error = captum_infidelity(
                subject.module, perturb, portion.values, attributions[start : start + settings.rows],
                additional_forward_args=portion.context or None, target=portion.target, n_perturb_samples=samples,
                max_examples_per_batch=_captum_batch_size(settings, len(portion), samples), normalize=scaled,
            )  # fmt: skip
            errors.append(error.detach().cpu().numpy())
        return np.concatenate(errors).clip(min=0)  # a difference of squares, which rounding can make negative

    with torch.no_grad():
        return squared_error(elements, True), squared_error(torch.zeros_like(elements), False)


def _captum_batch_size(settings: Settings, examples: int, samples: int) -> int:
    """Return the rows of Captum's batches: it needs at least all examples, and there are `examples · samples` rows."""
    return min(max(settings.rows, examples), examples * samples)


def sensitivity(
    variant: MethodVariant, subject: Subject, inputs: Inputs, settings: Settings, samples: int
) -> np.ndarray:
    """Return the greatest relative change of the attribution among `samples` slightly noisy copies of an input.

    Each element of a copy moves by up to `settings.noise` times the standard deviation of its column, its channel or
    the text's numbers. Slopes are counted for one deviation, so that the scale of an input does not decide. This is
    Captum's `sensitivity_max` (Yeh et al. 2019, arXiv 1901.09392).

    Returns:
        (k,) ratios.
    """
    from captum.metrics import sensitivity_max

    spread = subject.spread(inputs)
    radius = settings.noise * spread
    unit = spread if variant.method.scale == "slope" and subject.kind == "image" else 1.0  # `parts_of` does tables
    random = torch.Generator().manual_seed(settings.seed)
    seeds = iter(range(settings.seed, settings.seed + 1_000_000))

    def perturb(values: torch.Tensor) -> torch.Tensor:
        uniform = torch.rand(values.shape, generator=random).to(values.device)
        return values + radius * (2 * uniform - 1)

    def explain(
        values: torch.Tensor | tuple[torch.Tensor, ...], target: torch.Tensor, additional_forward_args: tuple
    ) -> tuple[torch.Tensor]:
        values = values[0] if isinstance(values, tuple) else values
        *context, valid = additional_forward_args
        copies = Inputs(values, tuple(context), valid, target)
        # Each call has a seed of its own, since a method's random numbers contribute to its change.
        elements = attribute(variant, subject, copies, replace(settings, seed=next(seeds)))
        return (parts_of(variant, subject, elements * unit),)

    greatest = sensitivity_max(
        explain, inputs.values, perturb_func=perturb, n_perturb_samples=samples,
        max_examples_per_batch=_captum_batch_size(settings, len(inputs), samples), target=inputs.target,
        additional_forward_args=(*inputs.context, inputs.valid),
    )  # fmt: skip
    return greatest.detach().cpu().numpy()


def strength_in(other: Subject, variant: MethodVariant, inputs: Inputs, settings: Settings) -> np.ndarray:
    """Return (k, parts) magnitudes of a method's attributions of the same examples and classes in another network.

    The seed differs from that of the first network. Otherwise a method that draws random numbers would agree with
    itself by these alone.
    """
    elements = attribute(variant, other, inputs, replace(settings, seed=settings.seed + 1))
    return parts_of(variant, other, elements).abs().cpu().numpy()


# ── measures that need known relevant parts, or two attributions ────────────────────────────────


def auroc(strength: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Return the probability that a relevant part has a greater strength than another one; ties count half.

    Args:
        strength: (k, parts) magnitudes.
        relevant: (k, parts) bool.

    Returns:
        (k,); NaN if no part of an example is relevant, or all are.
    """
    from scipy.stats import rankdata

    ranks = rankdata(strength, axis=1)
    inside = relevant.sum(axis=1)
    pairs = inside * (relevant.shape[1] - inside)
    wins = (ranks * relevant).sum(axis=1) - inside * (inside + 1) / 2
    return np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def pointing_game(strength: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Return (k,) whether the strongest part is relevant (Zhang et al. 2016, arXiv 1608.00507).

    If several parts are the strongest, the value is the share of them that is relevant.
    """
    strongest = strength == strength.max(axis=1, keepdims=True)
    return (strongest & relevant).sum(axis=1) / strongest.sum(axis=1)


def decoy_share(strength: np.ndarray, relevant: np.ndarray, decoy: np.ndarray) -> np.ndarray:
    """Return (k,) the decoys' share of the strength of relevant parts and decoys; NaN if that strength is 0."""
    on_decoy, on_either = (strength * decoy).sum(axis=1), (strength * (decoy | relevant)).sum(axis=1)
    return np.divide(on_decoy, on_either, out=np.full(len(strength), np.nan), where=on_either > 0)


def spearman(first: np.ndarray, second: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return (k,) Spearman rank correlations of two strengths (k, parts) over the valid parts.

    The value is NaN if one of the strengths is constant, or no part is valid.
    """
    from scipy.stats import rankdata

    correlations = np.full(len(first), np.nan)
    for row, mask in enumerate(valid):
        pair = [strength[row][mask] for strength in (first, second)]
        ranks = [rankdata(strength) for strength in pair]
        if all(np.isfinite(strength).all() for strength in pair) and all(len(set(rank.tolist())) > 1 for rank in ranks):
            correlations[row] = np.corrcoef(*ranks)[0, 1]
    return correlations


def ratio_of_means(above: np.ndarray, below: np.ndarray) -> float:
    """Return Σ above / Σ below.

    Args:
        above: (k,) numerators. The names of both arguments enter the seed of the bootstrap.
        below: (k,) denominators.

    Raises:
        ValueError: if the sum of the denominators is not positive.
    """
    total = float(below.sum())
    if total <= 0:
        raise ValueError("the explained logit is the same for every input that was tried")
    return float(above.sum()) / total


def mean(values: np.ndarray) -> float:
    """Return the mean of (k,) values."""
    return float(values.mean())
