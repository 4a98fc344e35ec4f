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
    for name, file in LEDGERS.items():
        if name == executor:
            continue
        try:
            tasks = len(json.loads((run / file).read_bytes())["tasks"])
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError):
            tasks = 1  # it cannot be read: they may still run
        if tasks:
            raise BenchError(
                f"{tasks} task{'s' if tasks != 1 else ''} of the executor {name} may still run for {run.name}\n"
                f"  collect their results with: bench run … --resume --executor {name}\n"
                f"  or cancel them, remove {file} from the folder of the run, and resume as you like"
            )
