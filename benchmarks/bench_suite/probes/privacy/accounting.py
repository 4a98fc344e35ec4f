"""Accounting: the guarantee of a training with differential privacy, and the numbers that it is computed from."""

from __future__ import annotations

from collections.abc import Iterator

from bench_suite.contracts import History, Metric

NOT_PRIVATE = (
    "trained without differential privacy, so nothing bounds ε: state privacy = { epsilon = …, delta = … } in [train]"
)


def accounting_metrics(history: History | None) -> Iterator[Metric]:
    """Yield ε by two conversions of the Rényi divergences, δ, and noise, sampling and number of the steps.

    All are exact: they follow from the options, the number of examples and the steps that were taken.
    """
    spent = None if history is None else history.privacy
    if spent is None:
        yield Metric("epsilon", None, NOT_PRIVATE)
        return
    yield Metric("epsilon", spent.epsilon, f"accountant {spent.accountant}, conversion of Balle et al.", kind="exact")
    yield Metric(
        "epsilon_classical", spent.epsilon_classical, f"accountant {spent.accountant}, conversion of Mironov",
        kind="exact",
    )  # fmt: skip
    yield Metric("delta", spent.delta, kind="exact")
    yield Metric("noise_multiplier", spent.noise_multiplier, kind="exact")
    yield Metric("clipping_norm", spent.clipping_norm, kind="exact")
    yield Metric("sample_rate", spent.sample_rate, kind="exact")
    yield Metric("private_steps", float(spent.steps), kind="exact")
