"""The values and protocols that families of components exchange.

Arrays are NumPy arrays and tensors are PyTorch tensors; neither library is imported here, only the standard library.
In shapes, `n` is the number of examples of a split, `k` the number of rows asked for, `d` the number of columns.
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
"The families of components; each is a folder of the package."
Status = Literal["ok", "failed", "unavailable", "interrupted"]
"How a cell ended."
ProbeStatus = Literal["ok", "failed", "not applicable", "skipped"]
"How a probe ended in a cell."
Better = Literal["higher", "lower", "none"]
"Which values of a metric are better."
MetricKind = Literal["estimate", "exact", "single"]
"""How a metric's value came about, which decides how two runs are compared:

`estimate`  computed from a sample of examples, seeds or processes; the metric has an interval or samples
`exact`     a count that does not vary between runs of the same cell, such as a model's parameters
`single`    one observation of something that varies, such as peak memory: only equal values can be compared
"""
Question = Literal["quality", "generalisation", "cost", "groups", "explanation", "privacy", "training"]
"""The question that a probe answers, as its fact `QUESTION` states it; the page of a report has a section for each."""
MetricMark = Literal["throttled", "unsteady"]
"""What makes a time or a rate doubtful:

`throttled`  something held the clock of the device down, such as heat or a power cap
`unsteady`   the rate had not become steady when the measurement ended
"""


# ── errors ──────────────────────────────────────────────────────────────────────────────────────


class BenchError(Exception):
    """An error that is explained to the user without a traceback."""

    exit_status = 2
    "Exit status of the command that the error ends."


class ComponentError(BenchError):
    """A component that cannot be read or imported, or that has an invalid option or fact."""


class OptionError(ValueError):
    """An option that cannot be right, for a component's `check` to raise: the message is shown at the key's line."""

    def __init__(self, message: str, *key: str) -> None:
        """Build the message.

        Args:
            message: what is wrong.
            key: the option, and within a table the key: `"split", "by"`.
        """
        super().__init__(message)
        self.key = key


class DataUnavailable(BenchError):
    """A data set that is not on this machine."""

    exit_status = 3

    def __init__(self, message: str, command: str | None = None) -> None:
        """Build the message.

        Args:
            message: what is missing.
            command: the command that gets it, to be pasted; None if there is none.
        """
        super().__init__(message if command is None else f"{message}\n  to get it: {command}")
        self.command = command


class DataInvalid(BenchError):
    """Data that are present but cannot be used: truncated, or with labels outside the classes."""

    exit_status = 3


class TrainingFailed(BenchError):
    """A training that cannot continue, such as one whose loss is not a finite number."""

    exit_status = 3


def describe_error(error: BaseException) -> str:
    """Return the type and the message of any error, also of one whose `__str__` or class name raises."""
    try:
        name = str.__str__(type.__dict__["__name__"].__get__(type(error)))  # not `__name__` of a metaclass
    except Exception:  # noqa: BLE001 - the class of the error is foreign code
        name = "error"
    text = error_text(error)
    return f"{name}: {text}" if text else name


def error_text(error: BaseException) -> str:
    """Return the message of any error, without space around it; a message that cannot be read is replaced."""
    try:
        return str.__str__(str(error)).strip()  # a plain string, also if `__str__` returned a subclass
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - `__str__` of the error is foreign code
        return "an error whose message cannot be read"


# ── data ────────────────────────────────────────────────────────────────────────────────────────


class Split(Protocol):
    """The raw values of some examples: in memory, memory-mapped or on disk.

    A split on disk may have an attribute `targets`, (n,), which is known without reading an example.
    """

    @property
    def ids(self) -> Array:
        """Identities of the examples, (n,) int64, equal across seeds and machines.

        An id is computed from the example's content and from how often the same content occurred before it.
        """

    @property
    def groups(self) -> Mapping[str, Array]:
        """Sensitive attributes by name, each (n,). They are inputs of the model only if the suite says so."""

    @property
    def in_memory(self) -> bool:
        """Whether the values are in memory; if False, `take` reads from disk and nobody may hold all rows at once."""

    def __len__(self) -> int: ...

    def take(self, rows: Array) -> Mapping[str, Any]:
        """Return the inputs and the target of some rows, in the order of `rows`.

        Args:
            rows: (k,) int64, positions in the split.

        Returns:
            Columns by name. By modality: `image`, (k, H, W, C) uint8; `text`, list of k str; `table`, (k, d) float64
            with NaN for missing values. `target` is (k,) int64 class numbers, (k,) float64, or what the problem needs.
        """


@dataclass(frozen=True)
class Source:
    """The origin of a data set, and a fingerprint of what was read."""

    origin: str
    "`package:NAME VERSION`, `folder:HUB-ID`, `hub:HUB-ID` or `generated`; never a path of one machine."
    name: str
    "The name in reports, such as `mnist`; a sample has a name of its own, such as `mnist-5k`."
    fingerprint: str
    "Hash of the content that was read and of how it was prepared."
    revision: str | None = None
    "Revision of the data set on the hub; None if there is none."
    licence: str | None = None
    "Licence of the data set; None if it is not known."
    notes: Mapping[str, Any] = field(default_factory=dict)
    "Facts that belong in the record, such as the number of duplicates that were left out."
    prominent: tuple[str, ...] = ()
    """Keys of those `notes` that change what a number means, such as a test split that was drawn: the terminal shows
    them before the training, and the report at its top."""
    preparation: tuple[str | int | float, ...] = ()
    "What decides the values that a split returns besides its examples, such as the size of images on disk."
    fingerprints: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of each split `examples`, a hash that is the same in any order, and `order`: the program adds them. Empty if they
    are not known, so that only `fingerprint` distinguishes data sets."""
    folds: Mapping[str, Any] = field(default_factory=dict)
    """If the examples are split into folds: `fold` (the one that is tested on), `folds`, `repeats`, `examples` (their
    number in all folds), and `fingerprint`, a hash of all examples that the folds share."""


