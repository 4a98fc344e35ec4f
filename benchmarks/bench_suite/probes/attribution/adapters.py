"""Subjects: a network seen as a function of numbers that have gradients, and its inputs in parts that people can read.

Pixels and columns are such numbers already. Of a text it is the vectors that the embedding gives its tokens: what is
attributed to them is what Captum calls a layer attribution, and every method serves texts too. The parts of an input
are the pixels of an image, the columns of a table, the tokens of a text: attributions are judged and shown by these.
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
from bench_suite.probes.attribution.baselines import Reference, image_reference, only, table_reference

Kind = Literal["image", "table", "text"]
Layers = Literal["last layer", "all layers"]


@dataclass(frozen=True)
class Inputs:
    """Some examples as a subject takes them."""

    values: torch.Tensor
    "(k, H, W, C) or (k, d) as `encode` and `collate` give them, or (k, L, width) vectors of tokens; float32."
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
    "(1, …): the input that says nothing, which others are compared with, on the scale of `Inputs.values`."
    last_layer: str | None = None
    "Name in `module` of the layer with weights that runs last; None where there is none, or no example has passed yet."

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

    def scrambled(self, layers: Layers, seed: int) -> Subject | None:
        """The same network with the weights of some layers shuffled, each tensor within itself.

        Shuffling keeps the distribution of a layer's weights and loses what was learnt. The last layer is the one with
        weights that runs last, wherever it stands in the network. None where there is none.
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
    """A network as a function of images (k, H, W, C) in floating point."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes)."""
        logits: torch.Tensor = self.network(image=values)
        return logits


class TableAdapter(nn.Module):
    """A network as a function of columns (k, d)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes)."""
        logits: torch.Tensor = self.network(table=values)
        return logits


class TokenAdapter(nn.Module):
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


class BagAdapter(nn.Module):
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

    The reference of images and tables is that of `references`; of a text it is vectors of zeros. Raises BenchError
    where there is no way to a gradient, or the network is not given what can be explained.
    """
    first = data.splits["train"].take(np.arange(1))
    if "image" in first:
        picture = image_reference(network, data, reference)
        return Subject("image", ImageAdapter(network.module), picture.to(device))
    if "table" in first:
        return Subject("table", TableAdapter(network.module), table_reference(network, data, reference).to(device))
    if "text" not in first:
        raise BenchError(f"explains image, table and text; these examples have {', '.join(first)}")
    module: Any = network.module
    if not hasattr(module, "get_input_embeddings"):
        raise BenchError("the network has no get_input_embeddings(), so a text's tokens have no vectors to explain")
    embedding = module.get_input_embeddings()
    if not isinstance(getattr(embedding, "weight", None), torch.Tensor):
        raise BenchError("attribution needs get_input_embeddings() to return a layer with a `weight`, a row a token")
    width = embedding.weight.shape[1]
    if isinstance(embedding, nn.EmbeddingBag):
        if not embedding.include_last_offset:
            raise BenchError("attribution needs of an EmbeddingBag include_last_offset = True")
        return Subject("text", BagAdapter(module), torch.zeros((1, 1, width), device=device))
    return Subject("text", TokenAdapter(module, ()), torch.zeros((1, 1, width), device=device))


def inputs_of(
    subject: Subject, batch: Batch, target: np.ndarray | None = None, lengths: torch.Tensor | None = None
) -> tuple[Subject, Inputs]:
    """The examples of a batch, and the subject that takes them.

    Arguments:
        target: (k,) classes to explain; without it, those that the network names here.
        lengths: (k,) tokens of each text before `collate` made them equally long, where that is known.

    Raises BenchError with the reason where the network is not given what can be explained.
    """
    context: tuple[torch.Tensor, ...] = ()
    if subject.kind == "text":
        subject, values, valid, context = _vectors(subject, batch.inputs, lengths)
    else:
        values = only(subject.kind, batch.inputs, tuple(subject.reference.shape[1:])).detach().float()
        parts = subject.parts(values)
        valid = torch.ones_like(parts, dtype=torch.bool)
    inputs = Inputs(values, context, valid, torch.zeros(len(values), dtype=torch.int64, device=values.device))
    subject = replace(subject, last_layer=_last_layer(subject, inputs))
    if target is None:
        return subject, replace(inputs, target=subject.logits(inputs).argmax(dim=1))
    return subject, replace(inputs, target=torch.as_tensor(target, dtype=torch.int64, device=values.device))


def _last_layer(subject: Subject, inputs: Inputs) -> str | None:
    """The name of the layer with weights that begins last, as the first of `inputs` passes through the network.

    Such a layer holds a tensor of two dimensions or more itself. None is the network as a whole, nor the embedding of a
    text, whose vectors are given here. Raises BenchError where the network overwrites its input.
    """
    network: Any = subject.module.network
    apart = [subject.module, network, network.get_input_embeddings() if subject.kind == "text" else None]
    one = inputs.at(slice(0, 1))
    before = one.values.clone()
    begun: list[str] = []
    handles = [
        part.register_forward_pre_hook(lambda part, given, name=name: begun.append(name))
        for name, part in subject.module.named_modules()
        if not any(part is each for each in apart) and any(weight.ndim > 1 for weight in part.parameters(recurse=False))
    ]
    try:
        subject.logits(one)
    finally:
        for handle in handles:
            handle.remove()
    if not torch.equal(before, one.values) and bool(before.isfinite().all()):
        raise BenchError("attribution needs a network that leaves its input as it is; this one overwrites it")
    return begun[-1] if begun else None


def _vectors(
    subject: Subject, given: Mapping[str, torch.Tensor], lengths: torch.Tensor | None
) -> tuple[Subject, torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
    network: Any = subject.module.network
    embedding = network.get_input_embeddings()
    if isinstance(subject.module, BagAdapter):
        if set(given) != {"tokens", "offsets"}:
            raise BenchError(
                f"attribution needs tokens and offsets for an EmbeddingBag; it is given {', '.join(given)}"
            )
        tokens, lengths = _side_by_side(given["tokens"], given["offsets"])
        valid = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
        values = torch.nn.functional.embedding(tokens, embedding.weight).detach() * valid[..., None]
        with torch.no_grad():
            whole, summed = network(**given).float(), subject.module(values, tokens, lengths).float()
        if not _alike(whole, summed):
            raise BenchError('attribution needs of an EmbeddingBag mode = "sum" and no weights of tokens')
        return subject, values, valid, (tokens, lengths)
    asked, values, logits = _embedded(network, embedding, given)
    if any(each.ndim == 0 or len(each) != len(values) for each in given.values()):
        shapes = ", ".join(f"{name} {tuple(each.shape)}" for name, each in given.items())
        raise BenchError(f"attribution needs inputs with a row for each of the {len(values)} texts; they are {shapes}")
    valid = _valid(given, values, asked, getattr(embedding, "padding_idx", None), lengths)
    subject = replace(subject, module=TokenAdapter(network, tuple(given)))
    context = tuple(given.values())
    # What stands outside of a text is ignored by the network; as in the reference it can bear no attribution.
    inside = values * valid[..., None]
    if not bool(valid.all()):
        with torch.no_grad():
            heeded = subject.module(inside, *context).float()
        if not _alike(heeded, logits):
            raise BenchError("attribution needs a network that ignores padding; the output of this one depends on it")
    return subject, inside, valid, context


def _alike(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether logits are the same but for rounding."""
    doubt = 1e-3 * max(1.0, float(second.abs().max()) if len(second) else 0.0)
    return torch.allclose(first, second, rtol=0.0, atol=doubt if np.isfinite(doubt) else 1e-3, equal_nan=True)


