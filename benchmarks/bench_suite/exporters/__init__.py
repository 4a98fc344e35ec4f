"""Exporters: write results in the formats of other tools.

An exporter is a module, or a folder, of this package. It needs no registration. It has one of two functions:

- `export(run) -> bytes` or `export(comparison) -> bytes`: the content of a file, from a `store.runs.Run` or a
  `comparison.compare.Comparison`. The name of the parameter decides: `bench export` offers the exporters of a run.
- `follow(callback, …) -> execution.callbacks.RunCallback`: a callback that writes while a run goes on and passes each
  call on to `callback`. It raises `contracts.BenchError` if a package that it needs is not installed.

Optional fact `IMPORTS`: a tuple of the packages that the exporter needs. Optional class `Options`: a frozen dataclass
with literal defaults.
"""
