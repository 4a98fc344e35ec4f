"""Metric files: the module of a metric by its name, or a file of the suite if it is trusted and unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from bench_suite.components import discovery
from bench_suite.contracts import BenchError, ComponentError
from bench_suite.store.runs import Run


class UnusableMetricFile(BenchError):
    """A file of a metric that is not run, or that fails; the message says why."""


@dataclass(frozen=True)
class MetricFiles:
    """The files of metrics that the suite of a run names by path, as the run recorded them."""

    hashes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    "Path, relative to the folder of the results, and hash of the content, by `probe/metric`."
    folder: Path = Path()
    "Folder of the results."
    trust: bool = False
    "Whether the files may be run."

    @staticmethod
    def of(run: Run, *, trust: bool) -> MetricFiles:
        """Return the files that the suite of a run names."""
        stated: Mapping[str, Mapping[str, str]] = run.info.get("metric_files", {})
        hashes = {metric: (row.get("file", ""), row.get("hash", "")) for metric, row in stated.items()}
        return MetricFiles(hashes, run.path.parent, trust)

    def names(self, metric: str) -> bool:
        """Return whether the suite names a file of this metric, `probe/metric`, by path."""
        return metric in self.hashes

    def load(self, metric: str) -> ModuleType:
        """Run the file that the suite names for a metric, `probe/metric`, and return its module.

        Raises:
            UnusableMetricFile: The file is not trusted, is missing, was changed after the run, or does not load.
        """
        path, recorded = self.hashes[metric]
        name = Path(path).name
        if not self.trust:
            raise UnusableMetricFile(f"{name} is a file of the suite, which is run only with --trust")
        try:
            component = discovery.find("metrics", path, self.folder)
            if component.source_hash != recorded:
                raise UnusableMetricFile(f"{name} changed after HEAD was run")
            return discovery.load(component)
        except ComponentError as error:
            raise UnusableMetricFile(f"{name} cannot be used: {error}") from error


def load(files: MetricFiles, metric: str) -> tuple[ModuleType, bool]:
    """Return the module of a metric, `probe/metric`, and whether it is a file of the suite.

    Raises:
        UnusableMetricFile: There is no such metric, or only a file that cannot be used.
    """
    name = metric.partition("/")[2]
    refusal: UnusableMetricFile | None = None
    if files.names(metric):
        try:
            return files.load(metric), True
        except UnusableMetricFile as error:
            refusal = error
    try:
        return discovery.load(discovery.find("metrics", name, discovery.PACKAGE)), False
    except ComponentError:
        raise refusal or UnusableMetricFile(f"{name} is no metric of single predictions") from None
