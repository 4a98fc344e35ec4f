"""Where numbers come from: what ran, on which data, hardware and versions, and the commands that make it again."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from bench_suite.reports import escaping, formatting
from bench_suite.reports.table import Table, machine
from bench_suite.store.runs import Run


def made(run: Run, found: Sequence[Table]) -> str:
    """A list of facts: suite, run, program, repository, command, hardware, versions, time. Empty ones are left out."""
    info = run.info
    git = info.get("git") or {}
    commit = f"{git.get('commit') or 'before the first commit'}" + (f" on {git['branch']}" if git.get("branch") else "")
    dirty = ", with changes that it does not hold" if git.get("dirty") else ""
    environments = _environments(run)
    packages = {
        f"{n} {v}": None for e in environments for n, v in (e.get("packages") or {}).items() if n != "bench-suite"
    }
    systems = {
        f"{e.get('system', {}).get('name', '')} {e.get('system', {}).get('machine', '')}".strip() for e in environments
    }
    pythons = {e.get("python", {}).get("version", "") for e in environments}
    facts = {
        "Suite": info["suite"],
        "Run": run.name,
        "Started": info["started"],
        "Program": f"bench-suite {info['version']}" if info.get("version") else "",
        "Suite's repository": f"commit {commit}{dirty}" if git else "not in a git repository",
        "Command": escaping.code(info.get("command", "")),
        "Resumed by": ", then ".join(escaping.code(command) for command in info.get("resumed") or [] if command),
        "Overrides": escaping.code(_settings(info)),
        "Code of its own": "was run (--trust)" if info.get("trust") else "",
        "Hardware": "; ".join(dict.fromkeys(machine(e.get("hardware") or {}) for e in environments)),
        "System": ", ".join(sorted(systems)),
        "Python": ", ".join(sorted(pythons)),
        "Packages": ", ".join(packages),
        "Threads": _places(found, "threads"),
        "Devices": _places(found, "device"),
        "Time": _time(found),
        "Left out": "; ".join(
            " with ".join(pair[:2]) + f" ({pair[2]})" for pair in info.get("left_out") or [] if len(pair) == 3
        ),
    }
    coded = ("Command", "Resumed by", "Overrides")
    given = {name: value if name in coded else escaping.inline(value) for name, value in facts.items() if value}
    return "\n".join(f"- **{name}:** {value}" for name, value in given.items())


def _environments(run: Run) -> list[Mapping[str, Any]]:
    names = dict.fromkeys(record.environment for record in run.records() if record.environment)
    return [run.environment(name) for name in names]


def _places(found: Sequence[Table], part: str) -> str:
    places = (r.options.get("place") for t in found for row in t.rows for r in row.cells)
    return ", ".join(
        dict.fromkeys(str(place[part]) for place in places if isinstance(place, Mapping) and part in place)
    )


def _time(found: Sequence[Table]) -> str:
    spent: Counter[str] = Counter()
    for record in (record for table in found for row in table.rows for record in row.cells):
        spent.update({part: float(seconds) for part, seconds in record.seconds.items()})
    total = spent.pop("total", 0.0) or sum(spent.values())
    parts = ", ".join(f"{part} {seconds:,.1f} s" for part, seconds in spent.items())
    return f"{total:,.0f} s in these cells" + (f": {parts}" if parts else "") if total else ""


def data(found: Sequence[Table]) -> str:
    """A table of the data sets: source, revision, licence, notes, fingerprint."""
    rows = {}
    for facts in (table.data for table in found):
        notes = ", ".join(f"{name}: {value}" for name, value in (facts.get("notes") or {}).items())
        cells = [facts.get("name"), facts.get("source"), facts.get("revision"), facts.get("licence"), notes]
        written = [escaping.inline(cell) if cell else formatting.NOTHING for cell in cells]
        rows[json.dumps(facts, default=str, sort_keys=True)] = [*written, escaping.code(facts.get("fingerprint", ""))]
    return (
        escaping.table(["Data", "Source", "Revision", "Licence", "Notes", "Fingerprint"], list(rows.values()))
        if rows
        else ""
    )


def again(run: Run) -> str:
    """The commands that make the run again, and what they leave open."""
    info = run.info
    git = info.get("git") or {}
    suite, only = _typed(info)
    words = ["bench", "run", suite, *shlex.split(_settings(info)), *only, *(["--trust"] if info.get("trust") else [])]
    words += ["--smoke"] if info.get("smoke") else []
    if str(info.get("command") or "").startswith("bench try "):  # which needs no file
        words = [word for word in shlex.split(str(info["command"])) if word != "--resume"]
    lines = [f"git checkout {git['commit']}"] if git.get("commit") else []
    lines += [shlex.join(words), "bench report"]
    text = escaping.block("\n".join(" ".join(line.split()) for line in lines), "sh")
    below = bool(info.get("text"))
    if git.get("dirty"):
        text += "\n\nThe repository held changes that were not committed: the commit alone may give other numbers."
        text += " The suite as it was run stands below." if below else ""
    elif below and suite.endswith(".toml"):
        lacking = "If the commit does not hold the suite's file" if git.get("commit") else "Without the suite's file"
        text += f"\n\n{lacking}, save the text below as {escaping.code(suite)}."
    return text


def _settings(info: Mapping[str, Any]) -> str:
    """The overrides as they are typed, quoted for a shell."""
    return shlex.join(word for override in info.get("overrides") or () for word in ("--set", str(override)))


def _typed(info: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The suite as the command named it, without folders of that machine, and its choice of cells (`--only`, `-k`).

    A run that was resumed may hold other cells than its first command chose: then nothing is chosen.
    """
    name = str(info["suite"])
    try:
        words = shlex.split(str(info.get("command") or ""))
    except ValueError:
        words = []
    named = [
        word for before, word in pairwise(words)
        if before != "--results" and not word.startswith("-") and PurePath(word).name in (name, f"{name}.toml")
    ]  # fmt: skip
    suite = named[0] if named else name
    chosen = [] if info.get("resumed") else [
        word for before, value in pairwise(words) if before in ("--only", "-k") for word in (before, value)
    ] + [word for word in words if word.startswith("--only=")]  # fmt: skip
    return (PurePath(suite).name if PurePath(suite).is_absolute() else suite), chosen
