"""Methods: Captum's attributions under one name and one shape each, computed in portions that fit the memory.

Captum is the extra `attribution`. Its import takes 2.5 s, so it is imported when the first method is prepared.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import BenchError
from bench_suite.probes.attribution.adapters import Inputs, Subject
from bench_suite.probes.attribution.groups import Fitted, group_counts, groups_of
from bench_suite.probes.attribution.separation import Separated
from bench_suite.probes.attribution.summed_gradients import summed_logits, with_summed_gradients
from bench_suite.training import devices

Scale = Literal["change", "slope", "strength"]


@dataclass(frozen=True)
class Settings:
    """The settings of all methods; each method reads those that apply to it."""

    rows: int
    "Examples in one forward and backward pass."
    steps: int = 32
    "Points between reference and input at which integrated gradients and GradientShap take the gradient."
    coalitions: int = 200
    "Inputs with parts missing that KernelShap and LIME evaluate, for each example."
    window: int = 4
    "Side of occlusion's window, in pixels."
    patch: int = 4
    "Side of the squares of pixels that feature ablation, KernelShap and LIME remove together."
    copies: int = 8
    "Noisy copies over which a smoothed method averages."
    noise: float = 0.1
    "Standard deviation of that noise, as a share of the standard deviation of each column or channel, or of a text."
    seed: int = 0


@dataclass(frozen=True)
class PreparedMethod:
    """A Captum method that is ready for certain inputs."""

    attribution: Any
    "An object of a class of `captum.attr`."
    arguments: Mapping[str, Any] = field(default_factory=dict)
    "Arguments of its `attribute`, besides inputs, target and context."
    finish: Callable[[torch.Tensor], torch.Tensor] = lambda elements: elements
    "Converts the result of `attribute` to one number for each element of the input."


@dataclass(frozen=True)
class Method:
    """How an attribution is computed, and what its numbers mean."""

    make: Callable[[Subject, Inputs, Settings], PreparedMethod]
    scale: Scale
    """`change`: an element's part of the logit's change from the reference to the input. `slope`: the derivative of the
    logit with respect to the element. `strength`: a larger number means more, and nothing else is defined."""
    expansion: Callable[[Settings], int] = lambda settings: 1
    "Rows that the method makes of one example, whatever batch size is allowed."
    max_incompleteness: float | None = None
    """Largest completeness error at which a method that claims that its changes sum to the whole change has numbers;
    None if it claims nothing."""
    signed_strength: bool = False
    "Whether numbers on the scale `strength` have a sign, as those of noise have."

    @property
    def is_signed(self) -> bool:
        """Whether a number above 0 speaks for the class, and one below 0 against it."""
        return self.scale == "change" or self.signed_strength


@dataclass(frozen=True)
class MethodVariant:
    """A method of `METHODS`, as it is or averaged over noisy copies of the input (SmoothGrad)."""

    name: str
    "A key of `METHODS`."
    smoothed: bool = False

    @property
    def label(self) -> str:
        """The value of the coordinate `method`: `saliency`, or `smoothed saliency`."""
        return f"smoothed {self.name}" if self.smoothed else self.name

    @property
    def method(self) -> Method:
        """The method; a smoothed one keeps the scale of the method that is averaged."""
        return METHODS[self.name]


# ── how each method is prepared ─────────────────────────────────────────────────────────────────


def import_captum() -> Any:
    """Return the module `captum.attr`.

    Raises:
        BenchError: if Captum cannot be imported; the message contains the command that installs it.
    """
    try:
        import captum.attr
    except ImportError as error:
        raise BenchError(
            f"attributions need Captum ({error}); to get it: pip install 'bench-suite[attribution]'"
        ) from error
    return captum.attr


def _reference(subject: Subject, inputs: Inputs) -> torch.Tensor:
    return subject.reference.expand(1, *inputs.values.shape[1:])


def _integrated_gradients(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    arguments = {
        "baselines": _reference(subject, inputs),
        "n_steps": settings.steps,
        "internal_batch_size": max(settings.rows, len(inputs)),
    }
    return PreparedMethod(with_summed_gradients(import_captum().IntegratedGradients(subject.module)), arguments)


def _saliency(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    return PreparedMethod(with_summed_gradients(import_captum().Saliency(subject.module)), {"abs": False})


def _input_x_gradient(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    """Multiply slopes by the difference from the reference, as other methods do; Captum multiplies by the input."""
    return PreparedMethod(
        with_summed_gradients(import_captum().Saliency(subject.module)),
        {"abs": False},
        lambda slopes: slopes * (inputs.values - subject.reference),
    )


def _guided_backprop(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    return PreparedMethod(with_summed_gradients(import_captum().GuidedBackprop(subject.module)))


def _deep_lift(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    attribution = with_summed_gradients(import_captum().DeepLift(subject.module))
    separated = Separated(attribution, subject.module)
    return PreparedMethod(separated, {"baselines": _reference(subject, inputs)})


def _gradient_shap(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    arguments = {"baselines": _reference(subject, inputs), "n_samples": settings.steps}
    return PreparedMethod(with_summed_gradients(import_captum().GradientShap(subject.module)), arguments)


def _grad_cam(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    layer = last_convolution(subject, inputs)
    assert layer is not None
    height, width, channels = inputs.values.shape[1:]

    def finish(maps: torch.Tensor) -> torch.Tensor:
        large = nn.functional.interpolate(maps, (height, width), mode="bilinear", align_corners=False)
        return large.permute(0, 2, 3, 1).expand(-1, -1, -1, channels) / channels

    # Captum's gradients of layers have no `gradient_func`: here the function itself returns the sum of the logits.
    attribution = import_captum().LayerGradCam(summed_logits(subject.module, inputs.target), layer)
    return PreparedMethod(attribution, {"target": None, "relu_attributions": True}, finish)


def _occlusion(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    height, width, channels = inputs.values.shape[1:]
    side = min(settings.window, height, width)
    arguments = {
        "sliding_window_shapes": (side, side, channels),
        "strides": (max(1, side // 2), max(1, side // 2), channels),
        "baselines": _reference(subject, inputs),
        "perturbations_per_eval": max(1, settings.rows // len(inputs)),
    }
    return PreparedMethod(
        import_captum().Occlusion(subject.module), arguments, lambda elements: elements / (side * side * channels)
    )


def _feature_ablation(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    return _grouped(import_captum().FeatureAblation(subject.module), subject, inputs, settings, {})


def _kernel_shap(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    samples = {"n_samples": settings.coalitions}
    several = group_counts(subject, inputs, settings.patch) > 1
    fitted = Fitted(import_captum().KernelShap(subject.module), subject, several)
    return _grouped(fitted, subject, inputs, settings, samples)


def _lime(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    samples = {"n_samples": settings.coalitions}
    several = torch.ones(len(inputs), dtype=torch.bool)
    return _grouped(Fitted(import_captum().Lime(subject.module), subject, several), subject, inputs, settings, samples)


def _grouped(
    attribution: Any, subject: Subject, inputs: Inputs, settings: Settings, arguments: Mapping[str, Any]
) -> PreparedMethod:
    """Prepare a method that removes groups of elements; each element gets an equal share of its group's number."""
    groups = groups_of(subject, inputs, settings.patch)
    if subject.kind == "image":
        sizes = torch.bincount(groups[0].flatten())[groups]
    else:
        sizes = torch.tensor(inputs.values.shape[-1] if subject.kind == "text" else 1, device=groups.device)
    batch_size = max(1, settings.rows // len(inputs)) if not arguments else settings.rows
    common = {"baselines": _reference(subject, inputs), "feature_mask": groups, "perturbations_per_eval": batch_size}
    return PreparedMethod(attribution, {**common, **arguments}, lambda elements: elements / sizes)


class _Random:
    """Normal noise in the shape of the input: the floor for every other method."""

    def attribute(self, inputs: torch.Tensor, **rest: Any) -> torch.Tensor:
        return torch.randn_like(inputs)


def _random(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    return PreparedMethod(_Random())


METHODS: dict[str, Method] = {
    "integrated_gradients": Method(_integrated_gradients, "change", max_incompleteness=0.2),
    "saliency": Method(_saliency, "slope"),
    "input_x_gradient": Method(_input_x_gradient, "change"),
    "guided_backprop": Method(_guided_backprop, "slope"),
    "deep_lift": Method(_deep_lift, "change", expansion=lambda settings: 2, max_incompleteness=0.01),
    "gradient_shap": Method(
        _gradient_shap, "change", expansion=lambda settings: settings.steps, max_incompleteness=1.0
    ),
    "grad_cam": Method(_grad_cam, "strength"),
    "occlusion": Method(_occlusion, "change"),
    "feature_ablation": Method(_feature_ablation, "change"),
    "kernel_shap": Method(_kernel_shap, "change", max_incompleteness=0.05),
    "lime": Method(_lime, "change"),
    "random": Method(_random, "strength", signed_strength=True),
}
FITTED = ("kernel_shap", "lime")
"Methods that fit a linear model to inputs with parts missing."
METHOD_ERRORS = (ValueError, RuntimeError, AssertionError)
"Exceptions that Captum and PyTorch raise if a method fails on a network or on some inputs."


# ── applying them ───────────────────────────────────────────────────────────────────────────────


def failure_reason(error: BaseException, subject: str = "the method failed") -> str:
    """Return the reason for missing numbers: the exception's type and the first line of its message.

    Args:
        error: one of `METHOD_ERRORS`.
        subject: words that begin the reason.
    """
    first, *_ = [*str(error).strip().splitlines(), ""]
    return f"{subject}: {type(error).__name__}" + (f": {first}" if first else "")


def is_underdetermined(variant: MethodVariant, subject: Subject, inputs: Inputs, settings: Settings) -> np.ndarray:
    """Return for each example whether the method fits a linear model to too few coalitions.

    A model of n parts has n weights and a constant, and some coalitions are drawn twice, so n + 2 coalitions are
    needed. An example with one part has no such model.

    Returns:
        (k,) bool; all False for methods that fit no model.
    """
    if variant.name not in FITTED:
        return np.zeros(len(inputs), dtype=bool)
    counts = group_counts(subject, inputs, settings.patch).cpu().numpy()
    return (counts > 1) & (settings.coalitions < counts + 2)


def inapplicable_reason(
    variant: MethodVariant, subject: Subject, inputs: Inputs, patch: int = Settings.patch
) -> str | None:
    """Return why a method cannot explain this network or these inputs; None if it can."""
    name = variant.name
    if name in FITTED and subject.kind != "text" and int(group_counts(subject, inputs, patch).max()) < 2:
        cause = f"patch = {patch} makes the whole image one part" if subject.kind == "image" else "there is one column"
        return f"{name} compares parts, and {cause}"
    if name in ("occlusion", "grad_cam") and subject.kind != "image":
        return f"{name} needs images and cannot explain a {subject.kind}"
    if name == "grad_cam" and last_convolution(subject, inputs) is None:
        return "grad_cam needs a convolution whose output has more than one pixel, and the network has none"
    if name in ("guided_backprop", "deep_lift"):
        return _rectifier_reason(name, subject, inputs)
    return None


def _rectifier_reason(name: str, subject: Subject, inputs: Inputs) -> str | None:
    """Return why the network's ReLUs cannot be hooked; None if each is a module of its own that is used once."""
    calls: dict[nn.Module, int] = {}
    with _hooked(subject, (nn.ReLU,), lambda part, outcome: calls.update({part: calls.get(part, 0) + 1})):
        subject.logits(inputs.at(slice(0, 1)))
    if not calls and name == "guided_backprop":
        return "guided_backprop changes the gradient of ReLUs, and the network has no torch.nn.ReLU"
    if any(count > 1 for count in calls.values()):
        return f"{name} needs one torch.nn.ReLU for each use, and the network uses one more than once"
    return None


def last_convolution(subject: Subject, inputs: Inputs) -> nn.Module | None:
    """Return the convolution that runs last among those whose output has more than one pixel; None if there is none."""
    convolutions: list[nn.Module] = []

    def note(part: nn.Module, outcome: torch.Tensor) -> None:
        if outcome.ndim == 4 and min(outcome.shape[2:]) > 1:
            convolutions.append(part)

    with _hooked(subject, (nn.Conv2d,), note):
        subject.logits(inputs.at(slice(0, 1)))
    return convolutions[-1] if convolutions else None


@contextmanager
def _hooked(
    subject: Subject, kinds: tuple[type[nn.Module], ...], note: Callable[[nn.Module, torch.Tensor], None]
) -> Iterator[None]:
    parts = [part for part in subject.module.modules() if isinstance(part, kinds)]
    handles = [part.register_forward_hook(lambda part, inputs, outcome: note(part, outcome)) for part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def attribute(variant: MethodVariant, subject: Subject, inputs: Inputs, settings: Settings) -> torch.Tensor:
    """Return the attribution of each element of the inputs.

    Args:
        variant: the method, smoothed or not.
        subject: the network, within `explanation_mode`.
        inputs: k examples, computed in portions of `settings.rows` rows.
        settings: the settings of the method.

    Returns:
        One number for each element, in the shape of `inputs.values`; 0 after the end of a text.
    """
    with _seeded(settings.seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum warns about hooks that it sets and about examples taken one by one
        if variant.smoothed:
            return _smoothed(variant.method, subject, inputs, settings)
        return _in_portions(variant.method, subject, inputs, settings)


def _smoothed(method: Method, subject: Subject, inputs: Inputs, settings: Settings) -> torch.Tensor:
    """Return the method's mean over `settings.copies` noisy copies of each input (SmoothGrad, arXiv 1706.03825).

    The result is that of Captum's NoiseTunnel. Here the copies are further examples, so that a portion has at most
    `settings.rows` rows, whatever a method makes of an example. `PreparedMethod.finish` is applied before the mean.
    """
    deviation = settings.noise * subject.spread(inputs)
    examples = max(1, settings.rows // settings.copies)
    means = []
    for start in range(0, len(inputs), examples):
        copies = inputs.at(slice(start, start + examples)).repeated(settings.copies)
        noise = deviation * torch.randn_like(copies.values) * subject.elements(copies.valid, copies.values)
        noisy = replace(copies, values=copies.values + noise)
        elements = _in_portions(method, subject, noisy, settings)
        means.append(elements.unflatten(0, (-1, settings.copies)).mean(dim=1))
    return torch.cat(means)


def _in_portions(method: Method, subject: Subject, inputs: Inputs, settings: Settings) -> torch.Tensor:
    portion = max(1, settings.rows // method.expansion(settings))
    slices = [slice(start, start + portion) for start in range(0, len(inputs), portion)]
    return torch.cat([_attribute(method, subject, inputs.at(rows), settings) for rows in slices])


def _attribute(method: Method, subject: Subject, inputs: Inputs, settings: Settings) -> torch.Tensor:
    prepared = method.make(subject, inputs, settings)
    arguments = {"target": inputs.target, "additional_forward_args": inputs.context or None, **prepared.arguments}
    # Captum marks what needs a gradient. If the inputs needed one, autograd would also record how Captum makes points
    # between reference and input: 6 % of the time of integrated gradients.
    values = inputs.values.detach().clone()
    with torch.enable_grad():
        elements = prepared.attribution.attribute(values, **arguments)
    elements = prepared.finish(elements.detach().float())
    # A product with the mask would keep a NaN.
    return torch.where(subject.elements(inputs.valid, elements), elements, 0.0)


def parts_of(variant: MethodVariant, subject: Subject, elements: torch.Tensor) -> torch.Tensor:
    """Return the attribution of each pixel, column or token.

    Changes are summed over channels or over a token's vector. Slopes do not add up, so their magnitudes are summed; of
    a table's columns they are slopes for one standard deviation, so that a column's unit does not decide its rank.

    Args:
        variant: the method that computed `elements`.
        subject: the network that it explained.
        elements: (k, …), as `attribute` returns them.

    Returns:
        (k, parts).
    """
    if variant.method.scale != "slope":
        return subject.parts(elements)
    unit = 1.0 if subject.column_deviation is None else subject.column_deviation
    return subject.parts(elements.abs() * unit)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw all random numbers from `seed` within the context, and restore the generators' states afterwards."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 - Captum draws from the global generator
    try:
        with devices.fork_generators():
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - Captum draws from the global generator
            # torch.manual_seed records its caller's stack for each kind of device: 0.8 ms of the 3 ms of a call.
            torch.default_generator.manual_seed(seed)
            devices.seed(seed)
            yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002 - Captum draws from the global generator
