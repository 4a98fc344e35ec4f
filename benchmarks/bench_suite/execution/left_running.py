"""Units that an earlier process of a run left to an executor whose workers outlive it."""

from __future__ import annotations

import json
from pathlib import Path

from bench_suite.contracts import BenchError

LEDGERS = {"slurm": "slurm.json"}
"By executor: the file in the folder of a run that lists its tasks that may still run."


def check_left_running(run: Path, executor: str) -> None:
    """Refuse to run units that may still run elsewhere: each would have two records.

    Args:
        run: the folder of the run.
        executor: name of the executor of this process, which collects its own tasks.

    Raises:
        BenchError: another executor has tasks that may still run.
    """
    for name, tasks in tasks_left(run).items():
        file = LEDGERS[name]
        if name != executor:
            raise BenchError(
                f"{tasks} task{'s' if tasks != 1 else ''} of the executor {name} may still run for {run.name}\n"
                f"  collect their results with: bench run … --resume --executor {name}\n"
                f"  or cancel them, remove {file} from the folder of the run, and resume as you like"
            )


def tasks_left(run: Path) -> dict[str, int]:
    """Return by executor the number of tasks that may still run, without executors that have none."""
    left = {}
    for name, file in LEDGERS.items():
        try:
            left[name] = len(json.loads((run / file).read_bytes())["tasks"])
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError):
            left[name] = 1  # it cannot be read: they may still run
    return {name: count for name, count in left.items() if count}
