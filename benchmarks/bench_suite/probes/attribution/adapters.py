"""Adapters: a network as a function of numbers that have gradients, and its inputs in parts that people can read.

Pixels and columns are such numbers already. For a text, the numbers are the vectors of its tokens in the embedding:
Captum calls an attribution of these a layer attribution, and every method supports it. The parts of an input are the
pixels of an image, the columns of a table or the tokens of a text. Attributions are measured and drawn by part.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import Batch, BenchError, Data, Network
from bench_suite.probes.attribution.baselines import Reference, image_reference, single_input, table_reference

Kind = Literal["image", "table", "text"]
Layers = Literal["last layer", "all layers"]


@dataclass(frozen=True)
class Inputs:
    """Examples in the form that a subject takes."""

    values: torch.Tensor
    "(k, H, W, C) or (k, d) as `encode` and `collate` return them, or (k, L, width) vectors of tokens; float32."
    context: tuple[torch.Tensor, ...]
    "Further inputs of the network with one row for each example, such as the lengths of texts."
    valid: torch.Tensor
    "(k, parts) bool: False after the end of a text."
    target: torch.Tensor
    "(k,) int64: the class that is explained."

    def __len__(self) -> int:
        return len(self.values)

    def at(self, rows: slice) -> Inputs:
        """Return only the examples at `rows`."""
        return Inputs(
            self.values[rows], tuple(extra[rows] for extra in self.context), self.valid[rows], self.target[rows]
        )

    def repeated(self, times: int) -> Inputs:
        """Return each example `times` times, one copy after the other."""
        values, valid, target, *context = (
            tensor.repeat_interleave(times, dim=0) for tensor in (self.values, self.valid, self.target, *self.context)
        )
        return Inputs(values, tuple(context), valid, target)


@dataclass(frozen=True)
class Subject:
    """A network to explain. Its `module` maps `Inputs.values` and `Inputs.context` to logits (k, classes)."""

    kind: Kind
    module: nn.Module
    reference: torch.Tensor
    "(1, …): the baseline input with which others are compared, on the scale of `Inputs.values`."
    last_layer: str | None = None
    "Name in `module` of the layer with weights that runs last; None if there is none, or no example has been run yet."
    column_deviation: torch.Tensor | None = None
    "(1, d): standard deviations of a table's columns over training rows; None for other inputs."

    def logits(self, inputs: Inputs) -> torch.Tensor:
        """Return logits (k, classes), without gradients."""
        with torch.no_grad():
            logits: torch.Tensor = self.module(inputs.values, *inputs.context).float()
        return logits

    def parts(self, elements: torch.Tensor) -> torch.Tensor:
        """Sum numbers of elements (k, …) over channels, or over a token's vector, to numbers of parts (k, parts)."""
        return elements if self.kind == "table" else elements.sum(dim=-1).flatten(start_dim=1)

    def elements(self, parts: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """Reshape (k, parts) so that it broadcasts against `like` (k, …): all elements of a part get its number."""
        return parts if self.kind == "table" else parts.reshape(*like.shape[:-1], 1)

    def spread(self, inputs: Inputs) -> torch.Tensor:
        """Return standard deviations that broadcast against `inputs.values`: the unit of noise.

        Of a table, one for each column, over training rows; of images, one for each channel; of texts, one for all
        numbers but the padding's. So noise is the same share of each input, whatever its scale.
        """
        if self.kind == "text":
            return inputs.values[inputs.valid].std(correction=0)
        if self.column_deviation is not None:
            return self.column_deviation
        return inputs.values.flatten(end_dim=-2).std(dim=0, correction=0)

    def without(self, inputs: Inputs, gone: torch.Tensor) -> Inputs:
        """Return the inputs with the parts that `gone` (k, parts) bool marks set to the reference."""
        values = torch.where(self.elements(gone, inputs.values), self.reference, inputs.values)
        return replace(inputs, values=values)

    def scrambled(self, layers: Layers, seed: int) -> Subject | None:
        """Return the network with the weights of some layers shuffled, each tensor within itself.

        Shuffling keeps the distribution of a layer's weights and destroys what was learnt.

        Args:
            layers: the last layer is the one with weights that runs last, whatever its position in the module.
            seed: determines the permutations.

        Returns:
            A copy; None if there is no last layer with weights.
        """
        if layers == "last layer" and self.last_layer is None:
            return None
        module = copy.deepcopy(self.module)
        chosen = module.get_submodule(self.last_layer) if layers == "last layer" and self.last_layer else module
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in chosen.parameters():
                flat = weight.detach().cpu().flatten()
                weight.copy_(flat[torch.randperm(len(flat), generator=random)].reshape(weight.shape))
        return replace(self, module=module)


class ImageAdapter(nn.Module):
    """A network as a function of images (k, H, W, C) of floating-point numbers."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes)."""
        logits: torch.Tensor = self.network(image=values)
        return logits


class TableAdapter(nn.Module):
    """A network as a function of columns (k, d)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes)."""
        logits: torch.Tensor = self.network(table=values)
        return logits


class TokenAdapter(nn.Module):
    """A network as a function of the vectors (k, L, width) of the tokens of texts in its embedding."""

    def __init__(self, network: Any, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.names = names
        "Names of the network's inputs, in the order of `context`."

    def forward(self, values: torch.Tensor, *context: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes); `values` replace the output of the embedding."""
        with _output_replaced(self.network.get_input_embeddings(), values):
            logits: torch.Tensor = self.network(**dict(zip(self.names, context)))
        return logits


class BagAdapter(nn.Module):
    """The same for a network whose embedding sums over a text (`nn.EmbeddingBag`), with padded texts."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: torch.Tensor, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes) of vectors (k, L, width) and tokens (k, L), `lengths` (k,) of which count."""
        inside = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        with _output_replaced(self.network.get_input_embeddings(), (values * inside[..., None]).sum(dim=1)):
            logits: torch.Tensor = self.network(tokens=tokens[inside].int(), offsets=offsets)
        return logits


@contextmanager
def _output_replaced(layer: nn.Module, outcome: torch.Tensor) -> Iterator[None]:
    handle = layer.register_forward_hook(lambda module, inputs, outputs: outcome)
    try:
        yield
    finally:
        handle.remove()


# ── from a trained network to its subject ───────────────────────────────────────────────────────


def subject_of(network: Network, data: Data, reference: Reference, device: str) -> Subject:
    """Return the subject of a network for images, tables or texts.

    The reference of images and tables comes from `baselines`; that of a text is vectors of zeros.

    Raises:
        BenchError: if no gradient reaches the input, or the input of the network cannot be explained.
    """
    first = data.splits["train"].take(np.arange(1))
    if "image" in first:
        picture = image_reference(network, data, reference)
        return Subject("image", ImageAdapter(network.module), picture.to(device))
    if "table" in first:
        row, deviation = (tensor.to(device) for tensor in table_reference(network, data, reference))
        return Subject("table", TableAdapter(network.module), row, column_deviation=deviation)
    if "text" not in first:
        raise BenchError(
            f"attribution explains the columns image, table and text; these examples have {', '.join(first)}"
        )
    module: Any = network.module
    if not hasattr(module, "get_input_embeddings"):
        raise BenchError(
            "the network has no get_input_embeddings(), so the tokens of a text have no vectors to explain"
        )
    embedding = module.get_input_embeddings()
    if not isinstance(getattr(embedding, "weight", None), torch.Tensor):
        raise BenchError(
            "attribution needs get_input_embeddings() to return a layer whose `weight` has a row for each token"
        )
    width = embedding.weight.shape[1]
    if isinstance(embedding, nn.EmbeddingBag):
        if not embedding.include_last_offset:
            raise BenchError("attribution needs an EmbeddingBag with include_last_offset = True")
        return Subject("text", BagAdapter(module), torch.zeros((1, 1, width), device=device))
    return Subject("text", TokenAdapter(module, ()), torch.zeros((1, 1, width), device=device))


def inputs_of(
    subject: Subject, batch: Batch, target: np.ndarray | None = None, lengths: torch.Tensor | None = None
) -> tuple[Subject, Inputs]:
    """Return the examples of a batch, and the subject that takes them.

    Args:
        subject: the network, as `subject_of` returns it.
        batch: the examples, after `collate`.
        target: (k,) classes to explain; by default those that the network predicts here.
        lengths: (k,) tokens of each text before `collate` padded them, if known.

    Raises:
        BenchError: if the input of the network cannot be explained.
    """
    context: tuple[torch.Tensor, ...] = ()
    if subject.kind == "text":
        subject, values, valid, context = _token_vectors(subject, batch.inputs, lengths)
    else:
        values = single_input(subject.kind, batch.inputs, tuple(subject.reference.shape[1:])).detach().float()
        parts = subject.parts(values)
        valid = torch.ones_like(parts, dtype=torch.bool)
    inputs = Inputs(values, context, valid, torch.zeros(len(values), dtype=torch.int64, device=values.device))
    subject = replace(subject, last_layer=_last_layer(subject, inputs))
    if target is None:
        return subject, replace(inputs, target=subject.logits(inputs).argmax(dim=1))
    return subject, replace(inputs, target=torch.as_tensor(target, dtype=torch.int64, device=values.device))


def _last_layer(subject: Subject, inputs: Inputs) -> str | None:
    """Return the name of the layer with weights that starts last as the first of `inputs` runs through the network.

    Such a layer has a tensor of two or more dimensions of its own. The network as a whole does not count, nor does the
    embedding of a text, whose output is replaced.

    Raises:
        BenchError: if the network overwrites its input.
    """
    network: Any = subject.module.network
    excluded = [subject.module, network, network.get_input_embeddings() if subject.kind == "text" else None]
    one = inputs.at(slice(0, 1))
    before = one.values.clone()
    started: list[str] = []
    handles = [
        part.register_forward_pre_hook(lambda part, arguments, name=name: started.append(name))
        for name, part in subject.module.named_modules()
        if not any(part is module for module in excluded)
        and any(weight.ndim > 1 for weight in part.parameters(recurse=False))
    ]
    try:
        subject.logits(one)
    finally:
        for handle in handles:
            handle.remove()
    if not torch.equal(before, one.values) and bool(before.isfinite().all()):
        raise BenchError("attribution needs a network that does not change its input; this one overwrites it")
    return started[-1] if started else None


def _token_vectors(
    subject: Subject, inputs: Mapping[str, torch.Tensor], lengths: torch.Tensor | None
) -> tuple[Subject, torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
    network: Any = subject.module.network
    embedding = network.get_input_embeddings()
    if isinstance(subject.module, BagAdapter):
        if set(inputs) != {"tokens", "offsets"}:
            raise BenchError(
                f"an EmbeddingBag needs the inputs tokens and offsets; this network has {', '.join(inputs)}"
            )
        tokens, lengths = _padded_tokens(inputs["tokens"], inputs["offsets"])
        valid = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        values = torch.nn.functional.embedding(tokens, embedding.weight).detach() * valid[..., None]
        with torch.no_grad():
            whole, summed = network(**inputs).float(), subject.module(values, tokens, lengths).float()
        if not _equal_but_for_rounding(whole, summed):
            raise BenchError('attribution needs an EmbeddingBag with mode = "sum" and without weights of tokens')
        return subject, values, valid, (tokens, lengths)
    embedded, values, logits = _embedding_call(network, embedding, inputs)
    if any(tensor.ndim == 0 or len(tensor) != len(values) for tensor in inputs.values()):
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in inputs.items())
        raise BenchError(f"attribution needs inputs with a row for each of the {len(values)} texts; they are {shapes}")
    valid = _valid_tokens(inputs, values, embedded, getattr(embedding, "padding_idx", None), lengths)
    subject = replace(subject, module=TokenAdapter(network, tuple(inputs)))
    context = tuple(inputs.values())
    # The network ignores padding. With the value of the reference, padding gets no attribution.
    inside = values * valid[..., None]
    if not bool(valid.all()):
        with torch.no_grad():
            without_padding = subject.module(inside, *context).float()
        if not _equal_but_for_rounding(without_padding, logits):
            raise BenchError("attribution needs a network that ignores padding; the output of this one depends on it")
    return subject, inside, valid, context


def _equal_but_for_rounding(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Return whether logits are equal but for rounding."""
    tolerance = 1e-3 * max(1.0, float(second.abs().max()) if len(second) else 0.0)
    return torch.allclose(first, second, rtol=0.0, atol=tolerance if np.isfinite(tolerance) else 1e-3, equal_nan=True)


def _valid_tokens(
    inputs: Mapping[str, torch.Tensor], values: torch.Tensor, tokens: torch.Tensor | None, padding: int | None,
    lengths: torch.Tensor | None,
) -> torch.Tensor:  # fmt: skip
    """Return (k, L) bool: which of the vectors `values` (k, L, width) belong to a text.

    The first available one of these decides: the network's input `lengths` or `attention_mask`; the number that the
    embedding uses for `padding`, which ends or begins a row of `tokens`; the texts' `lengths` (k,) before padding.

    Raises:
        BenchError: if none of them is available.
    """
    shape = values.shape[:2]
    known = inputs.get("lengths")
    if known is None and (mask := inputs.get("attention_mask")) is not None and mask.shape == shape:
        return mask.bool()
    if known is None and padding is not None and tokens is not None and tokens.shape == shape:
        words = (tokens != padding).long()
        return (words.cumsum(1) > 0) & (words.flip(1).cumsum(1).flip(1) > 0)
    if known is None and lengths is not None and int(lengths.max()) == shape[1]:
        known = lengths.to(values.device)
    if known is None:
        raise BenchError(
            "attribution needs the end of each text: add the input `lengths` or `attention_mask` to the network, or "
            "padding_idx to its embedding"
        )
    return torch.arange(shape[1], device=values.device) < known[:, None]


def _embedding_call(
    network: nn.Module, embedding: nn.Module, inputs: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
    """Run the network on a batch; return the argument and the output of its embedding, and the network's logits."""
    tokens: list[Any] = []
    vectors: list[torch.Tensor] = []

    def note(module: nn.Module, arguments: tuple[Any, ...], outputs: torch.Tensor) -> None:
        tokens.append(arguments[0] if arguments else None)
        vectors.append(outputs.detach().float())

    handle = embedding.register_forward_hook(note)
    try:
        with torch.no_grad():
            logits: torch.Tensor = network(**inputs).float()
    finally:
        handle.remove()
    if len(vectors) != 1 or vectors[0].ndim != 3:
        raise BenchError(
            "attribution needs a network that calls its embedding once for all tokens of a batch, with an output "
            "(texts, tokens, width)"
        )
    return tokens[0], vectors[0], logits


def _padded_tokens(tokens: torch.Tensor, offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = offsets[1:] - offsets[:-1]
    inside = torch.arange(max(1, int(lengths.max())), device=tokens.device) < lengths[:, None]
    zeros = torch.zeros(inside.shape, dtype=torch.int64, device=tokens.device)
    return zeros.masked_scatter_(inside, tokens.long()), lengths


def _is_compiled(module: nn.Module) -> bool:
    """Return whether any part is compiled, without the import of PyTorch's compiler, which takes seconds."""
    return any(getattr(part, "_compiled_call_impl", None) is not None for part in module.modules())


@contextmanager
def explanation_mode(module: nn.Module) -> Iterator[None]:
    """Set evaluation mode, weights without gradients and no ReLU in place, and restore the network afterwards.

    No gradients of weights are needed, and a ReLU that overwrites its input hides it from DeepLift and guided
    backpropagation. A recurrent layer of cuDNN has no backward pass in evaluation mode, so PyTorch's own implementation
    runs instead. A compiled network runs uncompiled, since each hook and each shape would need another compilation.
    """
    weights = [(weight, weight.requires_grad) for weight in module.parameters()]
    in_place: list[Any] = [part for part in module.modules() if getattr(part, "inplace", False)]
    training = [(part, part.training) for part in module.modules()]
    cudnn = torch.backends.cudnn.enabled
    try:
        module.eval()
        for weight, _ in weights:
            weight.requires_grad_(False)
        for part in in_place:
            part.inplace = False
        torch.backends.cudnn.enabled = cudnn and not any(isinstance(part, nn.RNNBase) for part in module.modules())
        with torch.compiler.set_stance("force_eager") if _is_compiled(module) else nullcontext():
            yield
    finally:
        torch.backends.cudnn.enabled = cudnn
        for weight, requires_grad in weights:
            weight.requires_grad_(requires_grad)
        for part in in_place:
            part.inplace = True
        for part, mode in training:
            part.training = mode
