"""Attacks: changes of an input within a radius that make a classifier wrong.

All attacks bound the largest change of any number of the input (L∞). They do not know pixels or columns. They read a
`Threat`: how far each number may move, and between which bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

Forward = Callable[[torch.Tensor], torch.Tensor]
"Maps inputs (k, …) to logits (k, classes)."


BATCH = 128
"Examples whose gradients are computed at once."


@dataclass(frozen=True)
class Threat:
    """The changes that are allowed."""

    radius: torch.Tensor
    "(k, …): how far each number of each example may move; 0 keeps it."
    low: float = -np.inf
    "Smallest value of a number."
    high: float = np.inf

    def project(self, values: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
        """Return the nearest values that are allowed."""
        within = torch.minimum(torch.maximum(values, clean - self.radius), clean + self.radius)
        return within.clamp(self.low, self.high)

    def at(self, rows: torch.Tensor) -> Threat:
        """Return the changes that are allowed of these examples, (m,) int64 or (k,) bool."""
        return replace(self, radius=self.radius[rows])


@dataclass(frozen=True)
class Budget:
    """How much an attack may compute."""

    steps: int
    "Gradient steps of each start of PGD."
    restarts: int
    "Random starts of PGD."
    queries: int
    "Predictions of the square attack."


def margin(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return (k,): the logit of the true class minus the largest other one; it is above 0 if the answer is right."""
    true = logits.gather(1, targets[:, None]).squeeze(1)
    others = logits.scatter(1, targets[:, None], -torch.inf)
    return true - others.max(dim=1).values