@dataclass(frozen=True)
class Data:
    """A data set that is prepared for one problem."""

    problem: str
    "Name of the problem, such as `classification`."
    spec: Mapping[str, Any]
    """What the problem needs to know: `classes` (their names), `columns`, `shape`, `unit` (of the target). Also
    `vocabulary`, the number of different tokens, if the texts consist of token numbers. For the readers of a table,
    `raw_columns`, `kinds` and `units`, as `data.table_inputs.table_inputs` describes them."""
    splits: Mapping[str, Split]
    "`train`, `test`, perhaps `validation`, and each shifted test split as `shift:NAME`."
    source: Source
    "Where the data came from."
    duplicates: Literal["keep", "drop", "refuse", "ask"] | None = None
    """What to do with train examples whose inputs a tested split has too. None: drop them, except from tables, where
    equal rows are usual. `ask`: the same, but refuse to drop more than a twentieth of train."""


# ── findings ────────────────────────────────────────────────────────────────────────────────────

Severity = Literal["error", "warning", "note"]
"""How much a finding matters: `error`, a number is not what it seems; `warning`, it may not be; `note`, a remark."""

FINDING_CODES: Mapping[str, str] = {
    "D001": "examples that two splits share",
    "D002": "the same input with different labels",
    "D003": "a column that alone predicts the target",
    "D004": "a column that is an identifier",
    "D005": "constant or empty inputs",
    "D006": "train and test differ",
    "D007": "classes or categories that train lacks",
    "D008": "labels that held-out predictions contradict",
    "D009": "a trivial baseline that matches the best model",
    "D010": "groups too small to judge",
    "D011": "a model that scores like chance",
    "D012": "a train score far above the test score",
}
"Titles of the findings by code."


@dataclass(frozen=True)
class Evidence:
    """The examples of one split that a finding is about."""

    split: str
    "Name of the split."
    count: int
    "Number of these examples."
    rows: tuple[int, ...] = ()
    "Positions in the split as the task returns it, from 0: the first ones, or the clearest ones first."
    ids: tuple[int, ...] = ()
    "`Split.ids` of `rows`."


@dataclass(frozen=True)
class Finding:
    """A problem of data or of a result."""

    code: str
    "A key of `FINDING_CODES`."
    severity: Severity
    "How much it matters."
    task: str
    "Label of the task."
    summary: str
    "One sentence for the reader, without the task's label. Programs never read it."
    mend: str
    "The line of the suite that mends it, or a sentence on what to do if no line can. Programs never read it."
    subject: str = ""
    "The column, attribute, pair of splits or model that it is about, such as `age`, `train/test`; of several, all."
    values: Mapping[str, float] = field(default_factory=dict)
    "The numbers behind it, such as `auc`, `low` and `high`."
    evidence: tuple[Evidence, ...] = ()
    "The examples that show it, by split; empty if it is about a whole column, split or model."
    subjects: tuple[str, ...] = ()
    """If it is about several columns, attributes or models: each of them, and `subject` names all. A task has one
    finding of a kind with one advice: advice on each of them by itself would contradict the others."""


# ── models ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Batch:
    """The inputs and targets of one step."""

    inputs: Mapping[str, Tensor]
    "Keyword arguments of the module's `forward`."
    targets: Any
    "What the problem's `loss` needs: usually a tensor with one row for each example."

    def to(self, device: str) -> Batch:
        """Return the same batch on `device`."""
        moved = {name: value.to(device, non_blocking=True) for name, value in self.inputs.items()}
        targets = self.targets
        return Batch(moved, targets.to(device, non_blocking=True) if hasattr(targets, "to") else targets)


