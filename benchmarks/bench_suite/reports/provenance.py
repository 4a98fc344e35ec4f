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
CODED = ("Command", "Resumed by", "Overrides")
"Facts that are code."


def run_facts(run: Run, run_tables: Sequence[Table], only: Sequence[str] = ()) -> str:
    """Return a Markdown list of facts, without empty ones: suite, run, program, command, hardware, versions, time.

    Args:
        run: the run.
        run_tables: its tables.
        only: the names of the facts; default: all of them.
    """
    written = {
        name: ", then ".join(map(escaping.code, values)) if name in CODED else escaping.inline(", ".join(values))
        for name, values in facts(run, run_tables).items()
        if not only or name in only
    }
    return "\n".join(f"- **{name}:** {value}" for name, value in written.items())


def facts(run: Run, run_tables: Sequence[Table]) -> dict[str, list[str]]:
    """Return the facts of a run by name as plain text, without empty ones; a fact has several values rarely."""
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
    values: dict[str, Any] = {
        "Suite": info["suite"],
        "Run": run.name,
        "Started": info["started"],
        "Program": f"bench-suite {info['version']}" if info.get("version") else "",
        "Suite's repository": f"commit {commit}{dirty}" if git else "not in a git repository",
        "Command": info.get("command", ""),
        "Resumed by": [command for command in info.get("resumed") or [] if command],
        "Overrides": _overrides(info),
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
    return {
        name: [" ".join(str(one).split()) for one in (value if isinstance(value, list) else [value])]
        for name, value in values.items()
        if value
    }


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
    other = total - sum(spent.values())
    shown = {**spent, **({"other": other} if spent and other >= 0.05 else {})}  # so that the parts sum to the total
    parts = ", ".join(f"{part} {seconds:,.1f} s" for part, seconds in shown.items())
    return f"{total:,.0f} s in these cells" + (f": {parts}" if parts else "") if total else ""


DATA_HEADER = ("Data", "Source", "Revision", "Licence", "Notes", "Fingerprint")


def data(run_tables: Sequence[Table]) -> str:
    """Return a Markdown table of the data sets: source, revision, licence, notes, fingerprint."""
    rows = [[*(escaping.inline(text) for text in texts), escaping.code(code)] for *texts, code in data_rows(run_tables)]
    return escaping.table(list(DATA_HEADER), rows) if rows else ""


def data_rows(run_tables: Sequence[Table]) -> list[list[str]]:
    """Return a row of `DATA_HEADER` for each data set, as plain text."""
    rows = {}
    for facts_of_data in (table.data for table in run_tables):
        notes = ", ".join(f"{name}: {value}" for name, value in (facts_of_data.get("notes") or {}).items())
        cells = [*(facts_of_data.get(name) for name in ("name", "source", "revision", "licence")), notes]
        rows[json.dumps(facts_of_data, default=str, sort_keys=True)] = [
            *(str(cell) if cell else formatting.NOTHING for cell in cells),
            str(facts_of_data.get("fingerprint", "")),
        ]
    return list(rows.values())


def reproduction_commands(run: Run) -> str:
    """Return the commands that reproduce the run as Markdown, with a remark on what they do not restore."""
    commands, remark = reproduction(run)
    text = escaping.block("\n".join(commands), "sh")
    # The remark names the suite's file only, which is code here.
    suite = suite_and_selection(run.info)[0]
    return text + (f"\n\n{remark.replace(f' as {suite}.', f' as {escaping.code(suite)}.')}" if remark else "")


def reproduction(run: Run) -> tuple[list[str], str]:
    """Return the commands that reproduce the run, and a remark on what they do not restore, both as plain text."""
    info = run.info
    if imported := info.get("imported"):
        return [_import_command(info, imported), "bench report"], ""
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
    commands = [" ".join(line.split()) for line in (*lines, shlex.join(words), "bench report")]
    has_text = bool(info.get("text"))
    if git.get("dirty"):
        remark = "The repository had uncommitted changes: the commit alone may give other numbers."
        return commands, remark + (" The suite as it ran is below." if has_text else "")
    if has_text and suite.endswith(".toml"):
        condition = (
            "If the commit lacks the suite's file" if git.get("commit") else "If you do not have the suite's file"
        )
        return commands, f"{condition}, save the text below as {suite}."
    return commands, ""


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
