"""Importers: read the results of other tools as cells of a run.

An importer is a module, or a folder, of this package. It needs no registration. Contract:

- Function `matches(path, head)`: whether a file has the importer's format. `head` contains its first bytes, at most
  `imported.heads.HEAD`; the function does not raise.
- Function `cells(paths, options)`: reads files of this format. It returns an iterator of `contracts.ImportedCell`, at
  most one for a task, a model and further axes. It raises `contracts.BenchError` if a file cannot be read, or contains
  what would be counted wrongly, such as one item twice.
- Class `Options`, a frozen dataclass with literal defaults: what the user can state, such as the names of columns.
- Fact `ABSENT`: a dictionary of what files of this format never contain, with the reason.
- Optional fact `IMPORTS`: a tuple of the packages that the importer needs.
"""
