"""Slurm's commands as far as the tests need them: tasks are processes of this machine, states are files.

Called as `fake_slurm.py COMMAND ARGUMENTS…`; the folder `$FAKE_SLURM` holds for each job its script, the processes of
each task, and the state in which it ended. If it has a file `refuse`, `sbatch` refuses every job; with `accept_only`,
jobs wait for ever; the content of `state` is the state of each task that ends.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

FOLDER = Path(os.environ["FAKE_SLURM"])


def sbatch(script: str) -> int:
    with (FOLDER / "calls").open("a") as file:
        file.write(f"sbatch {script}\n")
    if (FOLDER / "refuse").exists():
        sys.stderr.write("sbatch: error: Batch job submission failed: Invalid account\n")
        return 1
    job = 100 + len([*FOLDER.glob("*.sh")])
    text = Path(script).read_text()
    (FOLDER / f"{job}.sh").write_text(text)
    array = re.search(r"--array=0-(\d+)%(\d+)", text)
    count, parallel = (int(array[1]) + 1, int(array[2])) if array else (1, 1)
    (FOLDER / f"{job}.tasks").write_text(f"{count if array else 0}")
    if not (FOLDER / "accept_only").exists():
        subprocess.Popen(
            [sys.executable, __file__, "controller", str(job), str(count), str(parallel), str(int(bool(array)))],
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    print(f"Submitted batch job {job}")
    return 0


def controller(job: str, count: str, parallel: str, array: str) -> int:
    waiting = list(range(int(count)))
    running: dict[str, subprocess.Popen[bytes]] = {}
    while waiting or running:
        while waiting and len(running) < int(parallel):
            number = waiting.pop(0)
            name = f"{job}_{number}" if array == "1" else job
            if (FOLDER / f"{name}.state").exists():  # cancelled
                continue
            environment = {**os.environ, "SLURM_JOB_ID": job, "FAKE_TASK": name}
            if array == "1":
                environment |= {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(number)}
            running[name] = subprocess.Popen(["bash", str(FOLDER / f"{job}.sh")], env=environment)
        for name, process in [*running.items()]:
            status = process.poll()
            if status is not None:
                del running[name]
                state = f"{'FAILED' if status else 'COMPLETED'}|{max(status, 0)}:{max(-status, 0)}"
                with suppress(OSError):
                    state = (FOLDER / "state").read_text().strip() + "|0:0"
                with suppress(FileExistsError), (FOLDER / f"{name}.state").open("x") as file:
                    file.write(state)
        time.sleep(0.02)
    return 0


def srun(*words: str) -> int:
    arguments = [*words]
    output = error = os.devnull
    task = os.environ["FAKE_TASK"]
    while arguments and arguments[0].startswith("-"):
        flag = arguments.pop(0)
        if flag in ("--output", "--error"):
            path = arguments.pop(0).replace("%A_%a", task).replace("%j", task).replace("%t", "0")
            output, error = (path, error) if flag == "--output" else (output, path)
    os.setsid()
    (FOLDER / f"{task}.step").write_text(str(os.getpid()))
    os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    os.dup2(os.open(error, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    os.execvp(arguments[0], arguments)


def _tasks() -> dict[str, str]:
    """Return the state and exit code of each task."""
    states = {}
    for path in FOLDER.glob("*.tasks"):
        count = int(path.read_text())
        for name in [f"{path.stem}_{number}" for number in range(count)] or [path.stem]:
            state = "RUNNING|0:0" if (FOLDER / f"{name}.step").exists() else "PENDING|0:0"
            with suppress(OSError):
                state = (FOLDER / f"{name}.state").read_text()
            states[name] = state
    return states


def squeue(*words: str) -> int:
    for name, state in _tasks().items():
        if state.startswith(("RUNNING", "PENDING")):
            print(f"{name}|{state.partition('|')[0]}")
    return 0


def sacct(*words: str) -> int:
    for name, state in _tasks().items():
        print(f"{name}|{state}")
        print(f"{name}.batch|{state}")
    return 0


def scancel(*words: str) -> int:
    with (FOLDER / "calls").open("a") as file:
        file.write(f"scancel {' '.join(words)}\n")
    states = _tasks()
    for name in (word for word in words if not word.startswith("-")):
        waits = states[name].startswith("PENDING")
        step = FOLDER / f"{name}.step"
        if "--signal=INT" in words and step.exists():
            with suppress(OSError):
                os.killpg(int(step.read_text()), signal.SIGINT)
        elif ("--state=PENDING" in words and waits) or not any(word.startswith("-") for word in words):
            (FOLDER / f"{name}.state").write_text("CANCELLED by 0|0:0")
            if step.exists():
                with suppress(OSError):
                    os.killpg(int(step.read_text()), signal.SIGKILL)
    return 0


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]](*sys.argv[2:]))
