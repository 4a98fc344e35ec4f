"""What the families owe one another: the values and protocols that cross between them.

Arrays are NumPy, tensors are torch; neither is imported here. Only the standard library is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy as np
    import torch

    Array = np.ndarray
    Tensor = torch.Tensor

Kind = Literal["tasks", "problems", "models", "engines", "probes", "metrics", "executors", "importers", "exporters"]
Status = Literal["ok", "failed", "unavailable", "interrupted"]
Better = Literal["higher", "lower", "none"]
MetricKind = Literal["estimate", "exact", "single"]
"""What stands behind a metric's value, which decides how two runs are compared:

`estimate`  a sample of examples, seeds or processes; the metric has an interval or samples
`exact`     a count that does not vary between runs of the same cell, such as a model's parameters
`single`    one observation of something that varies, such as peak memory: only equal values can be compared
"""


# ── faults ──────────────────────────────────────────────────────────────────────────────────────


class BenchError(Exception):
    """A fault that is explained to the person at the keyboard, without a traceback."""

    exit_status = 2


class ComponentError(BenchError):
    """A component file that cannot be read, does not load, or holds an option or fact of a wrong form."""


class DataUnavailable(BenchError):
    """A data set that is not on this machine; `command` is what to paste to get it."""

    exit_status = 3

    def __init__(self, message: str, command: str | None = None) -> None:
        super().__init__(message if command is None else f"{message}\n  to get it: {command}")
        self.command = command


class DataInvalid(BenchError):
    """Data that are there and cannot be used: truncated, or with labels outside the classes."""

    exit_status = 3


class TrainingFailed(BenchError):
    """A training that cannot go on, such as a loss that is no longer a number."""

    exit_status = 3


# ── data ────────────────────────────────────────────────────────────────────────────────────────


class Split(Protocol):
    """Raw values of some examples: in memory, memory-mapped or on disk.

    A split on disk may offer `targets`, (n,), known without reading an example.
    """

    @property
    def ids(self) -> Array:
        """(n,) int64, of content and occurrence number: the same across seeds and machines."""

    @property
    def groups(self) -> Mapping[str, Array]:
        """Sensitive attributes by name, each (n,); not among the inputs unless the suite says so."""

    @property
    def in_memory(self) -> bool:
        """False where `take` reads from disk and the whole must never be held at once."""

    def __len__(self) -> int: ...

    def take(self, rows: Array) -> Mapping[str, Any]:
        """Inputs and `target` by name, of `rows` ((k,) int64 positions), in that order.

        By modality: `image` (k, H, W, C) uint8; `text` list of k str; `table` (k, d) float64, NaN where
        missing. `target`: (k,) int64 class numbers, (k,) float64, or what the problem says.
        """


@dataclass(frozen=True)
class Source:
    """Where a data set came from, and the proof of what it was."""

    origin: str
    "`package:NAME VERSION`, `folder:HUB-ID`, `hub:HUB-ID` or `generated`; never a machine's path."
    name: str
    "What reports call it: `mnist`, or for a sample its own name, `mnist-5k`."
    fingerprint: str
    "Hash of the content that was read and of how it was prepared."
    revision: str | None = None
    licence: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    "Facts worth a line in the record, such as the number of duplicates left out."


@dataclass(frozen=True)
class Data:
    """A data set prepared for one problem."""

    problem: str
    spec: Mapping[str, Any]
    "What the problem needs: `classes` (their names), `columns`, `shape`, units."
    splits: Mapping[str, Split]
    "`train`, `test`, perhaps `validation`, and each shift as `shift:NAME`."
    source: Source


# ── models ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Batch:
    """What a network is given at one step."""

    inputs: Mapping[str, Tensor]
    "Keyword arguments of the module's `forward`."
    targets: Any
    "What the problem's `loss` expects: mostly a tensor, one row an example."

    def to(self, device: str) -> Batch:
        """The same batch on `device`."""
        moved = {name: value.to(device, non_blocking=True) for name, value in self.inputs.items()}
        targets = self.targets
        return Batch(moved, targets.to(device, non_blocking=True) if hasattr(targets, "to") else targets)


@dataclass
class Network:
    """A torch module, and how it turns a task's raw values into batches."""

    module: torch.nn.Module
    "Called as `module(**batch.inputs)`; returns logits, or what the problem's `loss` expects."
    encode: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """Raw values of k rows (`Split.take`) to columns of k rows: arrays, or `Ragged` where lengths differ.
    Pure, and each row by itself, so that the harness may cache it, or call it on a few rows at a time."""
    collate: Callable[[Mapping[str, Any]], Batch]
    "Columns of the rows of one batch (tensors, `Ragged` of tensors) to a batch. Dynamic padding lives here."
    encoding: Hashable | None = None
    """What, besides the model's file and the data, decides the outcome of `encode`: its options as a tuple.
    With it the columns are cached on disk; None keeps them in memory only."""
    padded: str | None = None
    """The `Ragged` column whose rows `collate` pads to the longest of the batch: batches are then made of rows of like
    length. None where nothing is padded."""
    frozen: torch.nn.Module | None = None
    """A part that is never trained and runs within `encode`, so that its outcome is computed once. Its parameters and
    FLOPs count with those of `module`; `throughput/encoding` says what it costs."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    "Facts worth a line in the record, such as which weights it began with and where they came from."


@runtime_checkable
class Estimator(Protocol):
    """scikit-learn and its like: what has no gradients to give."""

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Learn from `data.splits["train"]`; choose, where there is a choice, on `validation`."""

    def predict(self, split: Split) -> Mapping[str, Array]:
        """`predictions` and perhaps `scores`, one row an example, as the problem's `predict` gives them."""