@dataclass
class Network:
    """A PyTorch module, and how a task's raw values become its batches."""

    module: torch.nn.Module
    "Called as `module(**batch.inputs)`; returns logits, or whatever the problem's `loss` needs."
    encode: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """Turns the raw values of k rows (`Split.take`) into columns of k rows: arrays, or `Ragged` if lengths differ.
    It must be a pure function that treats each row by itself: its result may be cached, and it may be called on a few
    rows at a time."""
    collate: Callable[[Mapping[str, Any]], Batch]
    "Turns the columns of one batch (tensors, or `Ragged` of tensors) into a `Batch`. Dynamic padding happens here."
    encoding: Hashable | None = None
    """Everything besides the model's file and the data that decides the result of `encode`, such as its options as a
    tuple. If it is set, the encoded columns are cached on disk; None keeps them in memory only."""
    padded: str | None = None
    """Name of the `Ragged` column whose rows `collate` pads to the longest row of the batch. Batches then contain rows
    of similar length. None if nothing is padded."""
    frozen: torch.nn.Module | None = None
    """A part that is never trained and runs within `encode`, so that its result is computed once. Its parameters and
    FLOPs are added to those of `module`; `throughput/encoding` reports its speed."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    "Facts that belong in the record, such as the pretrained weights and their origin."
    loss: Callable[..., Tensor] | None = None
    """The function `loss` of the model's file, with `options` bound; None: engines minimise the problem's loss. The
    program sets it after `build`. It is called with keyword arguments: `outputs` and `targets`, and those of `inputs`,
    `spec`, `weights` and `smoothing` that it names."""
    augment: Callable[..., Batch] | None = None
    """The function `augment` of the model's file, with `options` bound, which changes a batch of a training; None:
    batches stay as they are. The program sets it after `build`. It is called with `batch` and `generator`."""
    untrained: str | None = None
    """The part of a pretrained network that begins at random and has to be trained, in words, such as `the head`; with
    `epochs = 0` such a network is an error."""


@runtime_checkable
class Estimator(Protocol):
    """A model without gradients, such as one of scikit-learn."""

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Learn from `data.splits["train"]`; use `validation` if there is something to choose.

        Args:
            data: the splits.
            options: training options; those in the model's `ACCEPTS` are honoured.
            report: called with the progress, if there is any to report.
        """

    def predict(self, split: Split) -> Mapping[str, Array]:
        """Return `predictions`, and optionally `scores`, with one row for each example, as `Problem.predict` does.

        For a regression, `lower`, `upper` and `level`, (n,) each, may state prediction intervals: their ends, and the
        share of targets that they are meant to contain.
        """


# ── training ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class TrainOptions:
    """How a model is trained, as `[train]` and a model's `train = {…}` state it.

    An engine's `ACCEPTS` names the fields that it honours. The class is read with `ast`, like a component's `Options`:
    literal defaults, and a help text under each field. Precision and device are axes, not options: see `Placement`.
    """

    epochs: int = 3
    "Number of passes over the training split; 0 evaluates without training."
    optimizer: Literal["sgd", "adamw", "muon"] = "adamw"
    """Update rule. `sgd` is stochastic gradient descent; `adamw` is Adam with decoupled weight decay. `muon` uses Muon
    for the matrices and convolution kernels (as matrices: outputs × the rest) between the first and the last layer, and
    AdamW for embeddings, biases, norms and those two layers (needs PyTorch 2.9 or later)."""
    learning_rate: float = 1e-3
    "Highest learning rate, reached after the warm-up."
    batch_size: int = 64
    "Number of examples in a step."
    weight_decay: float = 0.0
    "Decay of weights with two or more dimensions; biases and the scales of norms never decay."
    momentum: float = 0.9
    "Momentum of `sgd`; `adamw` and `muon` have their own and ignore it."
    nesterov: bool = False
    "Use Nesterov momentum with `sgd`."
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    "Learning rate after the warm-up: constant, or decreasing to zero at the last step, linearly or as half a cosine."
    warmup: float = 0.0
    "Fraction of all steps during which the learning rate rises linearly from zero."
    gradient_clip: float | None = None
    "Largest Euclidean norm of all gradients together; none does not clip."
    label_smoothing: float = 0.0
    "Share of each target that is spread evenly over all classes; in training only."
    augment: tuple[Literal["flip", "shift", "cutout", "mixup"], ...] = ()
    """Random changes of training images, drawn anew in each step: `flip` mirrors an image; `shift` moves it by up to an
    eighth of its side; `cutout` blanks a square of a quarter of its side; `mixup` mixes two images and their
    targets."""
    class_weights: Literal["none", "balanced"] | Mapping[str, float] = "none"
    """Weight of each class in the training loss: `balanced` weights a class with c of n examples by n / (k c), for k
    classes; a table states the weight of every class by name, such as `{ yes = 5.0, no = 1.0 }`. Only the ratios of the
    weights count. Evaluation has no weights."""
    sampler: Literal["shuffled", "balanced"] = "shuffled"
    """Which training examples an epoch contains: `shuffled` takes each one once; `balanced` draws as many, with
    replacement, and equally many from each class."""
    patience: int | None = None
    "Stop after this many epochs without a lower validation loss, and keep the best epoch's weights."
    validation: float = 0.1
    "Fraction of the training split that is held out for validation, if the task has no validation split; 0 for none."
    target: Mapping[str, float] | None = None
    """A metric and the value to train to, such as `{ "quality/accuracy" = 0.97 }`. The metric is computed on the
    validation split after each epoch, and the training ends when the value is reached. The probe `target` reports the
    time, epochs and samples that it took."""
    checkpoint: str | None = None
    'How often a long training is saved, such as "10m", "90s" or "1h"; after a kill, a resume continues from there.'
    keep: bool = True
    "Keep weights and history beside the run, so that a probe that is added later needs no new training."
    deterministic: bool = False
    "Use deterministic kernels only: slower on a GPU, where the same predictions bit for bit need it."
    privacy: Mapping[str, float] | None = None
    """Train with differential privacy (DP-SGD): `epsilon` and `delta` of the guarantee, and optionally `clipping_norm`,
    the largest norm of one example's gradient, such as `{ epsilon = 3.0, delta = 1e-5 }`. Needs the extra `privacy`."""