def _valid(
    given: Mapping[str, torch.Tensor], values: torch.Tensor, tokens: torch.Tensor | None, padding: int | None,
    lengths: torch.Tensor | None,
) -> torch.Tensor:  # fmt: skip
    """(k, L) bool: which of the vectors `values` (k, L, width) belong to a text, by the first of these that there is.

    The network is given `lengths` or `attention_mask`; its embedding has a number for `padding`, which ends or begins a
    row of `tokens`; `lengths` (k,) is known from before the texts were padded. Raises BenchError where there is none.
    """
    shape = values.shape[:2]
    known = given.get("lengths")
    if known is None and (mask := given.get("attention_mask")) is not None and mask.shape == shape:
        return mask.bool()
    if known is None and padding is not None and tokens is not None and tokens.shape == shape:
        words = (tokens != padding).long()
        return (words.cumsum(1) > 0) & (words.flip(1).cumsum(1).flip(1) > 0)
    if known is None and lengths is not None and int(lengths.max()) == shape[1]:
        known = lengths.to(values.device)
    if known is None:
        raise BenchError(
            "attribution needs to know where each text ends: give the network `lengths` or `attention_mask`, or its "
            "embedding a padding_idx"
        )
    return torch.arange(shape[1], device=values.device) < known[:, None]


def _embedded(
    network: nn.Module, embedding: nn.Module, given: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
    """What the embedding is asked of a batch by the network itself and what it answers, and the network's logits."""
    asked: list[Any] = []
    found: list[torch.Tensor] = []

    def note(module: nn.Module, inputs: tuple[Any, ...], outputs: torch.Tensor) -> None:
        asked.append(inputs[0] if inputs else None)
        found.append(outputs.detach().float())

    handle = embedding.register_forward_hook(note)
    try:
        with torch.no_grad():
            logits: torch.Tensor = network(**given).float()
    finally:
        handle.remove()
    if len(found) != 1 or found[0].ndim != 3:
        raise BenchError("the network asks its embedding not just once for each token, so their vectors are not known")
    return asked[0], found[0], logits


def _side_by_side(tokens: torch.Tensor, offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = offsets[1:] - offsets[:-1]
    kept = torch.arange(max(1, int(lengths.max())), device=tokens.device) < lengths[:, None]
    filled = torch.zeros(kept.shape, dtype=torch.int64, device=tokens.device)
    return filled.masked_scatter_(kept, tokens.long()), lengths


def _is_compiled(module: nn.Module) -> bool:
    """Whether any part of it is; asking costs nothing, and PyTorch's compiler takes seconds to import."""
    return any(getattr(part, "_compiled_call_impl", None) is not None for part in module.modules())


@contextmanager
def explainable(module: nn.Module) -> Iterator[None]:
    """Within it the network can be explained: in evaluation mode, its weights without gradients, no ReLU in place.

    Nobody asks for gradients of weights here, and a ReLU that overwrites its input hides it from DeepLift and guided
    backpropagation. A recurrent layer of cuDNN has no backward pass in evaluation mode, so there PyTorch's own runs.
    What was compiled runs as it was written: each hook and shape would be compiled anew. All is as before afterwards.
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
        for weight, wanted in weights:
            weight.requires_grad_(wanted)
        for part in in_place:
            part.inplace = True
        for part, mode in training:
            part.training = mode