# ── training ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class TrainOptions:
    """How a model is trained, as `[train]` and a model's `train = {…}` state it.

    An engine's `ACCEPTS` names the fields that it honours. The class is read with `ast`, like a component's `Options`:
    literal defaults, help under each field. Precision and device are axes and not training options: see `Placement`.
    """

    epochs: int = 3
    "Passes over the training split; 0 evaluates without training."
    optimizer: Literal["sgd", "adamw", "muon"] = "adamw"
    """Update rule: stochastic gradient descent; Adam with decoupled weight decay; or Muon for the matrices and
    convolution kernels (as matrices, outputs × the rest) between the first and the last layer, and AdamW for the rest:
    embeddings, biases, norms (PyTorch 2.9 and later)."""
    learning_rate: float = 1e-3
    "Step size at its highest, after warm-up."
    batch_size: int = 64
    "Examples a step."
    weight_decay: float = 0.0
    "Decay of weights of two or more dimensions; biases and the scales of norms never decay."
    momentum: float = 0.9
    "Momentum of `sgd`; `adamw` and `muon` have their own and ignore it."
    nesterov: bool = False
    "Nesterov's variant of momentum, for `sgd`."
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    "Learning rate after warm-up: kept, or brought to zero at the last step along a line or half a cosine."
    warmup: float = 0.0
    "Fraction of all steps over which the learning rate rises from zero along a line."
    gradient_clip: float | None = None
    "Largest Euclidean norm of all gradients together; none leaves them as they are."
    label_smoothing: float = 0.0
    "Share of each target that is spread evenly over all classes; in training only."
    augment: tuple[Literal["flip", "shift", "cutout", "mixup"], ...] = ()
    """Changes of training images, drawn anew each step, on the device: mirrored, moved by up to an eighth, a square
    of a quarter of the side blanked, two images and their targets mixed."""
    patience: int | None = None
    "Stop after so many epochs without a lower validation loss, and keep the best epoch's weights."
    validation: float = 0.1
    "Fraction of the training split held out to choose on, where the task brings none; 0 trains on everything."
    target: Mapping[str, float] | None = None
    """A metric and the value to train to, such as `{ "quality/accuracy" = 0.97 }`: taken on validation after each
    epoch, and the training ends when it is reached. The probe `target` tells the time, epochs and samples it took."""
    checkpoint: str | None = None
    'How often a long training is saved, such as "10m", "90s" or "1h": a resume goes on from there after a kill.'
    keep: bool = True
    "Keep weights and history beside the run, so that a probe added later needs no new training."
    deterministic: bool = False
    "Only deterministic kernels: slower on a GPU, needed there for the same predictions bit for bit."


TRAIN_BOUNDS: Mapping[str, tuple[float | None, float | None]] = {
    "epochs": (0, None),
    "learning_rate": (0.0, None),
    "batch_size": (1, None),
    "weight_decay": (0.0, None),
    "momentum": (0.0, 1.0),
    "warmup": (0.0, 1.0),
    "gradient_clip": (0.0, None),
    "label_smoothing": (0.0, 0.99),
    "patience": (1, None),
    "validation": (0.0, 0.9),
}
"Least and greatest value of a training option."


