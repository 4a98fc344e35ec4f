"""Fills the documentation's generated parts from the code, while MkDocs builds: nothing of them is committed.

A page holds `<!-- generated: NAME -->` where a part belongs; NAME is a key of `PARTS`, with an argument after a space
where the part takes one. Components are read from their source, as `bench show` reads them, and nothing is imported.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from bench_suite import components
from bench_suite.cli import COMMANDS, bench
from bench_suite.components import Component
from bench_suite.contracts import ComponentError, Kind
from bench_suite.options import MISSING, Option, describe, show
from bench_suite.suite import AXES, COMMON, EVALUATE, RULES, train_options

ROOT = Path(__file__).parent.parent
MARKER = re.compile(r"^<!-- generated: (?P<name>[a-z]+)(?: (?P<argument>.+?))? -->$", re.MULTILINE)
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """MkDocs' hook: the page with its generated parts, and links that leave the site as plain text."""
    return filled(inside(markdown, page.file.src_uri.count("/")), page.file.src_uri)


def inside(markdown: str, depth: int) -> str:
    """Markdown in which links that leave the site are plain text; `depth` is that of the page's folder below docs/."""
    leaving = "../" * (depth + 1)
    return LINK.sub(lambda match: match["text"] if match["target"].startswith(leaving) else match[0], markdown)


def filled(markdown: str, name: str) -> str:
    """A page's Markdown with every marker replaced. Raises ValueError where a marker names no part."""

    def part(match: re.Match[str]) -> str:
        if match["name"] not in PARTS:
            raise ValueError(f'{name}: there is no generated part "{match["name"]}" (there are: {", ".join(PARTS)})')
        return PARTS[match["name"]](match["argument"] or "")

    return MARKER.sub(part, markdown)


# ── tables ──────────────────────────────────────────────────────────────────────────────────────


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; what would end a cell is escaped."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def cell(text: str) -> str:
    """Text on one line, in which a bar is a bar."""
    return " ".join(text.split()).replace("|", "\\|")


def option_table(options: Mapping[str, Option]) -> str:
    """Name, what it may be, default, bounds and help of each option."""
    if not options:
        return "No options.\n"
    rows = ([f"`{o.name}`", describe(o.type), default(o), bounds(o), o.help] for o in options.values())
    return table(("option", "is", "default", "bounds", "meaning"), rows)


def default(option: Option) -> str:
    """The default as TOML writes it."""
    if option.default is MISSING:
        return "none"
    return "unset" if option.default is None else f"`{show(option.default)}`"


def bounds(option: Option) -> str:
    """Least and greatest value, in words."""
    low, high = option.bounds
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"{low} or more" if low is not None else f"{high} or less" if high is not None else ""


def metric_table(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Unit, direction and ideal value of each metric."""
    return table(
        ("metric", "unit", "better", "ideal"),
        ([f"`{name}`", facts["unit"], facts["better"], f"{facts.get('ideal', '')}"] for name, facts in metrics.items()),
    )


# ── parts ───────────────────────────────────────────────────────────────────────────────────────


def found(kind: Kind) -> list[Component]:
    """The components of a kind that ship; a file that is none, such as a function that metrics share, is left out."""
    every = []
    for name in components.builtin(kind):
        try:
            every.append(components.find(kind, name, ROOT))
        except ComponentError:
            continue
    return every


def part_options(which: str) -> str:
    """One of the option tables of a suite file."""
    evaluate = dict(EVALUATE) | {name: option for p in found("problems") for name, option in p.options.items()}
    known = {"train": train_options(), "axes": AXES, "evaluate": evaluate, "gate": RULES, "tasks": COMMON["tasks"]}
    return option_table(known[which])


def part_probes(_: str) -> str:
    """Every probe with its options and metrics."""
    text = []
    for probe in found("probes"):
        text += [f"### `[probes.{probe.name}]`", probe.summary, option_table(probe.options), emitted(probe)]
    return "\n\n".join(text)


def emitted(probe: Component) -> str:
    """The metrics of a probe, for each problem where they depend on it."""
    text = []
    if probe.facts.get("METRICS_OF_PROBLEM"):
        for problem in found("problems"):
            metrics = {f"{probe.name}/{name}": facts for name, facts in problem.facts["METRICS"].items()}
            text += [f"For {problem.name}:", metric_table(metrics)]
    if probe.facts["METRICS"]:
        text.append(metric_table({f"{probe.name}/{name}": facts for name, facts in probe.facts["METRICS"].items()}))
    return "\n\n".join(text)


def part_components(kind: str) -> str:
    """Every component of a kind: what it is, its facts, options and functions."""
    text = []
    for component in found(kind):  # type: ignore[arg-type]  # a marker with a wrong kind finds nothing, and a test says so
        text += [f"## {component.name}", component.doc.strip(), FACTS[kind](component)]
        if kind in ("tasks", "models", "probes", "problems"):
            text.append(option_table({**COMMON.get(kind, {}), **component.options}))  # type: ignore[call-overload]  # a word, as above
        if kind == "probes":
            text.append(emitted(component))
        for function in FUNCTIONS[kind] or (component.name,):
            if function in component.functions:
                text.append(documented(f"{component.module}.{function}"))
    return "\n\n".join(part for part in text if part)


def documented(name: str) -> str:
    """A function's signature and docstring, by mkdocstrings."""
    return f"::: {name}\n    options:\n      heading_level: 4\n      show_root_toc_entry: false\n"


FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "tasks": ("load",),
    "problems": ("fit_spec", "loss", "predict"),
    "models": ("build",),
    "engines": ("train",),
    "probes": ("probe", "during", "summarise"),
    "metrics": (),  # the function that has the file's name
}


