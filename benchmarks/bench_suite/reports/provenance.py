"""The provenance of a run: program, data, hardware and versions, and the commands that reproduce it."""

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

MAIN_FACTS = ("Run", "Started", "Suite's repository", "Command", "Resumed by", "Overrides", "Program", "Hardware")
"The facts of a short report: which run, when, from which commit, by which command, and where."


def run_facts(run: Run, run_tables: Sequence[Table], only: Sequence[str] = ()) -> str:
    """Return a Markdown list of facts, without empty ones: suite, run, program, command, hardware, versions, time.

    Args:
        run: the run.
        run_tables: its tables.
        only: the names of the facts; default: all of them.
    """
    info = run.info
    git = info.get("git") or {}
    commit = f"{git.get('commit') or 'before the first commit'}" + (f" on {git['branch']}" if git.get("branch") else "")
    dirty = ", with uncommitted changes" if git.get("dirty") else ""
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
        "Overrides": escaping.code(_overrides(info)),
        "The suite's Python files": "were run (--trust)" if info.get("trust") else "",
        "Hardware": "; ".join(dict.fromkeys(machine(e.get("hardware") or {}) for e in environments)),
        "System": ", ".join(sorted(systems)),
        "Python": ", ".join(sorted(pythons)),
        "Packages": ", ".join(packages),
        "Threads": _placements(run_tables, "threads"),
        "Devices": _placements(run_tables, "device"),
        "Time": _time(run_tables),
        "Left out": "; ".join(
            " with ".join(pair[:2]) + f" ({pair[2]})" for pair in info.get("left_out") or [] if len(pair) == 3
        ),
    }
    coded = ("Command", "Resumed by", "Overrides")
    written = {
        name: value if name in coded else escaping.inline(value)
        for name, value in facts.items()
        if value and (not only or name in only)
    }
    return "\n".join(f"- **{name}:** {value}" for name, value in written.items())


def _environments(run: Run) -> list[Mapping[str, Any]]:
    names = dict.fromkeys(record.environment for record in run.records() if record.environment)
    return [run.environment(name) for name in names]


def _placements(run_tables: Sequence[Table], part: str) -> str:
    values = (r.options.get("placement") for t in run_tables for row in t.rows for r in row.cells)
    return ", ".join(
        dict.fromkeys(str(value[part]) for value in values if isinstance(value, Mapping) and part in value)
    )


def _time(run_tables: Sequence[Table]) -> str:
    spent: Counter[str] = Counter()
    for record in (record for table in run_tables for row in table.rows for record in row.cells):
        spent.update({part: float(seconds) for part, seconds in record.seconds.items()})
    total = spent.pop("total", 0.0) or sum(spent.values())
    parts = ", ".join(f"{part} {seconds:,.1f} s" for part, seconds in spent.items())
    return f"{total:,.0f} s in these cells" + (f": {parts}" if parts else "") if total else ""


def data(run_tables: Sequence[Table]) -> str:
    """Return a Markdown table of the data sets: source, revision, licence, notes, fingerprint."""
    rows = {}
    for facts in (table.data for table in run_tables):
        notes = ", ".join(f"{name}: {value}" for name, value in (facts.get("notes") or {}).items())
        cells = [facts.get("name"), facts.get("source"), facts.get("revision"), facts.get("licence"), notes]
        texts = [escaping.inline(cell) if cell else formatting.NOTHING for cell in cells]
        rows[json.dumps(facts, default=str, sort_keys=True)] = [
            *texts,
            escaping.code(facts.get("fingerprint", "")),
        ]
    return (
        escaping.table(["Data", "Source", "Revision", "Licence", "Notes", "Fingerprint"], list(rows.values()))
        if rows
        else ""
    )


def reproduction_commands(run: Run) -> str:
    """Return the commands that reproduce the run as Markdown, with a remark on what they do not restore."""
    info = run.info
    if imported := info.get("imported"):
        return escaping.block(f"{_import_command(info, imported)}\nbench report", "sh")
    git = info.get("git") or {}
    suite, only = suite_and_selection(info)
    words = [
        "bench",
        "run",
        suite,
        *shlex.split(_overrides(info)),
        *only,
        *(["--trust"] if info.get("trust") else []),
    ]
    words += ["--smoke"] if info.get("smoke") else []
    if str(info.get("command") or "").startswith("bench try "):  # which needs no file
        words = [word for word in shlex.split(str(info["command"])) if word != "--resume"]
    lines = [f"git checkout {git['commit']}"] if git.get("commit") else []
    lines += [shlex.join(words), "bench report"]
    text = escaping.block("\n".join(" ".join(line.split()) for line in lines), "sh")
    has_text = bool(info.get("text"))
    if git.get("dirty"):
        text += "\n\nThe repository had uncommitted changes: the commit alone may give other numbers."
        text += " The suite as it ran is below." if has_text else ""
    elif has_text and suite.endswith(".toml"):
        condition = (
            "If the commit lacks the suite's file" if git.get("commit") else "If you do not have the suite's file"
        )
        text += f"\n\n{condition}, save the text below as {escaping.code(suite)}."
    return text


def _import_command(info: Mapping[str, Any], imported: Mapping[str, Any]) -> str:
    """Return the command that imported the files of a run: the recorded one, or one that names them."""
    recorded = str(info.get("command") or "")
    if recorded.startswith("bench import "):
        return " ".join(recorded.split())
    return shlex.join(["bench", "import", *(str(file["name"]) for file in imported.get("files", ()))])


def _overrides(info: Mapping[str, Any]) -> str:
    """Return the overrides as options (`--set KEY=VALUE`), quoted for a shell."""
    return shlex.join(word for override in info.get("overrides") or () for word in ("--set", str(override)))


def suite_and_selection(info: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the suite as the command named it, and the words that selected cells (`--only`, `-k`).

    An absolute path is reduced to the file's name. For a resumed run there is no selection, because the run may contain
    other cells than its first command selected.
    """
    name = str(info["suite"])
    try:
        words = shlex.split(str(info.get("command") or ""))
    except ValueError:
        words = []
    suite_words = [
        word for before, word in pairwise(words)
        if before != "--results" and not word.startswith("-") and PurePath(word).name in (name, f"{name}.toml")
    ]  # fmt: skip
    suite = suite_words[0] if suite_words else name
    selection = [] if info.get("resumed") else [
        word for before, value in pairwise(words) if before in ("--only", "-k") for word in (before, value)
    ] + [word for word in words if word.startswith("--only=")]  # fmt: skip
    return (PurePath(suite).name if PurePath(suite).is_absolute() else suite), selection