@dataclass(frozen=True)
class Placement:
    """Where and how a cell computes."""

    device: str
    "`cpu`, `cuda` or `mps`: already resolved, never `auto`."
    threads: int
    precision: str
    "`32-true` or `bf16-mixed`: already resolved."
    deterministic: bool = False
    compiled: bool = False
    "Whether `torch.compile` translates the network."


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of training of 50 ms or longer: what is reported, instead of single steps."""

    step: int
    "Steps done when the window closed."
    samples: int
    "Samples seen within the window."
    seconds: float
    stalled: float
    "Seconds of the window spent waiting for data."
    loss: float
    "Loss of the last step, read once a window."


Report = Callable[[Window], bool]
"Progress, logs, deadline: called once a window; False asks the engine to stop."


class Checkpoints(Protocol):
    """Where an engine that accepts `checkpoint` saves a training in the middle, and finds it again after a kill.

    It is given to `train` as `checkpoints`, where the suite asks for it.
    """

    def save(self, content: bytes) -> None:
        """Keep this in the place of what was kept before: wholly, or not at all."""

    def load(self) -> bytes | None:
        """What was kept last; None where there is nothing, or it is of another training."""


@dataclass(frozen=True)
class History:
    """What happened in a training."""

    epochs: tuple[Mapping[str, float], ...] = ()
    "One mapping an epoch: `epoch`, `loss`, and, with a validation split, `validation_loss`."
    windows: tuple[Window, ...] = ()
    "Of the steady state, after warm-up."
    steps: int = 0
    samples: int = 0
    seconds: float = 0.0
    best_epoch: int | None = None
    "The epoch whose weights were kept, where early stopping chose."
    stopped: str | None = None
    "Why it ended before its last epoch; None where it did not."
    compile_seconds: float | None = None
    "Seconds that compiling took in all, which are in no window and not in `seconds`, where the network was compiled."
    target: Mapping[str, Any] | None = None
    """Where a target was set: `metric`, `wanted`, `reached`, and, if it was reached, `seconds`, `epochs` and `samples`
    of training up to then."""


@dataclass(frozen=True)
class Evaluation:
    """How predictions are made: the suite's `[evaluate]` table."""

    batch_size: int
    spec: Mapping[str, Any]
    "`Data.spec`."
    options: Any
    "The problem's `Options`."


class Problem(Protocol):
    """A module in `problems/`. `METRICS` names its default metrics.

    Optional functions: `fit_spec(spec, data)` returns what must be known of train before a model is built, to be added
    to `Data.spec`; `check_predictions(columns, spec)` raises ValueError where a model's answers cannot be used;
    `smoothed_loss(outputs, targets, spec, smoothing)` is the loss that `label_smoothing` asks for.
    """

    METRICS: Mapping[str, Mapping[str, Any]]

    def loss(self, outputs: Any, targets: Any, spec: Mapping[str, Any]) -> Tensor:
        """Mean loss over a batch, a scalar tensor; `outputs` is what the module returned."""

    def predict(self, network: Network, batch: Batch, evaluation: Evaluation) -> Mapping[str, Any]:
        """Arrays with one row an example: `predictions`, perhaps `scores` (n, classes) and `losses` (n,)."""


# ── measuring ───────────────────────────────────────────────────────────────────────────────────

Transform = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"A change of raw values, rows kept: a corruption, a swapped word."


@dataclass(frozen=True)
class Predictions:
    """What a trained model says of each example of a split."""

    split: str
    ids: Array
    "(n,) int64"
    columns: Mapping[str, Any]
    "`targets`, `predictions`, perhaps `scores` (n, classes): one row an example."
    groups: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]


@dataclass(frozen=True)
class Interval:
    """An interval that covers the true value in `level` of all cases, over what is named."""

    low: float
    high: float
    level: float = 0.95
    over: Literal["examples", "seeds", "processes"] = "examples"


@dataclass(frozen=True)
class Metric:
    """A number that a probe measured. An estimate without interval or samples needs a `reason`."""

    name: str
    "Of the probe's `METRICS`, without the probe's label."
    value: float | None
    reason: str | None = None
    "Why there is no value, or no interval; beside both, what else has to be known of it, such as of whom it is."
    at: Mapping[str, str | float] = field(default_factory=dict)
    'Coordinates, such as `{"group": "black"}`.'
    interval: Interval | None = None
    samples: tuple[float, ...] = ()
    n: int | None = None
    kind: MetricKind = "estimate"
    'Set "exact" for a count that does not vary between runs, and "single" for one observation of what does.'


ArtifactKind = Literal["lines", "bars", "matrix", "image", "text", "table"]


@dataclass(frozen=True)
class Artifact:
    """Something to look at. Reports draw it by its kind and know no probe by name.

    `data` by kind, plain lists and numbers (arrays are converted):
    `lines`  {"x": label, "y": label, "series": {name: [[x, y], …]}}; a point may be [x, y, low, high] with its
             interval; perhaps "logarithmic": ["x"]
    `bars`   {"y": label, "bars": {name: value}} with perhaps "intervals": {name: [low, high]}, of those without a value
             "reasons": {name: text}, and "signed": true for red bars above zero and blue ones below
    `matrix` {"rows": [name], "columns": [name], "values": [[…]], "x": label, "y": label}
    `image`  (H, W) or (H, W, 3) array: uint8, or float in 0..1
    `text`   a string, or a list of [token, weight] with weights in -1..1
    `table`  {"columns": [name], "rows": [[…]]}
    """

    name: str
    kind: ArtifactKind
    data: Any
    caption: str