PRIVACY_KEYS = ("epsilon", "delta", "clipping_norm")
"Keys of the training option `privacy`; the first two are required."
CLIPPING_NORM = 1.0
"The clipping norm of a private training that states none."

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
"Smallest and largest value of each training option, both included; None is no bound."


ANY_DEVICE = "any"
"The word in an engine's `DEVICES` that stands for every kind of device."


CUDA_GRAPHS = "cudagraphs"
"The value of the axis `compile` that records CUDA graphs without a compiler."
COMPILE_MODES = ("reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs", CUDA_GRAPHS)
"""Values of the axis `compile` beside true, which is the default mode of `torch.compile`, and false.

All but the last are other modes; the first two record CUDA graphs too, on a CUDA device."""


@dataclass(frozen=True)
class Placement:
    """Where and how a cell computes."""

    device: str
    "Kind of the device, as PyTorch names it: `cpu`, `cuda`, `mps`, …: already resolved, never `auto`."
    threads: int
    "Number of CPU threads."
    precision: str
    "`32-true` or `bf16-mixed`: already resolved, never `auto`."
    deterministic: bool = False
    "Whether only deterministic kernels are used."
    compiled: bool | str = False
    "Whether `torch.compile` compiles the network, or in which of `COMPILE_MODES`."
    devices: int = 1
    "Number of devices that train the network together, each with a process of its own."
    strategy: str = "ddp"
    "How they share the training: `ddp` (all have the whole network) or `fsdp` (each has a part of the weights)."
    rank: int = 0
    "Which of these processes this one is; the one that runs the cell is 0."


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of training of at least 50 ms, which is reported instead of single steps."""

    step: int
    "Number of steps done when the window closed, counted from the start of the training."
    samples: int
    "Number of samples within the window."
    seconds: float
    "Length of the window in seconds."
    stalled: float
    "Seconds of the window that were spent waiting for data."
    loss: float
    "Loss of the window's last step: it is read once a window."
    learning_rate: float | None = None
    "Learning rate of the window's last step, of the first group of parameters; None if the engine does not report it."


Report = Callable[[Window], bool]
"""Called with each window, for progress, logs and deadlines; if it returns False, the engine stops. If it has a method
`epoch`, the engine calls that with each row of `History.epochs` when the epoch has ended."""


class Checkpoints(Protocol):
    """The place where an engine saves an unfinished training, and finds it again after a kill.

    It is passed to `train` as `checkpoints` if the engine's `ACCEPTS` names `checkpoint` and the suite sets it.
    """

    def save(self, content: bytes) -> None:
        """Replace what was saved before with `content`, completely or not at all."""

    def load(self) -> bytes | None:
        """Return what was saved last; None if there is nothing, or if it belongs to another training."""


@dataclass(frozen=True)
class PrivacySpent:
    """The guarantee of a training with differential privacy, for adding or removing one training example."""

    epsilon: float
    "Upper bound of ε after the steps that were taken, by the conversion of Balle et al. 2020, arXiv 1905.09982."
    epsilon_classical: float
    "The same Rényi divergences by the classical conversion of Mironov 2017, arXiv 1702.07476: a larger bound."
    delta: float
    "The δ of both bounds."
    noise_multiplier: float
    "Standard deviation of the noise of a step, in units of the clipping norm."
    clipping_norm: float
    "Largest Euclidean norm of the gradient of one example."
    sample_rate: float
    "Probability with which each example is in a step."
    steps: int
    "Number of steps taken."
    accountant: str = "RDP"
    "How the steps were composed: `RDP`, Rényi divergences of the subsampled Gaussian mechanism."


@dataclass(frozen=True)
class History:
    """What happened during a training."""

    epochs: tuple[Mapping[str, float], ...] = ()
    """One mapping for each epoch: `epoch`, from 1; `loss`, the mean over the training examples; `learning_rate`, that
    of its last step; with a validation split `validation_loss`, and with a target `validation_METRIC`."""
    windows: tuple[Window, ...] = ()
    "Windows of the steady state: those after the warm-up."
    steps: int = 0
    "Number of optimizer steps."
    samples: int = 0
    "Number of samples seen, over all epochs."
    seconds: float = 0.0
    "Seconds of training, without validation, reports and compiling."
    best_epoch: int | None = None
    "The epoch whose weights were kept by early stopping; None without early stopping."
    stopped: str | None = None
    "Why the training ended before its last epoch; None if it did not."
    compile_seconds: float | None = None
    "Seconds of compiling, which are in no window and not in `seconds`; None if the network was not compiled."
    target: Mapping[str, Any] | None = None
    """With a training target: `metric`, `wanted`, `reached`, `best` (the best value seen) and, if it was reached, the
    `seconds`, `epochs` and `samples` of training up to then. None without a target."""
    loss_of: Literal["problem", "model"] = "problem"
    """Whose loss the `loss` of epochs and windows is: the problem's, or the model's own. It has class weights and
    smoothed labels if the options say so; `validation_loss` is always the problem's, without either."""
    first_step_seconds: float | None = None
    """Seconds until the end of the first step, from when the engine began to load: with the import of its libraries
    if this process had not done it, and its setup. None if the engine does not report it, or after a resume."""
    privacy: PrivacySpent | None = None
    "The guarantee of a training with the option `privacy`; None without it."