def task_facts(task: Component) -> str:
    """Where a task's data come from, their licence, and what they are."""
    facts = literals(task.path) | dict(task.facts)
    package = facts.get("PACKAGE")
    size = "`sample`" if "HUB" in facts else "`full` and `sample`"
    rows = {
        "modality": facts["MODALITY"],
        "problem": facts["PROBLEM"],
        "sensitive groups": ", ".join(facts.get("GROUPS", ())) or "none",
        "shifts": ", ".join(facts.get("SHIFTS", ())) or "none",
        "`full` from the hub": ", ".join(f"`{hub_id}`" for hub_id in task.words("HUB")),
        f"{size} from the package": f"`{package[0]}`, its file `{package[1]}`" if package else "",
        "licence": facts.get("LICENCE", ""),
        "licence of the sample": facts.get("SAMPLE_LICENCE", ""),
        "version": str(task.version),
    }
    return table(("fact", "is"), ([name, str(value)] for name, value in rows.items() if value))


def model_facts(model: Component) -> str:
    """What a model takes, does and provides."""
    network = "gradients" in model.words("PROVIDES")
    rows = {
        "takes": ", ".join(model.words("MODALITIES")),
        "does": ", ".join(model.words("PROBLEMS")),
        "provides": ", ".join(model.words("PROVIDES")) or "nothing beyond predictions",
        "trained by": "an engine" if network else "itself: no engine, no precision",
        "training options it uses": "" if network else ", ".join((*model.words("ACCEPTS"), "validation")),
        "version": str(model.version),
    }
    return table(("fact", "is"), ([name, value] for name, value in rows.items() if value))


def probe_facts(probe: Component) -> str:
    """What a probe needs."""
    rows = {
        "measures": ", ".join(probe.words("PROBLEMS")) or "every problem",
        "needs": ", ".join(probe.words("NEEDS")) or "nothing beyond predictions",
        "measures during training": "yes" if "during" in probe.functions else "no",
        "version": str(probe.version),
    }
    return table(("fact", "is"), rows.items())


def metric_facts(metric: Component) -> str:
    """Unit and direction of a metric."""
    facts = {name.lower(): metric.facts[name] for name in ("UNIT", "BETTER", "IDEAL") if name in metric.facts}
    return metric_table({metric.name: facts})


def engine_facts(engine: Component) -> str:
    """Which training options an engine understands."""
    return "Understands " + ", ".join(f"`{option}`" for option in engine.words("ACCEPTS")) + ".\n"


def problem_facts(problem: Component) -> str:
    """The metrics that `quality` emits for a problem."""
    return metric_table(problem.facts["METRICS"])


FACTS: Mapping[str, Callable[[Component], str]] = {
    "tasks": task_facts,
    "problems": problem_facts,
    "models": model_facts,
    "engines": engine_facts,
    "probes": probe_facts,
    "metrics": metric_facts,
}


def literals(path: Path) -> dict[str, Any]:
    """Module-level literal constants of a file."""
    values = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                values[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return values


def part_summary(_: str) -> str:
    """All components, with their first lines."""
    rows = []
    for kind in components.KINDS:
        rows += [[kind, f"[{part.name}]({kind}.md#{part.name})", part.summary] for part in found(kind)]
    return table(("kind", "name", "what it is"), rows)


def part_commands(_: str) -> str:
    """Every command: its help, arguments and options."""
    text = []
    for name in COMMANDS:
        command = bench.get_command(click.Context(bench), name)
        assert command is not None
        context = click.Context(command, info_name=f"bench {name}")
        usage = " ".join(command.collect_usage_pieces(context))
        text += [f"## bench {name}", f"```text\nbench {name} {usage}\n```", paragraphs(command.help or "")]
        rows = [
            record for p in command.params if isinstance(p, click.Option) and (record := p.get_help_record(context))
        ]
        if rows:
            text.append(table(("option", "meaning"), ([code(flag), meaning] for flag, meaning in rows)))
    return "\n\n".join(text)


def code(text: str) -> str:
    """Code in a cell of a table, where neither a bar nor a backslash before it would do."""
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"


def paragraphs(text: str) -> str:
    """Click's help as Markdown: what follows a `\\b` is a block of commands."""
    parts = re.split(r"\n\s*\n", re.sub(r"^ +", "", text, flags=re.MULTILINE))
    return "\n\n".join("```sh" + p[1:] + "\n```" if p.startswith("\b") else p for p in (p.strip() for p in parts))


def part_quickstart(_: str) -> str:
    """What the quickstart prints, as the README shows it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.search(r"<!-- bench:quickstart -->\n(.*?)<!-- /bench:quickstart -->", text, re.DOTALL)
    return match[1].strip() if match else ""


def part_changelog(_: str) -> str:
    """The changelog, without its title."""
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("\n")[2].strip()


def part_file(name: str) -> str:
    """A file beside the pages, as it is: there it is one that can be copied, and tests run."""
    path = ROOT / "docs" / name
    return f"```{path.suffix.removeprefix('.').replace('yml', 'yaml')}\n{path.read_text(encoding='utf-8')}```\n"


PARTS: Mapping[str, Callable[[str], str]] = {
    "options": part_options,
    "probes": part_probes,
    "components": part_components,
    "summary": part_summary,
    "commands": part_commands,
    "file": part_file,
    "quickstart": part_quickstart,
    "changelog": part_changelog,
}
