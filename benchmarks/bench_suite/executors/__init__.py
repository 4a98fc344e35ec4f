"""Executors: where the units of a run are executed.

An executor is a module, or a folder, of this package. It needs no registration. Contract:

- Function `execute(work, options)`: `work` is an `execution.work.Work`, `options` an instance of the executor's
  `Options`, or None. It yields each record when it is on disk, in any order.
- `work.run(unit)` runs a unit in this process. Elsewhere, an `execution.worker.Worker` runs it from the job that
  `work.job` writes, and writes the records itself; the executor gives each event of a worker to `work.handle`.
- An executor whose workers outlive `bench run` names the job itself, lets them write `execution.event_files`, reads
  their records by `store.record_tail`, and lists its tasks in a file of `execution.left_running`.
- An error in a cell is already a record. What `work.run` raises (`KeyboardInterrupt`, `StoreError`) ends the run: an
  executor passes it on, after its workers have ended.
- Optional function `sharing(plan, options)`: returns the `execution.sharing.Sharing` of a plan's units, which decides
  how many threads `threads = "auto"` means. Without it, a unit has all cores.
- Optional function `check(options)`: raises ValueError if the executor cannot work here; nothing is spent yet.
- Optional facts `IMPORTS`, the packages that it imports, without which a run stops before it trains, and `NEEDS`, a
  tuple of what the machine must offer. Optional class `Options`: a frozen dataclass with literal defaults, such as
  `jobs` or `timeout`.
"""