def is_wrong(forward: Forward, values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return (k,) bool: the answers that are not the target, those with a logit that is not finite among them."""
    with torch.no_grad():
        return _misses(forward(values), targets)


def _misses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (logits.argmax(dim=1) != targets) | ~logits.isfinite().all(dim=1)


def input_gradient(
    forward: Forward, values: torch.Tensor, targets: torch.Tensor, *, entropy: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradient (k, …) of each example's cross-entropy, or of its negative margin, and the logits.

    The gradient of the cross-entropy is exactly 0 if a probability rounds to 1; that of the margin is not (Carlini and
    Wagner 2017, arXiv 1608.04644).

    Raises:
        RuntimeError: no gradient reaches the input.
    """
    gradients, outputs = [], []
    for part, classes in zip(values.detach().split(BATCH), targets.split(BATCH)):
        part = part.requires_grad_(True)
        with torch.enable_grad():
            logits = forward(part)
            loss = (
                functional.cross_entropy(logits, classes, reduction="sum")
                if entropy
                else -margin(logits, classes).sum()
            )
            gradients += torch.autograd.grad(loss, part)
        outputs.append(logits.detach())
    return torch.cat(gradients).nan_to_num(nan=0.0), torch.cat(outputs)


def fgsm(
    forward: Forward, clean: torch.Tensor, targets: torch.Tensor, threat: Threat, budget: Budget, seed: int
) -> torch.Tensor:
    """Move each number by the radius along the sign of the gradient of the cross-entropy, in one step.

    Source: Goodfellow et al. 2015, arXiv 1412.6572.

    Returns:
        (k,) bool: the examples whose answer is wrong afterwards.
    """
    gradient, _ = input_gradient(forward, clean, targets, entropy=True)
    return is_wrong(forward, threat.project(clean + threat.radius * gradient.sign(), clean), targets)


def pgd(
    forward: Forward, clean: torch.Tensor, targets: torch.Tensor, threat: Threat, budget: Budget, seed: int
) -> torch.Tensor:
    """Take steps along the sign of the gradient of the margin, from random starts, and return to what is allowed.

    A step is 2.5 radii divided by the number of steps, so that any allowed change can be reached. An example that one
    step of one start makes wrong stays so.

    Source: Madry et al. 2018, arXiv 1706.06083.
    """
    random = np.random.default_rng(seed)
    broken = torch.zeros(len(clean), dtype=torch.bool, device=clean.device)
    for _ in range(budget.restarts):
        start = torch.from_numpy(random.uniform(-1.0, 1.0, tuple(clean.shape)).astype(np.float32)).to(clean.device)
        values = threat.project(clean + threat.radius * start, clean)
        for _ in range(budget.steps):
            rows = torch.nonzero(~broken).squeeze(1)  # the others need no further step
            if not len(rows):
                return broken
            gradient, logits = input_gradient(forward, values[rows], targets[rows], entropy=False)
            broken[rows] |= _misses(logits, targets[rows])
            part = threat.at(rows)
            step = 2.5 / budget.steps * part.radius
            values[rows] = part.project(values[rows] + step * gradient.sign(), clean[rows])
        broken |= is_wrong(forward, values, targets)
    return broken


# ── without gradients ───────────────────────────────────────────────────────────────────────────

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"Queries, for 10,000 in all, after which the square attack halves the share of numbers that it changes."
FIRST_SHARE = 0.8
"Share of the numbers that the first query changes: the value of the source for small pictures."


def square(
    forward: Forward, clean: torch.Tensor, targets: torch.Tensor, threat: Threat, budget: Budget, seed: int
) -> torch.Tensor:
    """Try random squares of the largest change, and keep those that lower the margin; no gradient is used.

    The start is vertical stripes. A square of a table is a random set of columns, since columns have no neighbours. The
    share of numbers in a square falls with the queries, as in the source.

    Source: Andriushchenko et al. 2020, arXiv 1912.00049.
    """
    random = np.random.default_rng(seed)
    shape = tuple(clean.shape)
    stripes = (len(clean), 1, *shape[2:]) if len(shape) == 4 else shape
    best = threat.project(clean + threat.radius * _signs(random, stripes).to(clean.device), clean)
    margins = _margins(forward, best, targets)
    for query in range(1, budget.queries):
        rows = torch.nonzero(margins > 0).squeeze(1)
        inside = _squares(random, shape, share_at(query, budget.queries))  # drawn for all, so that no draw depends
        signs = _signs(random, (len(clean), *(1,) * (len(shape) - 2), shape[-1])).to(
            clean.device
        )  # on what broke before
        if not len(rows):
            break
        inside, signs = inside.to(clean.device)[rows], signs[rows]
        some, part = clean[rows], threat.at(rows)
        tried = part.project(torch.where(inside, some + part.radius * signs, best[rows]), some)
        lower = _margins(forward, tried, targets[rows])
        better = lower < margins[rows]
        best[rows[better]], margins[rows[better]] = tried[better], lower[better]
    return margins <= 0


def share_at(query: int, queries: int) -> float:
    """Return the share of numbers that a query changes."""
    return FIRST_SHARE / 2 ** sum(10_000 * query // queries > limit for limit in HALVINGS)


def _margins(forward: Forward, values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return (k,) margins; that of logits that are not finite is below all others."""
    with torch.no_grad():
        logits = forward(values)
    return torch.where(logits.isfinite().all(dim=1), margin(logits, targets), -torch.inf)


def _signs(random: np.random.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy((random.integers(0, 2, shape) * 2 - 1).astype(np.float32))  # Metal has no float64


def _squares(random: np.random.Generator, shape: tuple[int, ...], share: float) -> torch.Tensor:
    """Return (k, H, W, 1) bool, a square in each image, or (k, d) bool, a set of columns in each row."""
    if len(shape) != 4:
        count = max(1, round(share * shape[1]))
        return torch.from_numpy(random.random(shape).argsort(axis=1) < count)
    examples, height, width = shape[:3]
    side = max(1, min(round((share * height * width) ** 0.5), height, width))
    inside = []
    for length in (height, width):
        first = random.integers(0, length - side + 1, (examples, 1))
        positions = np.arange(length)
        inside.append((positions >= first) & (positions < first + side))
    return torch.from_numpy(inside[0][:, :, None, None] & inside[1][:, None, :, None])


ATTACKS = {"fgsm": fgsm, "pgd": pgd, "square": square}
"By name, in the order of reports. Each returns (k,) bool, the examples that it makes wrong."
NEED_GRADIENTS = ("fgsm", "pgd")
