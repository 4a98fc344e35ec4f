"""Importers: read the results of other tools as records.

An importer is a module, or a folder, of this package. It needs no registration. Contract:

- Function `records(path)`: the path of a file or folder that another tool wrote. It returns an iterator of
  `contracts.Record`, one for each cell, and raises `contracts.BenchError` if the file cannot be read as that format.
- Optional fact `IMPORTS`: a tuple of the packages that the importer needs. Optional class `Options`: a frozen dataclass
  with literal defaults.
"""
