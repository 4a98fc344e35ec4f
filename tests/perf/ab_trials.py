"""Real trials of `bench ab`: planted slowdowns of 5 % and 15 %, and equal programs; resumable, with a table at the end.

    python tests/perf/ab_trials.py FOLDER                 run what is missing, 20 trials of each kind
    python tests/perf/ab_trials.py FOLDER --trials 2 --only 15%
    python tests/perf/ab_trials.py FOLDER --table         print the table only

Each trial is one command, whose document goes to FOLDER/KIND-NUMBER.json. An interrupted trial is run again. On an idle
machine with two cores a trial takes about a minute; all 60 take at most 20 · (5 + 1 + 5) min = 3 h 40 min.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = 400
"Products of a training: 40 ms or so, so that a block has all its rounds."
KINDS = {"5%": (1.05, "5m", "slower", 19), "15%": (1.15, "1m", "slower", 20), "A/A": (1.0, "5m", "not slower", 20)}
"By kind: factor of the work of head, budget, expected verdict, and how many of 20 must have it."
MODEL = '''
"""A training that multiplies matrices as often as an option says."""

from dataclasses import dataclass

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


@dataclass(frozen=True)
class Options:
    work: int = 1000
    "Products of matrices in a training."


class Works:
    def __init__(self, work):
        self.work = work

    def fit(self, data, options, report):
        matrix = np.random.default_rng(0).normal(size=(64, 64))
        for _ in range(self.work):
            matrix = np.tanh(matrix @ matrix)

    def predict(self, split):
        self.fit(None, None, None)
        return {"predictions": np.zeros(len(split), dtype=np.int64)}


def build(data, options):
    return Works(options.work)
'''
SUITE = """
[[tasks]]
use = "loans"

[[models]]
use = "./model.py"

[matrix]
threads = 1

[probes.throughput]
"""


def main() -> int:
    """Run the trials that are missing, and print the table; the status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--table", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    kinds = [arguments.only] if arguments.only else [*KINDS]
    if not arguments.table:
        prepare(folder / "repository")
        for number in range(arguments.trials):
            for kind in kinds:  # in turn, so that a change of the machine concerns all kinds
                run_trial(folder, kind, number)
    return print_table(folder, kinds)


def prepare(repository: Path) -> None:
    """Create the repository of the model, if it is not there."""
    if (repository / ".git").exists():
        return
    repository.mkdir(parents=True, exist_ok=True)
    (repository / "model.py").write_text(MODEL, encoding="utf-8")
    (repository / "ci.toml").write_text(SUITE, encoding="utf-8")
    git = ["git", "-C", str(repository), "-c", "user.name=trial", "-c", "user.email=trial@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Add the model"]):
        subprocess.run([*git, *words], check=True)


def run_trial(folder: Path, kind: str, number: int) -> None:
    """Run one trial, unless its document is there."""
    factor, budget, _, _ = KINDS[kind]
    path = folder / f"{kind.replace('/', '')}-{number:02d}.json"
    if path.exists():
        return
    label = "models.model.work"
    command = [
        sys.executable, "-m", "bench_suite", "ab", "HEAD", "HEAD", "--suite", "ci.toml", "--trust", "--json",
        "--budget", budget, "--only", "model=model", "--seed", str(number), "--results", str(folder / "results"),
        "--base-set", f"{label}={WORK}", "--head-set", f"{label}={round(WORK * factor)}",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "benchmarks"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    load = os.getloadavg()[0]
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder / "repository", env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1, 4):
        sys.exit(f"{kind}, trial {number}: exit status {done.returncode}")
    document = {**json.loads(done.stdout), "load": load, "whole_seconds": time.monotonic() - began}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"{kind} {number}: {verdict(document)}, {document['whole_seconds']:.0f} s, load {load:.1f}", flush=True)


def verdict(document: dict) -> str:
    """Return *slower* if any timing is, else *cannot tell* if any is, else *not slower*."""
    return {1: "slower", 4: "cannot tell", 0: "not slower"}[document["status"]]


def print_table(folder: Path, kinds: list[str]) -> int:
    """Print a row for each kind; return 1 if a target is missed."""
    missed = False
    print("\nkind   trials  slower  not slower  cannot tell  expected  median s  longest s  noise  load")
    for kind in kinds:
        paths = sorted(folder.glob(f"{kind.replace('/', '')}-*.json"))
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        if not documents:
            continue
        verdicts = [verdict(document) for document in documents]
        _, _, expected, least = KINDS[kind]
        right = verdicts.count(expected)
        alarms = verdicts.count("slower") if kind == "A/A" else 0
        missed = missed or alarms > 0 or (kind != "A/A" and right < least * len(verdicts) / 20)
        seconds = [document["whole_seconds"] for document in documents]
        noises = [t["noise"] for document in documents for t in document["timings"] if t["noise"] is not None]
        noise = f"{100 * statistics.median(noises):.1f} %" if noises else "–"
        counts = [verdicts.count(word) for word in ("slower", "not slower", "cannot tell")]
        print(
            f"{kind:6} {len(verdicts):6} {counts[0]:7} {counts[1]:11} {counts[2]:12} {right:6}/{len(verdicts):<3}"
            f"{statistics.median(seconds):9.0f} {max(seconds):10.0f}  {noise:>5}  "
            f"{statistics.median(document['load'] for document in documents):.1f}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