@dataclass(frozen=True)
class Evaluation:
    """How predictions are made: the suite's `[evaluate]` table."""

    batch_size: int
    "Number of examples in a batch."
    spec: Mapping[str, Any]
    "`Data.spec`."
    options: Any
    "The problem's `Options`; None if it has none."


@dataclass(frozen=True)
class Threshold:
    """The least score of the positive class with which an example is predicted to be of that class."""

    value: float
    "The threshold."
    rule: str | None = None
    "The metric that the threshold maximises on the validation split; None if the suite states the threshold itself."
    score: float | None = None
    "Value of that metric on the validation split at the threshold."
    n: int | None = None
    "Number of validation examples."


class Problem(Protocol):
    """A module in `problems/`.

    Optional functions:

    - `fit_spec(spec, data)` returns what must be known of the training split before a model is built; it is added to
      `Data.spec`.
    - `check_outputs(outputs, spec)` raises BenchError if a module returned another type or shape than the problem
      needs; engines call it before the first step.
    - `check_predictions(columns, spec)` raises ValueError if a model's predictions cannot be used.
    - `smoothed_loss(outputs, targets, spec, smoothing)` returns the loss with `label_smoothing`.
    - `threshold(options, spec, validation)` returns the `Threshold` of a cell, or None if the options state none;
      `validation()` returns targets and predictions of the validation split by column, without a threshold. It raises
      BenchError if there can be no threshold.
    - `predictions_at(columns, spec, threshold)` returns the columns with the predictions at a threshold.
    - `weighted_loss(outputs, targets, spec, weights, smoothing)` returns the loss with `class_weights`: the mean over
      the batch of each example's loss times the weight of its class.
    """

    METRICS: Mapping[str, Mapping[str, Any]]
    """The problem's default metrics by name, each with `unit` and `better`. One with `classes`, such as 2, is reported
    only for data with that number of classes."""

    def loss(self, outputs: Any, targets: Any, spec: Mapping[str, Any]) -> Tensor:
        """Return the mean loss over a batch, a scalar tensor.

        Args:
            outputs: what the module returned.
            targets: `Batch.targets`.
            spec: `Data.spec`.
        """

    def predict(self, network: Network, batch: Batch, evaluation: Evaluation) -> Mapping[str, Any]:
        """Return arrays with one row for each example: `predictions`, optionally `scores` (k, classes), `losses` (k,).

        Args:
            network: the trained network.
            batch: a batch of k examples, on the network's device.
            evaluation: how to predict.
        """


# ── measuring ───────────────────────────────────────────────────────────────────────────────────

Transform = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"Changes raw values (`Split.take`) and keeps their rows: a corruption, or a replaced word."


