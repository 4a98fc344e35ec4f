"""Subjects: a network seen as a function of numbers that have gradients, and its inputs in parts that people can read.

Pixels and columns are such numbers already. Of a text it is the vectors that the embedding gives its tokens: what is
attributed to them is what Captum calls a layer attribution, and every method serves texts too. The parts of an input
are the pixels of an image, the columns of a table, the tokens of a text: attributions are judged and shown by these.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import Batch, BenchError, Data, Network
from bench_suite.training.inputs import spread_rows

Kind = Literal["image", "table", "text"]
Reference = Literal["mean", "zero"]
Layers = Literal["last layer", "all layers"]


@dataclass(frozen=True)
class Inputs:
    """Some examples as a subject takes them."""

    values: torch.Tensor
    "(k, H, W, C) on the scale 0..255, (k, d) standardised, or (k, L, width) vectors of tokens; float32."
    context: tuple[torch.Tensor, ...]
    "What else the network is given, one row an example, such as the lengths of texts."
    valid: torch.Tensor
    "(k, parts) bool: False where a text has ended."
    target: torch.Tensor
    "(k,) int64, the class that is explained."

    def __len__(self) -> int:
        return len(self.values)

    def at(self, rows: slice) -> Inputs:
        """Only the examples at `rows`."""
        return Inputs(
            self.values[rows], tuple(each[rows] for each in self.context), self.valid[rows], self.target[rows]
        )

    def repeated(self, times: int) -> Inputs:
        """Each example `times` times, one after the other."""
        values, valid, target, *context = (
            each.repeat_interleave(times, dim=0) for each in (self.values, self.valid, self.target, *self.context)
        )
        return Inputs(values, tuple(context), valid, target)


@dataclass(frozen=True)
class Subject:
    """A network to explain. Of `Inputs.values` and `Inputs.context` its `module` makes logits (k, classes)."""

    kind: Kind
    module: nn.Module
    reference: torch.Tensor
    "(1, …): the input that says nothing, which others are compared with."

    def logits(self, inputs: Inputs) -> torch.Tensor:
        """(k, classes), without gradients."""
        with torch.no_grad():
            logits: torch.Tensor = self.module(inputs.values, *inputs.context).float()
        return logits

    def parts(self, elements: torch.Tensor) -> torch.Tensor:
        """(k, …) numbers an element of the input, to (k, parts): summed over channels, or a token's vector."""
        return elements if self.kind == "table" else elements.sum(dim=-1).flatten(start_dim=1)

    def elements(self, parts: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """(k, parts) to what broadcasts against inputs `like` (k, …): the same number for all elements of a part."""
        return parts if self.kind == "table" else parts.reshape(*like.shape[:-1], 1)

    def spread(self, inputs: Inputs) -> float:
        """Standard deviation of the inputs' numbers, of texts without what stands after their end."""
        values = inputs.values[inputs.valid] if self.kind == "text" else inputs.values
        return float(values.std(correction=0))

    def without(self, inputs: Inputs, gone: torch.Tensor) -> Inputs:
        """The inputs with the parts that `gone` (k, parts) bool marks as they are in the reference."""
        values = torch.where(self.elements(gone, inputs.values), self.reference, inputs.values)
        return replace(inputs, values=values)

    def scrambled(self, layers: Layers, seed: int) -> Subject:
        """The same network with the weights of some layers shuffled, each tensor within itself.

        Shuffling keeps the distribution of a layer's weights and loses what was learnt. The last layer is the last
        linear one.
        """
        module = copy.deepcopy(self.module)
        linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
        chosen = linear[-1] if layers == "last layer" and linear else module
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in chosen.parameters():
                flat = weight.detach().cpu().flatten()
                weight.copy_(flat[torch.randperm(len(flat), generator=random)].reshape(weight.shape))
        return replace(self, module=module)


class OfImages(nn.Module):
    """A network as a function of images (k, H, W, C) in floating point."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes)."""
        logits: torch.Tensor = self.network(image=values)
        return logits


class OfTables(nn.Module):
    """A network as a function of standardised columns (k, d)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes)."""
        logits: torch.Tensor = self.network(table=values)
        return logits


class OfVectors(nn.Module):
    """A network as a function of the vectors (k, L, width) that its embedding gives the tokens of texts."""

    def __init__(self, network: Any, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.names = names
        "Of the network's inputs, in the order of `context`."

    def forward(self, values: torch.Tensor, *context: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes); the embedding's own outcome is put aside for `values`."""
        with _replaced(self.network.get_input_embeddings(), values):
            logits: torch.Tensor = self.network(**dict(zip(self.names, context)))
        return logits


class OfBags(nn.Module):
    """The same of a network whose embedding sums over a text (`nn.EmbeddingBag`), texts laid side by side here."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: torch.Tensor, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes) of vectors (k, L, width) of tokens (k, L), `lengths` (k,) of which count."""
        inside = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        with _replaced(self.network.get_input_embeddings(), (values * inside[..., None]).sum(dim=1)):
            logits: torch.Tensor = self.network(tokens=tokens[inside].int(), offsets=offsets)
        return logits


@contextmanager
def _replaced(layer: nn.Module, outcome: torch.Tensor) -> Iterator[None]:
    handle = layer.register_forward_hook(lambda module, inputs, outputs: outcome)
    try:
        yield
    finally:
        handle.remove()


# ── from a trained network to its subject ───────────────────────────────────────────────────────


def subject_of(network: Network, data: Data, reference: Reference, device: str) -> Subject:
    """The subject of a network over images, tables or texts.

    The reference of an image is its training images' mean colour, or black; of a table the training means, or zeros of
    the raw columns; of a text vectors of zeros. Raises BenchError where there is no way to a gradient.
    """
    train = data.splits["train"]
    first = train.take(np.arange(1))
    if "image" in first:
        images = train.take(spread_rows(train, 512))["image"]
        colour = images.mean(axis=(0, 1, 2)) if reference == "mean" else np.zeros(images.shape[3])
        flat = np.broadcast_to(colour, (1, *images.shape[1:]))
        return Subject("image", OfImages(network.module), _tensor(flat, device))
    if "table" in first:
        row = np.zeros((1, first["table"].shape[1]))
        raw = {**first, "table": row}
        values = network.encode(raw)["table"] if reference == "zero" else row
        return Subject("table", OfTables(network.module), _tensor(values, device))
    if "text" not in first:
        raise BenchError(f"explains image, table and text; these examples have {', '.join(first)}")
    module: Any = network.module
    if not hasattr(module, "get_input_embeddings"):
        raise BenchError("the network has no get_input_embeddings(), so a text's tokens have no vectors to explain")
    embedding = module.get_input_embeddings()
    width = embedding.weight.shape[1]
    wrapped = OfBags(module) if isinstance(embedding, nn.EmbeddingBag) else OfVectors(module, ())
    return Subject("text", wrapped, torch.zeros((1, 1, width), device=device))


def inputs_of(subject: Subject, batch: Batch) -> tuple[Subject, Inputs]:
    """The examples of a batch, and the subject that takes them; what it predicts is what is explained."""
    context: tuple[torch.Tensor, ...] = ()
    if subject.kind == "text":
        subject, values, valid, context = _vectors(subject, batch.inputs)
    else:
        values = batch.inputs[subject.kind].detach().float()
        parts = subject.parts(values)
        valid = torch.ones_like(parts, dtype=torch.bool)
    inputs = Inputs(values, context, valid, torch.zeros(len(values), dtype=torch.int64, device=values.device))
    return subject, replace(inputs, target=subject.logits(inputs).argmax(dim=1))


def _vectors(
    subject: Subject, given: Mapping[str, torch.Tensor]
) -> tuple[Subject, torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
    network: Any = subject.module.network
    embedding = network.get_input_embeddings()
    if isinstance(subject.module, OfBags):
        tokens, lengths = _side_by_side(given["tokens"], given["offsets"])
        valid = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        values = torch.nn.functional.embedding(tokens, embedding.weight).detach() * valid[..., None]
        return subject, values, valid, (tokens, lengths)
    context = tuple(given.values())
    subject = replace(subject, module=OfVectors(network, tuple(given)))
    values = _embedded(network, embedding, given)
    if "lengths" in given:
        valid = torch.arange(values.shape[1], device=values.device) < given["lengths"][:, None]
    else:
        mask = given.get("attention_mask")
        valid = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device) if mask is None else mask.bool()
    # Whatever stands after a text's end is ignored by the network; as in the reference it can bear no attribution.
    return subject, values * valid[..., None], valid, context


def _embedded(network: nn.Module, embedding: nn.Module, given: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """What the embedding makes of a batch, as the network itself asks it."""
    found: list[torch.Tensor] = []
    handle = embedding.register_forward_hook(lambda module, inputs, outputs: found.append(outputs.detach().float()))
    try:
        with torch.no_grad():
            network(**given)
    finally:
        handle.remove()
    if len(found) != 1 or found[0].ndim != 3:
        raise BenchError("the network asks its embedding not just once for each token, so their vectors are not known")
    return found[0]


def _side_by_side(tokens: torch.Tensor, offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = offsets[1:] - offsets[:-1]
    kept = torch.arange(max(1, int(lengths.max())), device=tokens.device) < lengths[:, None]
    filled = torch.zeros(kept.shape, dtype=torch.int64, device=tokens.device)
    return filled.masked_scatter_(kept, tokens.long()), lengths


def _tensor(values: Any, device: str) -> torch.Tensor:
    return torch.tensor(np.array(values), dtype=torch.float32, device=device)


@contextmanager
def explainable(module: nn.Module) -> Iterator[None]:
    """Within it the network can be explained: in evaluation mode, its weights without gradients, no ReLU in place.

    Nobody asks for gradients of weights here, and a ReLU that overwrites its input hides it from DeepLift and guided
    backpropagation. A recurrent layer of cuDNN has no backward pass in evaluation mode, so there PyTorch's own runs.
    All is as before afterwards.
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
        yield
    finally:
        torch.backends.cudnn.enabled = cudnn
        for weight, wanted in weights:
            weight.requires_grad_(wanted)
        for part in in_place:
            part.inplace = True
        for part, mode in training:
            part.training = mode
