"""Apply the probes that need predictions only, `quality` and `calibration`, to predictions that were imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench_suite.components import discovery
from bench_suite.contracts import (
    Artifact,
    ArtifactRow,
    BenchError,
    Data,
    ImportedCell,
    MetricRow,
    Predictions,
    ProbeRow,
    Record,
    Source,
    describe_error,
)
from bench_suite.execution.record_builder import metric_row
from bench_suite.store.runs import Run
from bench_suite.suite.identity import probe_key
from bench_suite.suite.spec import ComponentUse, metrics_of

PROBES: Mapping[str, Mapping[str, Any]] = {
    "quality": {},
    "calibration": {"temperature": False},  # it is fitted on a validation split, which is not imported
}
"The probes that are applied, in this order, with their options."


class StoredPredictions:
    """A cell of which there is nothing but the predictions on test: what probes read as `Trained`."""

    def __init__(self, record: Record, cell: ImportedCell, predictions: Predictions) -> None:
        self.labels: Mapping[str, Any] = record.cell
        self.options: Mapping[str, Mapping[str, Any]] = record.options
        self.provides: tuple[str, ...] = ()
        source = Source(str(record.data["source"]), str(record.data["name"]), str(record.data["fingerprint"]))
        self.data = Data(cell.problem, cell.spec, {"test": _IdsOnly(predictions)}, source)
        component = discovery.find("problems", cell.problem, Path())
        self.problem: Any = SimpleNamespace(METRICS=component.facts["METRICS"])  # its file would import PyTorch
        self.history = None
        self.network = None
        self.threshold = None
        self.meter = None
        self._predictions = predictions

    def predictions(self, split: str, change: Any = None) -> Predictions:
        """Return the imported predictions, which are those of the test split.

        Raises:
            BenchError: another split, or changed values, are asked for.
        """
        if split != "test" or change is not None:
            raise BenchError(f"only predictions on test were imported, and a probe asks for {split}")
        return self._predictions


@dataclass(frozen=True)
class _IdsOnly:
    """A split of which the ids and groups are known, and no values."""

    predictions: Predictions

    @property
    def ids(self) -> Any:
        return self.predictions.ids

    @property
    def groups(self) -> Mapping[str, Any]:
        return self.predictions.groups

    @property
    def in_memory(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.predictions)

    def take(self, rows: Any) -> Mapping[str, Any]:
        raise BenchError("the values of imported examples are not known")


def apply_probes(run: Run, record: Record, cell: ImportedCell) -> Record:
    """Return the record with what the probes measure; artifacts are written. A probe that fails has its reason."""
    assert cell.predictions is not None
    stored = StoredPredictions(record, cell, cell.predictions)
    problem = discovery.find("problems", cell.problem, Path())
    for name, stated in PROBES.items():
        component = discovery.find("probes", name, Path())
        use = ComponentUse(component, name, stated)
        known, key = metrics_of(use, [problem]), probe_key(use)
        metrics: list[MetricRow] = []
        artifacts: list[ArtifactRow] = []
        if reason := _inapplicable(name, cell):
            record = replace(record, probes={**record.probes, name: ProbeRow("not applicable", key, reason)})
            continue
        row = ProbeRow("ok", key)
        try:
            for item in discovery.load(component).probe(stored, discovery.make_options(component, stated)):
                if isinstance(item, Artifact):
                    artifacts.append(run.write_artifact(record.id, name, item))
                else:
                    metrics.append(metric_row(item, name, known))
        except (ValueError, TypeError, IndexError, BenchError) as error:
            message = str(error) if isinstance(error, BenchError) else describe_error(error)
            row, metrics, artifacts = ProbeRow("failed", key, message), [], []
        record = replace(
            record, probes={**record.probes, name: row}, metrics=(*record.metrics, *metrics),
            artifacts=(*record.artifacts, *artifacts),
        )  # fmt: skip
    return record


def _inapplicable(probe: str, cell: ImportedCell) -> str:
    """Return why a probe has nothing to measure; empty if it has."""
    assert cell.predictions is not None
    wanted = "lower" if cell.problem == "regression" else "scores"
    if probe == "calibration" and wanted not in cell.predictions.columns:
        what = "prediction intervals" if wanted == "lower" else "probabilities of the classes"
        return f"the file contains no {what}"
    return ""
