"""Exporters: write results in the formats of other tools.

An exporter is a module, or a folder, of this package. It needs no registration. It has one or several of these
functions:

- `export(run) -> bytes`: the content of a file, from a `store.runs.Run`. It may instead be an iterator of parts of the
  content, so that a large file is never in memory as a whole; or, if `--output` is a folder, the files by their path in
  it.
- `export_to(run, target) -> str`: for a tool that keeps results in a folder or on a server. It writes there, and
  returns where it wrote, for the reader. `target` is what `--output` states, a path or an address, or None.
- `export(comparison) -> bytes`: the content of a file, from a `comparison.compare.Comparison`, for `bench compare`. The
  name of the parameter decides. An exporter of both has `export_run` instead of `export(run)`.
- `follow(callback, run) -> execution.callbacks.RunCallback`: a callback that writes while a run goes on and passes each
  call on to `callback`. `[run] log` names such exporters. Each runs in a process of its own (`execution.trackers`), so
  what it raises costs a warning, and no cell. `end` is the last method that is called; a line for the user may then be
  in the attribute `where` of the callback. An optional function `check(options)` raises `contracts.BenchError` before
  anything is trained if the exporter cannot work here; `options` is None if there is no class `Options`.

`bench export` offers the first two. It passes these further parameters to a function that has them:

- `options`: the exporter's `Options`, with the values of `--set`.
- `target`: what `--output` states, or None.
- `comparison` and `not_compared`: the comparison of the run with `--against`, by default with the baseline of its
  suite; None, and the reason, if there is no base.

Optional facts: `IMPORTS`, a tuple of the packages that the exporter needs; `SUFFIXES`, the ends of file names that
choose the format, such as `(".csv",)`, of which the longest counts; `BINARY = True` keeps the file off a terminal.
Optional class `Options`: a frozen dataclass with literal defaults. An error that the user can mend is a
`contracts.BenchError`.
"""