class Trained(Protocol):
    """A trained cell: all that a probe may ask."""

    labels: Mapping[str, Any]
    "The cell's coordinates: `task`, `model`, `engine`, `precision`, `seed`, and each further axis by its name."
    options: Mapping[str, Mapping[str, Any]]
    "The cell's resolved options by family: `task`, `model`, `train`, `evaluate`."
    provides: tuple[str, ...]
    "What the model states that it provides, such as `gradients` or `convolutions`."
    data: Data
    problem: Problem
    history: History | None
    "None where nothing was trained (`epochs = 0`), or where an estimator says nothing of its fit."
    placement: Placement
    network: Network | None
    "None: there are no gradients to be had."
    meter: Any
    "What this probe's own `during` yielded; None where it has none."

    def predictions(self, split: str, change: Transform | None = None) -> Predictions:
        """Predictions on a split, computed once and stored; with `change`, on changed raw values, not stored."""

    def inference(self, split: str, rows: Array) -> Callable[[], Mapping[str, Any]]:
        """A call that predicts `rows` as one batch, everything before the model already done: for timing.

        Enter `training.precision.computing(place)` around the calls, so that they have the plan's threads.
        """

    def encoded(self, split: str) -> Any:
        """`data.encoded.Encoded` of a split, as the network is given it; only where `network` is there."""

    def without_model(self) -> Trained:
        """The same cell as it can be sent to another process, which may ask nothing of it but `retrain`."""

    def retrain(
        self, *, rows: Array | None = None, seed: int | None = None, train: Mapping[str, Any] | None = None
    ) -> Trained:
        """The same cell trained anew: on `rows` of the training split, from another seed, with other options."""


class Probe(Protocol):
    """A module in `probes/`; `during` and `summarise` may be absent."""

    METRICS: Mapping[str, Mapping[str, Any]]

    def probe(self, trained: Trained, options: Any) -> Iterator[Metric | Artifact]:
        """Measure one cell."""

    def during(self, placement: Placement, options: Any) -> AbstractContextManager[Any]:
        """Entered around the training."""

    def summarise(self, records: Sequence[Record], options: Any) -> Iterator[Metric | Artifact]:
        """Look over all records of a run. Imports no torch."""


# ── records ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class MetricRow:
    """A metric as a record holds it: with the probe's label before its name, unit and direction."""

    name: str
    "`probe/metric`"
    value: float | None
    unit: str
    better: Better
    reason: str | None = None
    at: Mapping[str, str | float] = field(default_factory=dict)
    interval: Interval | None = None
    samples: tuple[float, ...] = ()
    n: int | None = None
    ideal: float | None = None
    of_predictions: bool = False
    "Whether nothing but the stored predictions of the test split, and their groups, makes it."
    kind: MetricKind = "estimate"


@dataclass(frozen=True)
class ArtifactRow:
    """An artifact as a record holds it: where its file lies in the run's folder."""

    name: str
    "`probe/artifact`, or `predictions/SPLIT`."
    kind: str
    "An artifact's kind, or `predictions`."
    file: str
    caption: str = ""


@dataclass(frozen=True)
class ProbeRow:
    """How one probe ended in one cell."""

    status: Literal["ok", "failed", "not applicable", "skipped"]
    key: str
    "Hash of the probe's `use`, `VERSION` and options: done counts only under the same key."
    reason: str | None = None


@dataclass(frozen=True)
class Record:
    """What one cell produced: one line of `records/WRITER.jsonl`."""

    run: str
    suite: str
    id: str
    weights_key: str
    cell: Mapping[str, Any]
    "Labels and axes: `task`, `model`, `engine`, `precision`, `seed`, …"
    options: Mapping[str, Any]
    "All of them, resolved, by family: `task`, `model`, `train`, `evaluate`, `placement`."
    status: Status
    reason: str | None = None
    probes: Mapping[str, ProbeRow] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[MetricRow, ...] = ()
    artifacts: tuple[ArtifactRow, ...] = ()
    environment: str = ""
    started: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    "What a reader should know: weights reused, no validation split, `--trust` given."
    smoke: bool = False
    weights_reused: bool = False
    "Whether the cell was measured on weights that an earlier training of this run kept."
    shared_training: bool = False
    "Whether another cell of the unit trained for this one, so that `seconds` contain no training."
    machine_busy: bool = False
    "Whether the machine's load was above its number of cores when the run began."
    schema: int = 2
