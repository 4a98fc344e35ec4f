"""Methods: Captum's attributions under one name and one shape each, worked through in portions that fit the memory.

Captum is the extra `attribution`; it takes 2.5 s to import, so it is imported when the first method is made.
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

Scale = Literal["change", "slope", "strength"]


@dataclass(frozen=True)
class Settings:
    """What methods may be told; not each of them heeds all of it."""

    rows: int
    "Examples for one forward and backward pass."
    steps: int = 32
    "Points between reference and input at which integrated gradients and GradientShap take the gradient."
    coalitions: int = 200
    "Inputs with parts missing that KernelShap and LIME look at, for each example."
    window: int = 4
    "Side of occlusion's window, in pixels."
    patch: int = 4
    "Side of the squares of pixels that feature ablation, KernelShap and LIME take away together."
    copies: int = 8
    "Noisy copies that a smoothed method averages over."
    noise: float = 0.1
    "Standard deviation of that noise, as a share of the inputs' own."
    seed: int = 0


@dataclass(frozen=True)
class PreparedMethod:
    """A method of Captum made ready for some inputs."""

    attribution: Any
    "An object of a class of `captum.attr`."
    arguments: Mapping[str, Any] = field(default_factory=dict)
    "Of its `attribute`, besides inputs, target and context."
    finish: Callable[[torch.Tensor], torch.Tensor] = lambda elements: elements
    "From what `attribute` returns to a number an element of the input."


@dataclass(frozen=True)
class Method:
    """How an attribution comes about, and what its numbers mean."""

    make: Callable[[Subject, Inputs, Settings], PreparedMethod]
    scale: Scale
    """`change`: an element's part of the logit's change from the reference to the input. `slope`: how the logit moves
    with the element. `strength`: larger is more, and no more is said."""
    expansion: Callable[[Settings], int] = lambda settings: 1
    "Rows that it makes of an example without asking how many may be."


# ── how each is made ────────────────────────────────────────────────────────────────────────────


def captum() -> Any:
    """`captum.attr`; raises BenchError with what to do where it is not there."""
    try:
        import captum.attr
    except ImportError as error:
        raise BenchError(
            f"attributions need Captum ({error}); get it with: pip install 'bench-suite[attribution]'"
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
    return PreparedMethod(captum().IntegratedGradients(subject.module), arguments)


def _saliency(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    return PreparedMethod(captum().Saliency(subject.module), {"abs": False})


def _input_x_gradient(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    """Captum multiplies by the input; here by its difference from the reference, as the other methods measure it."""
    return PreparedMethod(
        captum().Saliency(subject.module), {"abs": False}, lambda slopes: slopes * (inputs.values - subject.reference)
    )


def _guided_backprop(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    return PreparedMethod(captum().GuidedBackprop(subject.module))


def _deep_lift(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    return PreparedMethod(captum().DeepLift(subject.module), {"baselines": _reference(subject, inputs)})


def _gradient_shap(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    arguments = {"baselines": _reference(subject, inputs), "n_samples": settings.steps}
    return PreparedMethod(captum().GradientShap(subject.module), arguments)


def _grad_cam(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    layer = last_convolution(subject, inputs)
    assert layer is not None
    height, width, channels = inputs.values.shape[1:]

    def finish(maps: torch.Tensor) -> torch.Tensor:
        large = nn.functional.interpolate(maps, (height, width), mode="bilinear", align_corners=False)
        return large.permute(0, 2, 3, 1).expand(-1, -1, -1, channels) / channels

    return PreparedMethod(captum().LayerGradCam(subject.module, layer), {"relu_attributions": True}, finish)


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
        captum().Occlusion(subject.module), arguments, lambda elements: elements / (side * side * channels)
    )


def _feature_ablation(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    return _grouped(captum().FeatureAblation(subject.module), subject, inputs, settings, {})


def _kernel_shap(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    samples = {"n_samples": settings.coalitions}
    several = group_counts(subject, inputs, settings.patch) > 1
    fitted = Fitted(captum().KernelShap(subject.module), subject, several)
    return _grouped(fitted, subject, inputs, settings, samples)


def _lime(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    samples = {"n_samples": settings.coalitions}
    every = torch.ones(len(inputs), dtype=torch.bool)
    return _grouped(Fitted(captum().Lime(subject.module), subject, every), subject, inputs, settings, samples)


def _grouped(
    attribution: Any, subject: Subject, inputs: Inputs, settings: Settings, arguments: Mapping[str, Any]
) -> PreparedMethod:
    """A method that takes groups of elements away together, and gives each element of a group the group's number."""
    groups = groups_of(subject, inputs, settings.patch)
    if subject.kind == "image":
        sizes = torch.bincount(groups[0].flatten())[groups]
    else:
        sizes = torch.tensor(inputs.values.shape[-1] if subject.kind == "text" else 1, device=groups.device)
    together = max(1, settings.rows // len(inputs)) if not arguments else settings.rows
    made = {"baselines": _reference(subject, inputs), "feature_mask": groups, "perturbations_per_eval": together}
    return PreparedMethod(attribution, {**made, **arguments}, lambda elements: elements / sizes)


class _Random:
    """Normal noise in the shape of the input: the floor under every other method."""

    def attribute(self, inputs: torch.Tensor, **rest: Any) -> torch.Tensor:
        return torch.randn_like(inputs)


def _random(subject: Subject, inputs: Inputs, settings: Settings) -> PreparedMethod:
    return PreparedMethod(_Random())


METHODS: dict[str, Method] = {
    "integrated_gradients": Method(_integrated_gradients, "change"),
    "saliency": Method(_saliency, "slope"),
    "input_x_gradient": Method(_input_x_gradient, "change"),
    "guided_backprop": Method(_guided_backprop, "slope"),
    "deep_lift": Method(_deep_lift, "change", expansion=lambda settings: 2),
    "gradient_shap": Method(_gradient_shap, "change", expansion=lambda settings: settings.steps),
    "grad_cam": Method(_grad_cam, "strength"),
    "occlusion": Method(_occlusion, "change"),
    "feature_ablation": Method(_feature_ablation, "change"),
    "kernel_shap": Method(_kernel_shap, "change"),
    "lime": Method(_lime, "change"),
    "random": Method(_random, "strength"),
}
FITTED = ("kernel_shap", "lime")
"Methods that fit a linear model to inputs with parts missing."
FAULTS = (ValueError, RuntimeError, AssertionError)
"What Captum and PyTorch raise where a method fails on a network or on some inputs."
SMOOTHED = "smoothed "
"Before the name of a method that is averaged over noisy copies of the input (SmoothGrad)."


# ── applying them ───────────────────────────────────────────────────────────────────────────────


def method_of(name: str) -> Method:
    """The method of that name; of a smoothed one, the method that is averaged, whose scale it keeps."""
    return METHODS[name.removeprefix(SMOOTHED)]


def failed(error: BaseException, what: str = "the method failed") -> str:
    """One of `FAULTS` as the reason for which there are no numbers: its kind, and the first line of its message."""
    first, *_ = [*str(error).strip().splitlines(), ""]
    return f"{what}: {type(error).__name__}" + (f": {first}" if first else "")


def underdetermined(name: str, subject: Subject, inputs: Inputs, settings: Settings) -> np.ndarray:
    """(k,) bool: whether the method fits a linear model to fewer coalitions than an example has parts and two more.

    A model of n parts has n weights and a constant, and some coalitions are drawn twice. Of one part there is no model.
    """
    if name.removeprefix(SMOOTHED) not in FITTED:
        return np.zeros(len(inputs), dtype=bool)
    counts = group_counts(subject, inputs, settings.patch).cpu().numpy()
    return (counts > 1) & (settings.coalitions < counts + 2)


def unfit(name: str, subject: Subject, inputs: Inputs, patch: int = Settings.patch) -> str | None:
    """Why a method cannot explain this network or these inputs; None where it can."""
    name = name.removeprefix(SMOOTHED)
    if name in FITTED and subject.kind != "text" and int(group_counts(subject, inputs, patch).max()) < 2:
        cause = f"patch = {patch} makes one part of a whole image" if subject.kind == "image" else "there is one column"
        return f"{name} compares parts, and {cause}"
    if name in ("occlusion", "grad_cam") and subject.kind != "image":
        return f"{name} needs images, and explains no {subject.kind}"
    if name == "grad_cam" and last_convolution(subject, inputs) is None:
        return "grad_cam needs a convolution of more than one pixel, and the network has none"
    if name in ("guided_backprop", "deep_lift"):
        return _unrectified(name, subject, inputs)
    return None


def _unrectified(name: str, subject: Subject, inputs: Inputs) -> str | None:
    """Whether the network's ReLUs are modules of their own, each used once: what can be hooked."""
    calls: dict[nn.Module, int] = {}
    with _hooked(subject, (nn.ReLU,), lambda part, outcome: calls.update({part: calls.get(part, 0) + 1})):
        subject.logits(inputs.at(slice(0, 1)))
    if not calls and name == "guided_backprop":
        return "guided_backprop guides ReLUs, and the network has no torch.nn.ReLU"
    if any(count > 1 for count in calls.values()):
        return f"{name} needs a torch.nn.ReLU for each use, and the network uses one more than once"
    return None


def last_convolution(subject: Subject, inputs: Inputs) -> nn.Module | None:
    """The convolution that runs last, of those whose outcome has more than one pixel; None where there is none."""
    found: list[nn.Module] = []

    def note(part: nn.Module, outcome: torch.Tensor) -> None:
        if outcome.ndim == 4 and min(outcome.shape[2:]) > 1:
            found.append(part)

    with _hooked(subject, (nn.Conv2d,), note):
        subject.logits(inputs.at(slice(0, 1)))
    return found[-1] if found else None


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


def attribute(name: str, subject: Subject, inputs: Inputs, settings: Settings) -> torch.Tensor:
    """A number an element of the inputs, of the shape of `inputs.values`, by the method `name`; 0 after a text's end.

    Arguments:
        name: of `METHODS`, perhaps with `SMOOTHED` before it.
        subject: within `explainable`.
        inputs: k examples, worked through in portions of `settings.rows` rows.
    """
    with _drawn(settings.seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum's notices of hooks it sets, and of examples it takes one by one
        if name.startswith(SMOOTHED):
            return _smoothed(method_of(name), subject, inputs, settings)
        return _in_portions(method_of(name), subject, inputs, settings)


def _smoothed(method: Method, subject: Subject, inputs: Inputs, settings: Settings) -> torch.Tensor:
    """The method's mean over `settings.copies` of each input with normal noise (SmoothGrad, arXiv 1706.03825).

    What Captum's NoiseTunnel gives, for every method: here copies are further examples, so that their portions keep to
    `settings.rows` whatever a method makes of an example, and what `Made.finish` does is averaged too.
    """
    deviation = settings.noise * subject.spread(inputs)
    together = max(1, settings.rows // settings.copies)
    found = []
    for start in range(0, len(inputs), together):
        some = inputs.at(slice(start, start + together)).repeated(settings.copies)
        noise = deviation * torch.randn_like(some.values) * subject.elements(some.valid, some.values)
        noisy = replace(some, values=some.values + noise)
        elements = _in_portions(method, subject, noisy, settings)
        found.append(elements.unflatten(0, (-1, settings.copies)).mean(dim=1))
    return torch.cat(found)


def _in_portions(method: Method, subject: Subject, inputs: Inputs, settings: Settings) -> torch.Tensor:
    portion = max(1, settings.rows // method.expansion(settings))
    slices = [slice(start, start + portion) for start in range(0, len(inputs), portion)]
    return torch.cat([_attribute(method, subject, inputs.at(rows), settings) for rows in slices])


def _attribute(method: Method, subject: Subject, inputs: Inputs, settings: Settings) -> torch.Tensor:
    made = method.make(subject, inputs, settings)
    arguments = {"target": inputs.target, "additional_forward_args": inputs.context or None, **made.arguments}
    values = inputs.values.detach().clone().requires_grad_()
    with torch.enable_grad():
        elements = made.attribution.attribute(values, **arguments)
    elements = made.finish(elements.detach().float())
    # Not a product with the mask, which would leave a NaN standing.
    return torch.where(subject.elements(inputs.valid, elements), elements, 0.0)


def parts_of(name: str, subject: Subject, elements: torch.Tensor) -> torch.Tensor:
    """(k, parts): what an attribution says of each pixel, column or token.

    Changes are summed over channels, or over a token's vector; of slopes, which do not add up, the magnitudes.
    """
    return subject.parts(elements.abs() if method_of(name).scale == "slope" else elements)


@contextmanager
def _drawn(seed: int) -> Iterator[None]:
    """Within it all that is drawn comes from `seed`; afterwards the generators go on as if nothing had been."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 - Captum draws from the global generator
    try:
        with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_initialized() else []):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - Captum draws from the global generator
            # Not torch.manual_seed, which writes down its caller's stack for each kind of device: 0.8 ms of a call's 3.
            torch.default_generator.manual_seed(seed)
            if torch.cuda.is_initialized():
                torch.cuda.manual_seed(seed)
            yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002 - Captum draws from the global generator
