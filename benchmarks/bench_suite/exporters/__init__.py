"""Exporters: write results in the formats of other tools.

An exporter is a module, or a folder, of this package. It needs no registration. It has one or more of three functions:

- `export(run) -> bytes` or `export(comparison) -> bytes`: the content of a file, from a `store.runs.Run` or a
  `comparison.compare.Comparison`. The name of the parameter decides: `bench export` offers the exporters of a run.
- `export_to(run, target: str | None) -> str`: writes a finished `store.runs.Run` to a target, such as a folder or the
  address of a server, and returns for the user where it has written.
- `follow(callback, run) -> execution.callbacks.RunCallback`: a callback that writes while a run goes on and passes each
  call on to `callback`. `[run] log` names such exporters. They run in a process of their own (`execution.trackers`),
  so what they raise costs a warning. Their function `end` is the last one that is called; the attribute `where` of the
  callback is then a line for the user. An optional function `check(options)` raises `contracts.BenchError` before
  anything is trained if the exporter cannot work here.

Optional fact `IMPORTS`: a tuple of the packages that the exporter needs. Optional class `Options`: a frozen dataclass
with literal defaults.
"""