@dataclass(frozen=True)
class Predictions:
    """The predictions of a trained model for a split."""

    split: str
    "Name of the split."
    ids: Array
    "`Split.ids`, (n,) int64."
    columns: Mapping[str, Any]
    "`targets`, `predictions` and perhaps `scores`, (n, classes) float32: one row for each example."
    groups: Mapping[str, Array] = field(default_factory=dict)
    "`Split.groups`: sensitive attributes by name, each (n,)."
    rounded_scores: bool = False
    "Whether `scores` have three digits only, since they were read from an older file, which stores float16."

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]


@dataclass(frozen=True)
class Interval:
    """A confidence interval: in repeated experiments, a fraction `level` of such intervals contains the true value."""

    low: float
    "Lower end, in the metric's unit."
    high: float
    "Upper end, in the metric's unit."
    level: float = 0.95
    "Confidence level, between 0 and 1."
    over: Literal["examples", "clusters", "seeds", "processes", "folds"] = "examples"
    "What varies between the repetitions."


@dataclass(frozen=True)
class Metric:
    """A number that a probe measured. An estimate without interval or samples needs a `reason`."""

    name: str
    "A name in the probe's `METRICS`, without the probe's label."
    value: float | None
    "The value, in the unit that `METRICS` states; None if it could not be measured."
    reason: str | None = None
    "Why there is no value or no interval; with both, a remark for the reader. Programs never read it."
    at: Mapping[str, str | float] = field(default_factory=dict)
    'Coordinates of the value, such as `{"group": "black"}`.'
    interval: Interval | None = None
    "Uncertainty of the value."
    samples: tuple[float, ...] = ()
    "Repeated measurements that the value summarises, in the metric's unit."
    n: int | None = None
    "Number of examples, or other units, that the value is computed from."
    kind: MetricKind = "estimate"
    'Set "exact" for a count that does not vary between runs, and "single" for one observation of something that does.'
    marks: Mapping[MetricMark, str] = field(default_factory=dict)
    """What makes a time or a rate doubtful, by kind, with a few words for the reader: `{"throttled": "power cap"}`.
    Reports count such cells on their first screen."""


ArtifactKind = Literal["lines", "bars", "matrix", "image", "text", "table", "examples"]
"The kinds of artifacts that reports can draw."


@dataclass(frozen=True)
class Artifact:
    """A chart, image, text or table. Reports draw it by its kind and know no probe by name.

    `data` has plain lists and numbers, or arrays, which are converted. By kind:

    `lines`  {"x": label, "y": label, "series": {name: [[x, y], …]}}; a point may be [x, y, low, high] with its
             interval; optionally "logarithmic": ["x"], "expected": [name] for lines that show what to expect by chance
             or of an ideal model, and "histogram": [[left, right, count], …] to be drawn below the lines on the same x
    `bars`   {"y": label, "bars": {name: value}}; optionally "intervals": {name: [low, high]}, "reasons": {name: text}
             for bars without a value, and "signed": true for red bars above zero and blue ones below
    `matrix` {"rows": [name], "columns": [name], "values": [[…]], "x": label, "y": label}
    `image`  (H, W) or (H, W, 3) array: uint8, or float in 0..1
    `text`   a string, or a list of [token, weight] with weights in -1..1
    `table`  {"columns": [name], "rows": [[…]]}
    `examples` {"examples": [{"id": id, "artifact": name, "kind": name, "method": name, "signed": true,
               "class": number}, …]}: the test example that another artifact explains, and its explained class;
               optionally "map": [[…]] with weights from −127 to 127, which is shown beside the picture of the
               example. It has no drawing of its own
    """

    name: str
    "Name of the artifact, unique within the probe."
    kind: ArtifactKind
    "How to draw it."
    data: Any
    "The content, in the form of its kind."
    caption: str
    "A sentence for the reader of the report. Programs never read it."


