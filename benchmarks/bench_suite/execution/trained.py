"""A trained cell: everything that a probe may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from bench_suite.components import discovery
from bench_suite.contracts import (
    BenchError,
    Data,
    Estimator,
    Evaluation,
    History,
    Network,
    Placement,
    Predictions,
    Problem,
    Threshold,
    Transform,
)
from bench_suite.suite.plan import Cell

if TYPE_CHECKING:
    import numpy as np

    from bench_suite.contracts import Split
    from bench_suite.data.cache import Cache
    from bench_suite.data.encoded import Encoded
    from bench_suite.data.sources import Sources


@dataclass
class Trained:
    """`contracts.Trained` for any model: a network, which an engine trains, or an estimator."""

    cell: Cell
    data: Data
    problem: Problem
    placement: Placement
    model: Network | Estimator
    train: Mapping[str, Any]
    "Training options, resolved."
    seed: int
    history: History | None = None
    meter: Any = None
    smoke: bool = False
    cache: Cache | None = None
    keep: Callable[[str, Predictions], None] | None = None
    "Called once for each split with its predictions, to store them."
    on_progress: Callable[[str], None] | None = None
    "Called with the progress of a long step, as text to show."
    sources: Sources | None = None
    "Where `on_task` reads other tasks from."
    _predictions: dict[str, Predictions] = field(default_factory=dict)
    _thresholds: list[Threshold | None] = field(default_factory=list)
    "The threshold, as soon as it is known."
    _encoded: dict[str, Encoded] = field(default_factory=dict)

    @property
    def labels(self) -> Mapping[str, Any]:
        """The cell's coordinates by axis."""
        return self.cell.labels

    @property
    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """The cell's resolved options by family."""
        return self.cell.options

    @property
    def provides(self) -> tuple[str, ...]:
        """What the model states that it provides."""
        return self.cell.model.component.words("PROVIDES")

    @property
    def network(self) -> Network | None:
        """The network; None if the model is an estimator."""
        return self.model if isinstance(self.model, Network) else None

    def for_cell(self, cell: Cell, keep: Callable[[str, Predictions], None] | None) -> Trained:
        """Return the same training for another cell of its unit, with that cell's evaluation options."""
        return replace(self, cell=cell, keep=keep, _predictions={}, _thresholds=[])

    def for_probe(self, meter: Any) -> Trained:
        """Return the same cell for one probe: with what the probe's own `during` yielded."""
        return replace(self, meter=meter)

    def on_task(self, use: str) -> Trained:
        """Return the same trained model with the test split of another task, of which nothing is stored."""
        from bench_suite.execution.other_task import with_test_of

        data = with_test_of(use, self.cell, self.data, self.sources)
        return replace(self, data=data, keep=None, _predictions={}, _thresholds=[self.threshold], _encoded={})

    def without_model(self) -> Trained:
        """Return the cell in a form that can be sent to another process, which may call `retrain` and nothing else."""
        none = cast(Any, None)  # `retrain` builds both anew: a problem is a module, which cannot be sent
        bare = replace(self, model=none, problem=none, history=None, meter=None, cache=None, keep=None)
        return replace(bare, on_progress=None, sources=None, _predictions={}, _thresholds=[], _encoded={})

    def predictions(self, split: str, change: Transform | None = None) -> Predictions:
        """Return the predictions on a split; without `change` they are computed once and stored."""
        if change is None and split in self._predictions:
            return self._predictions[split]
        from bench_suite.data.splits import Changed, clusters_of, column

        source = self._split(split) if change is None else Changed(self._split(split), change)
        columns = self._checked_predictions(split, source, cached=change is None)
        if self.threshold is not None:
            columns = cast(Any, self.problem).predictions_at(columns, self.data.spec, self.threshold)
        clusters = clusters_of(source)
        columns = {**columns, **({} if clusters is None else {"cluster": clusters})}
        predictions = Predictions(split, source.ids, {"targets": column(source, "target"), **columns}, source.groups)
        if change is None:
            self._predictions[split] = predictions
            if self.keep is not None:
                self.keep(split, predictions)
        return predictions

    @property
    def threshold(self) -> Threshold | None:
        """The threshold of the predictions, which is chosen at the first call; None if there is none.

        Raises:
            BenchError: the option `threshold` cannot be used with these data or this model.
        """
        if not self._thresholds:
            problem, threshold = cast(Any, self.problem), None
            if hasattr(problem, "predictions_at"):
                threshold = problem.threshold(self.evaluation().options, self.data.spec, self._validation_columns)
            self._thresholds.append(threshold)
        return self._thresholds[0]

    def _validation_columns(self) -> Mapping[str, Any]:
        """Return targets and predictions of the validation split, without a threshold; they are not stored."""
        from bench_suite.data.splits import column

        if "validation" not in self.data.splits:
            raise BenchError("threshold is chosen on validation data, and there are none: set validation above 0")
        split = self.data.splits["validation"]
        return {"targets": column(split, "target"), **self._checked_predictions("validation", split, cached=True)}

    def _checked_predictions(self, split: str, source: Any, *, cached: bool) -> Mapping[str, Any]:
        """Return the model's predictions by column; raise BenchError, naming the model, if they cannot be used."""
        columns = self._predict(split, source, cached=cached)
        label = self.cell.model.label
        if not isinstance(columns, Mapping) or "predictions" not in columns:
            raise BenchError(f"{label}: predict must return a mapping with `predictions`, not {type(columns).__name__}")
        for name, values in columns.items():
            if len(values) != len(source):
                raise BenchError(f"{label}: {name} of {split} has {len(values)} rows for {len(source)} examples")
        check = getattr(self.problem, "check_predictions", None)
        if check is not None:
            try:
                check(columns, self.data.spec)
            except ValueError as error:
                raise BenchError(f"{label}, {split}: {error}{self._input_errors(split, cached)}") from None
        scores = columns.get("scores")
        if scores is not None and hasattr(scores, "astype") and scores.dtype.kind == "f":
            # One type for all models: the value at which a logarithm is clipped depends on it.
            columns = {**columns, "scores": scores.astype("float32")}
        return columns

    def _input_errors(self, split: str, cached: bool) -> str:
        """Return which inputs of a network are not finite, as the rest of a message; empty if all are finite."""
        if not cached or not isinstance(self.model, Network):
            return ""
        from bench_suite.training.input_checks import nonfinite_inputs

        cause = nonfinite_inputs(self.encoded(split), split, self.data.spec)
        return f"; {cause}" if cause else ""

    def _predict(self, name: str, split: Any, *, cached: bool) -> Mapping[str, Any]:
        if not isinstance(self.model, Network):
            from bench_suite.training.precision import computing

            with computing(self.placement):
                return self.model.predict(split)
        from bench_suite.training.prediction import predict

        encoded = self.encoded(name) if cached else self._encode(self.model, split)
        return predict(self.model, self.problem, encoded, self.evaluation(), self.placement)

    def inference(self, split: str, rows: np.ndarray) -> Callable[[], Mapping[str, Any]]:
        """Return a function that predicts `rows`, (k,) int64, as one batch; everything before the model is done."""
        if not isinstance(self.model, Network):
            from bench_suite.data.splits import MemorySplit

            source = self._split(split)
            examples = MemorySplit(source.ids[rows], dict(source.take(rows)), {})
            return lambda: cast(Estimator, self.model).predict(examples)
        from bench_suite.training.prediction import prepare_prediction

        return prepare_prediction(
            self.model, self.problem, self.encoded(split), self.evaluation(), self.placement, rows
        )

    def evaluation(self) -> Evaluation:
        """Return the options with which this cell predicts."""
        values = self.cell.options["evaluate"]
        problem = next(p for p in self.cell.problems if p.name == self.data.problem)
        return Evaluation(values["batch_size"], self.data.spec, discovery.make_options(problem, values))

    def encoded(self, split: str) -> Encoded:
        """Return a split as the network reads it."""
        if not isinstance(self.model, Network):
            raise BenchError(f"{self.cell.model.label} is an estimator, and only a network has encoded data")
        if split not in self._encoded:
            self._encoded[split] = self._encode(self.model, self._split(split), self.cache, self._progress(split))
        return self._encoded[split]

    def _progress(self, split: str) -> Callable[[int], None] | None:
        on_progress = self.on_progress
        rows = len(self._split(split))
        return None if on_progress is None else lambda done: on_progress(f"encoding {split}, {done:,} of {rows:,}")

    def _encode(
        self, network: Network, split: Any, cache: Cache | None = None, on_progress: Callable[[int], None] | None = None
    ) -> Encoded:
        from bench_suite.data.encoded import encoded
        from bench_suite.data.fingerprint import hash_of

        # The training examples are part of the key: a vocabulary may have been fitted on them.
        fingerprint = hash_of(self.data.source.fingerprint, self.data.splits["train"].ids) if cache else ""
        source = self.cell.model.component.source_hash
        from bench_suite.training.precision import computing

        with computing(self.placement):
            return encoded(
                network, split, cache=cache, fingerprint=fingerprint, source_hash=source, device=self.placement.device,
                on_progress=on_progress,
            )  # fmt: skip

    def _split(self, name: str) -> Any:
        if name not in self.data.splits:
            raise BenchError(
                f'the task {self.cell.task.label} has no split "{name}" (it has: {", ".join(self.data.splits)})'
            )
        return self.data.splits[name]

    def retrain(
        self,
        *,
        rows: np.ndarray | None = None,
        seed: int | None = None,
        train: Mapping[str, Any] | None = None,
        splits: Mapping[str, Split] | None = None,
    ) -> Trained:
        """Return the same cell, trained again: on `rows` of the training split, with another seed, with other options.

        Args:
            rows: positions in the training split; None trains on all of it.
            seed: of the training; None uses the cell's own.
            train: training options to change, by name.
            splits: splits to add or to replace, by name, before `rows` are taken.

        Raises:
            BenchError: `train` names an unknown option.
        """
        data = self.data
        if splits is not None:
            source = replace(data.source, fingerprint=f"{data.source.fingerprint}/splits")
            data = replace(data, source=source, splits={**data.splits, **splits})
        if rows is not None:
            from bench_suite.data.splits import Subset

            source = replace(data.source, fingerprint=f"{data.source.fingerprint}/rows")
            data = replace(data, source=source, splits={**data.splits, "train": Subset(data.splits["train"], rows)})
        unknown = set(train or {}) - set(self.train)
        if unknown:
            raise BenchError(f"retrain: unknown training option {', '.join(sorted(unknown))}")
        from bench_suite.execution.model_training import build, fit, ignore_window

        options = {**self.train, **(train or {})}
        trained = build(self.cell, data, self.placement, self.seed if seed is None else seed, options, smoke=self.smoke)
        if options["epochs"]:
            for split in ("train", "validation"):
                if split in data.splits and trained.network is not None:
                    trained.encoded(split)  # before the engine's clock starts
            fit(trained, ignore_window)
        return trained
