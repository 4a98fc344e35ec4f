"""Executors: where the units of a run are executed.

An executor is a module, or a folder, of this package. It needs no registration. Contract:

- Function `execute(units, start)`: an iterable of `suite.plan.Unit`, and a function that trains and measures one unit.
  `start(unit)` returns an iterator of that unit's records, one for each cell, as the cells end. `execute` yields the
  records of all units, in any order; the run writes each record as soon as it is yielded.
- An error in a cell is already a record. What `start` raises (`KeyboardInterrupt`, `StoreError`) ends the run: an
  executor passes it on.
- Optional fact `NEEDS`: a tuple of what the machine must offer. Optional class `Options`: a frozen dataclass with
  literal defaults, such as `jobs` or `timeout`.
"""