class Trained(Protocol):
    """A trained cell: everything that a probe may use."""

    labels: Mapping[str, Any]
    "The cell's coordinates: `task`, `model`, `engine`, `precision`, `seed`, and each further axis by its name."
    options: Mapping[str, Mapping[str, Any]]
    "The cell's resolved options by family: `task`, `model`, `train`, `evaluate`."
    provides: tuple[str, ...]
    "What the model provides, as its fact `PROVIDES` states it, such as `gradients` or `convolutions`."
    data: Data
    "The data that the cell was trained on."
    problem: Problem
    "The module of the data's problem."
    history: History | None
    "What happened during the training; None if nothing was trained (`epochs = 0`)."
    placement: Placement
    "Where the cell computes."
    network: Network | None
    "The network; None if the model is an estimator, which has no gradients."
    threshold: Threshold | None
    "The threshold of the predictions; None if the likeliest class is predicted, or if there are no classes."
    meter: Any
    "What this probe's own `during` yielded; None if the probe has no `during`."

    def predictions(self, split: str, change: Transform | None = None) -> Predictions:
        """Return the predictions on a split.

        Args:
            split: name of the split.
            change: applied to the raw values before they are encoded. Without it, predictions are computed once and
                stored; with it, they are computed at each call and not stored.
        """

    def inference(self, split: str, rows: Array) -> Callable[[], Mapping[str, Any]]:
        """Return a function that predicts some rows as one batch, for timing.

        Everything that happens before the model (encoding, collating, moving to the device) is done already. Enter
        `training.precision.computing(placement)` around the calls, so that they use the cell's threads.

        Args:
            split: name of the split.
            rows: (k,) int64, positions in the split.
        """

    def encoded(self, split: str) -> Any:
        """Return the `data.encoded.Encoded` of a split, as the network reads it; only if there is a `network`."""

    def on_task(self, use: str) -> Trained:
        """Return the same trained model with the test split of another task, of which nothing is stored.

        The other task is loaded with its default options, and with the cell's own option `data` if it has that choice.
        Its `train` split is still the one that the model was trained on, and so are `spec` and `threshold`.

        Args:
            use: a task as a suite names it in `use`: its name, or the path of its file.

        Raises:
            BenchError: the data are not on this machine, they are the cell's own, or the model cannot read the
                examples: another modality, images of another size, other columns.
        """

    def without_model(self) -> Trained:
        """Return the cell in a form that can be sent to another process, which may call `retrain` and nothing else."""

    def retrain(
        self,
        *,
        rows: Array | None = None,
        seed: int | None = None,
        train: Mapping[str, Any] | None = None,
        splits: Mapping[str, Split] | None = None,
    ) -> Trained:
        """Return the same cell, trained again.

        Args:
            rows: (k,) int64, positions in the training split to train on; None trains on all of it.
            seed: seed of the training; None uses the cell's own.
            train: training options to change, by name.
            splits: splits to add or to replace, by name: another `train`, or further examples to predict.
        """


class Probe(Protocol):
    """A module in `probes/`. It has `probe` or `summarise`, or both; `during` is optional."""

    METRICS: Mapping[str, Mapping[str, Any]]
    "The metrics that the probe may yield by name, each with `unit` and `better`."

    def probe(self, trained: Trained, options: Any) -> Iterator[Metric | Artifact]:
        """Measure one cell.

        Args:
            trained: the trained cell.
            options: the probe's `Options`.
        """

    def during(self, placement: Placement, options: Any) -> AbstractContextManager[Any]:
        """Return a context manager that is entered around the training; what it yields becomes `Trained.meter`."""

    def summarise(self, records: Sequence[Record], options: Any) -> Iterator[Metric | Artifact]:
        """Summarise all records of a run. It must not import torch.

        If it has a further parameter called `predictions`, that is a function `(record, split)` which returns the
        stored `Predictions` of a cell on a split, or None if none were stored. It reads a file at each call. If it has
        one called `label`, that is the label of the probe: its metrics in the records are called `LABEL/METRIC`.
        """


# ── records ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class MetricRow:
    """A metric in a record: a `Metric` with the probe's label in its name, and with its unit and direction."""

    name: str
    "`LABEL/METRIC`: the probe's label and the metric's name."
    value: float | None
    "The value in `unit`; None if it could not be measured."
    unit: str
    "Unit of value, interval and samples."
    better: Better
    "Which values are better."
    reason: str | None = None
    "As in `Metric`."
    at: Mapping[str, str | float] = field(default_factory=dict)
    "As in `Metric`."
    interval: Interval | None = None
    "As in `Metric`."
    samples: tuple[float, ...] = ()
    "As in `Metric`; a record contains at most 64 of them, evenly spaced."
    n: int | None = None
    "As in `Metric`."
    ideal: float | None = None
    "The best possible value; None if there is none."
    of_predictions: bool = False
    "Whether the metric can be computed from the stored predictions of the test split, and their groups, alone."
    kind: MetricKind = "estimate"
    "As in `Metric`."
    range: tuple[float | None, float | None] | None = None
    """The smallest and the largest value that the metric can have, None for an end without a bound; None if they are
    not known, as in older records."""
    timing: bool | None = None
    "Whether the value is a time or a rate of the machine, compared over processes; None in older records."
    marks: Mapping[str, str] = field(default_factory=dict)
    "As in `Metric`; empty for nearly every metric."


@dataclass(frozen=True)
class ArtifactRow:
    """An artifact in a record: the file that contains it."""

    name: str
    "`LABEL/ARTIFACT`, or `predictions/SPLIT`."
    kind: str
    "An artifact's kind, or `predictions`."
    file: str
    "Path of the file, relative to the run's folder."
    caption: str = ""
    "As in `Artifact`."


