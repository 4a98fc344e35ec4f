"""Small networks, trained once a session, and the objects that a probe receives."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Data, Evaluation, Network, Placement, Predictions, Source, TrainOptions
from bench_suite.data.encoded import Encoded, encoded, stack
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, column
from bench_suite.engines import native
from bench_suite.probes.attribution.adapters import Inputs, Subject, explanation_mode, inputs_of, subject_of
from bench_suite.probes.attribution.expectations import SETTINGS
from bench_suite.problems import classification
from bench_suite.training.prediction import predict

PLACE = Placement("cpu", 1, "32-true")


@dataclass
class Taught:
    """A network and its data, with the parts of `contracts.Trained` that attributions need."""

    network: Network
    data: Data
    placement: Placement = PLACE
    cell: Any = field(default_factory=lambda: SimpleNamespace(model=SimpleNamespace(label="model")))
    _encoded: dict[str, Encoded] = field(default_factory=dict)

    def encoded(self, split: str) -> Encoded:
        if split not in self._encoded:
            self._encoded[split] = encoded(self.network, self.data.splits[split])
        return self._encoded[split]

    def predictions(self, split: str) -> Predictions:
        evaluation = Evaluation(
            256, self.data.spec, classification.Options() if hasattr(classification, "Options") else None
        )
        outputs = predict(self.network, classification, self.encoded(split), evaluation, PLACE)
        source = self.data.splits[split]
        return Predictions(split, source.ids, {"targets": column(source, "target"), **outputs})

    def subject(self, examples: int) -> tuple[Subject, Inputs]:
        """Return the first test examples as a subject; call it within `explanation_mode`."""
        subject = subject_of(self.network, self.data, "mean", "cpu")
        return inputs_of(subject, self.encoded("test").batch(self.network, torch.arange(examples)))


def teach(data: Data, model: str, model_options: Mapping[str, Any], train: Mapping[str, Any] | None = None) -> Taught:
    """Return a model built for `data`, and trained if `train` is given."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = importlib.import_module(f"bench_suite.models.{model}")
    taught = Taught(module.build(data, module.Options(**model_options)), data)
    if train:
        options = TrainOptions(**train)
        native.train(taught.network, data, classification, options, PLACE, lambda window: True, taught.encoded)
    return taught


def load(task: str, options: Mapping[str, Any]) -> Data:
    """Return a task's data as a cell receives them."""
    module = importlib.import_module(f"bench_suite.tasks.{task}")
    return prepare(module.load(module.Options(**options), Sources(offline=True)), 0.1)


_taught: dict[str, Taught] = {}


@pytest.fixture(scope="session")
def taught() -> Callable[[str], Taught]:
    """Return the network of a setting of `claims`, by its name."""

    def once(name: str) -> Taught:
        if name not in _taught:
            setting = SETTINGS[name]
            data = load(setting.task, setting.task_options)
            _taught[name] = teach(data, setting.model, setting.model_options, setting.train)
        return _taught[name]

    return once


@pytest.fixture
def untaught() -> Callable[..., Taught]:
    """Return `(data, model, model_options) -> Taught`, with initial weights."""
    return lambda data, model, options: teach(data, model, options)


@pytest.fixture
def explained() -> Iterator[Callable[[Taught, int], tuple[Subject, Inputs]]]:
    """Return `(taught, examples) -> (subject, inputs)`, in explanation mode during the test."""
    open_: list[Any] = []

    def enter(taught: Taught, examples: int) -> tuple[Subject, Inputs]:
        context = explanation_mode(taught.network.module)
        context.__enter__()
        open_.append(context)
        return taught.subject(examples)

    yield enter
    for context in reversed(open_):
        context.__exit__(None, None, None)


@pytest.fixture
def table_cell() -> Callable[..., Any]:
    """Return `(module, values, names) -> cell`: the probe's input for a network of an unchanged table."""

    def build(module: torch.nn.Module, values: np.ndarray, names: tuple[str, ...] = ()) -> Any:
        torch.set_num_threads(1)
        target = np.arange(len(values)) % 2
        split = MemorySplit(np.arange(len(values)), {"table": values.astype("float32"), "target": target})
        spec = {"classes": ("no", "yes"), **({"columns": names} if names else {})}
        data = Data("classification", spec, {"train": split, "test": split}, Source("generated", "table", "0"))
        taught = Taught(Network(module, lambda raw: {"table": raw["table"]}, stack), data)
        return SimpleNamespace(
            network=taught.network, data=data, placement=PLACE, encoded=taught.encoded,
            predictions=taught.predictions, provides=("gradients", "rectifiers"),
        )  # fmt: skip

    return build