@dataclass(frozen=True)
class ProbeRow:
    """How one probe ended in one cell."""

    status: ProbeStatus
    "`skipped`: the cell ended before the probe could run."
    key: str
    "Hash of the probe's `use`, `VERSION` and options: a resume repeats a probe whose key has changed."
    reason: str | None = None
    "Why the probe failed, was skipped or does not apply, for the reader."
    unrestored: Mapping[str, str] | None = None
    """What the probe changed for the probes after it and could not be restored, by kind, such as `parameters` of
    the network; None if there is nothing."""


@dataclass(frozen=True)
class Record:
    """The result of one cell: one line of `records/WRITER.jsonl`."""

    run: str
    "Id of the run."
    suite: str
    "Name of the suite."
    id: str
    "Id of the cell, equal across runs and machines for the same cell of the same suite."
    weights_key: str
    "Hash of everything that decides the trained weights: they are reused under the same key only."
    cell: Mapping[str, Any]
    "Labels and axes: `task`, `model`, `engine`, `precision`, `seed`, …"
    options: Mapping[str, Any]
    "All options, resolved, by family: `task`, `model`, `train`, `evaluate`; and the placement as `placement`."
    status: Status
    "How the cell ended."
    reason: str | None = None
    "Why the cell did not end well, for the reader; None if it did."
    probes: Mapping[str, ProbeRow] = field(default_factory=dict)
    "How each probe ended, by the probe's label."
    data: Mapping[str, Any] = field(default_factory=dict)
    "Origin, name, fingerprints, problem and number of examples of each split; empty if no data were loaded."
    sources: Mapping[str, str] = field(default_factory=dict)
    """Hash of every file that decides what was trained: `task`, `model`, `engine` and `problem` for the components, and
    `model.OPTION` for files that an option of the model names, such as `model.pretrained`; empty in older records."""
    metrics: tuple[MetricRow, ...] = ()
    "What the probes measured."
    artifacts: tuple[ArtifactRow, ...] = ()
    "Files with predictions and with the probes' artifacts."
    environment: str = ""
    "Hash of the environment; `environments/HASH.json` describes it."
    started: str = ""
    "Start of the cell: ISO 8601, UTC, to the second."
    seconds: Mapping[str, float] = field(default_factory=dict)
    "Seconds by part: `data`, `build`, `encode`, `train`, `probes`, and `total`."
    notes: tuple[str, ...] = ()
    "Remarks for the reader, such as that there is no validation split. Programs never read them."
    smoke: bool = False
    "Whether the run was a smoke run: few examples and one epoch, to find errors only."
    weights_reused: bool = False
    "Whether the cell was measured on weights that an earlier training of this run kept."
    shared_training: bool = False
    "Whether another cell of the unit trained for this one, so that `seconds` contain no training."
    machine_busy: bool = False
    "Whether the machine's load was above its number of cores when the run began."
    unrestored: Mapping[str, str] = field(default_factory=dict)
    """What the cell, or one before it, changed for the cells after it and could not be restored, by kind: `threads`
    that go on, `processes`, `limit AS`. Empty for nearly every cell."""
    schema: int = 2
    "Version of the record's format."


# ── results of other tools ──────────────────────────────────────────────────────────────────────

VALUE_PREFIX = "value/"
"Begins the name of a column of `Predictions` that contains the value of a metric for each example."


@dataclass(frozen=True)
class ImportedCell:
    """The results of one model on one task, as another tool stored them: what an importer yields."""

    task: str
    "What the model was tested on; the name of the benchmark if its time was measured."
    model: str
    "Name of the model."
    axes: Mapping[str, Any] = field(default_factory=dict)
    "Further coordinates, such as `seed`. One that the file does not state is absent."
    predictions: Predictions | None = None
    """Of the split `test`: `targets`, `predictions` and perhaps `scores`, from which the probes compute their metrics.
    Or for each metric that is a mean over examples a column `value/METRIC`, (n,) float64. `cluster`, (n,) int64, if
    examples of one number are not independent, such as repetitions of one item."""
    problem: str = ""
    "Name of the problem of `targets` and `predictions`; empty if there are none."
    spec: Mapping[str, Any] = field(default_factory=dict)
    "What the problem needs to know: `classes`, their names, and `positive`, if the file states it."
    better: Mapping[str, Better] = field(default_factory=dict)
    "Which values of the metrics in columns `value/METRIC` are better; those that are not named: higher."
    metrics: tuple[MetricRow, ...] = ()
    "Metrics that are not computed from the predictions, such as times."
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    "What the file states of `task`, `model`, `train`, `evaluate`: cells of other options are not compared."
    environment: Mapping[str, Any] = field(default_factory=dict)
    "Hardware, system, Python and packages, as `environments/HASH.json` contains them; empty if not stated."
    started: str = ""
    "ISO 8601, UTC; empty if not stated."
    commit: str = ""
    "Commit that was tested or timed; empty if not stated."
    repetitions: int = 1
    "Greatest number of repetitions of an item, if an item is a cluster."
    notes: tuple[str, ...] = ()
    "Remarks for the reader."
