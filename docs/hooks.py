"""Fill the generated parts of the documentation from the code while MkDocs builds; none of them is committed.

A page contains `<!-- generated: NAME -->` in the place of a part. NAME is a key of `PARTS`; an argument can follow
after a space. Components are read from their source, as `bench show` reads them, without importing them.
"""

from __future__ import annotations

import ast
import html
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_suite.cli import COMMANDS, bench
from bench_suite.components import discovery
from bench_suite.components.discovery import Component
from bench_suite.components.options import MISSING, Option, describe, show
from bench_suite.contracts import ComponentError, Kind
from bench_suite.suite.spec import (
    AXES,
    COMMON,
    DATA,
    EVALUATE,
    GATE_ONLY,
    GATE_OPTIONS,
    GATE_RATIO,
    RULES,
    train_options,
)

if TYPE_CHECKING:
    from bench_suite.store.runs import Run

ROOT = Path(__file__).parent.parent
MARKER = re.compile(r"^<!-- generated: (?P<name>[a-z]+)(?: (?P<argument>.+?))? -->$", re.MULTILINE)
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page with its generated parts, and with links that leave the site as plain text (a hook of MkDocs)."""
    return filled(inside(markdown, page.file.src_uri.count("/")), page.file.src_uri)


def inside(markdown: str, depth: int) -> str:
    """Return Markdown in which links that leave the site are plain text.

    Args:
        markdown: The text of a page.
        depth: Depth of the page's folder below docs/.
    """
    leaving = "../" * (depth + 1)
    return LINK.sub(lambda match: match["text"] if match["target"].startswith(leaving) else match[0], markdown)


def filled(markdown: str, name: str) -> str:
    """Return the Markdown of a page with every marker replaced.

    Raises:
        ValueError: If a marker names no part.
    """

    def part(match: re.Match[str]) -> str:
        if match["name"] not in PARTS:
            raise ValueError(f'{name}: there is no generated part "{match["name"]}" (there are: {", ".join(PARTS)})')
        return PARTS[match["name"]](match["argument"] or "")

    return MARKER.sub(part, markdown)


# ── tables ──────────────────────────────────────────────────────────────────────────────────────


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table in which the text of cells is escaped."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def cell(text: str) -> str:
    """Return the text on one line, with bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def option_table(options: Mapping[str, Option]) -> str:
    """Return a table with name, type, default, bounds and help of each option."""
    if not options:
        return "No options.\n"
    rows = ([f"`{o.name}`", describe(o.type), default(o), bounds(o), o.help] for o in options.values())
    return table(("option", "type", "default", "bounds", "meaning"), rows)


def default(option: Option) -> str:
    """Return the default as TOML writes it."""
    if option.default is MISSING:
        return "none"
    return "unset" if option.default is None else f"`{show(option.default)}`"


def bounds(option: Option) -> str:
    """Return the smallest and largest value in words."""
    low, high = option.bounds
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"{low} or more" if low is not None else f"{high} or less" if high is not None else ""


def metric_table(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table with meaning, unit, direction, ideal value and range of each metric."""
    described = any("about" in facts for facts in metrics.values())
    return table(
        ("metric", *(["meaning"] if described else []), "unit", "better", "ideal", "range"),
        (
            [
                f"`{name}`", *([str(facts.get("about", ""))] if described else []), facts["unit"], facts["better"],
                f"{facts.get('ideal', '')}", range_text(facts.get("range")),
            ]
            for name, facts in metrics.items()
        ),
    )  # fmt: skip


def range_text(bounds: tuple[float | None, float | None] | None) -> str:
    """Return the smallest and the largest value of a metric in words."""
    low, high = bounds or (None, None)
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"{low:g} or more" if low is not None else f"{high:g} or less" if high is not None else ""


# ── parts ───────────────────────────────────────────────────────────────────────────────────────


def shipped(kind: Kind) -> list[Component]:
    """Return the components of a kind that ship, without files that are not components."""
    every = []
    for name in discovery.builtin(kind):
        try:
            every.append(discovery.find(kind, name, ROOT))
        except ComponentError:
            continue
    return every


def part_options(which: str) -> str:
    """Return one of the option tables of a suite file."""
    evaluate = dict(EVALUATE) | {name: option for p in shipped("problems") for name, option in p.options.items()}
    known = {
        "train": train_options(),
        "axes": AXES,
        "evaluate": evaluate,
        "gate": {**RULES, "ratio_to": GATE_RATIO, "only": GATE_ONLY},
        "gate as a whole": GATE_OPTIONS,
        "tasks": COMMON["tasks"],
        "data": DATA,
    }
    return option_table(known[which])


def part_probes(_: str) -> str:
    """Return every probe with its options and metrics."""
    text = []
    for probe in shipped("probes"):
        text += [f"### `[probes.{probe.name}]`", probe.summary, option_table(probe.options), emitted(probe)]
    return "\n\n".join(text)


def emitted(probe: Component) -> str:
    """Return the metrics of a probe, by problem if they depend on it."""
    text = []
    if probe.facts.get("METRICS_OF_PROBLEM"):
        for problem in shipped("problems"):
            metrics = {f"{probe.name}/{name}": facts for name, facts in problem.facts["METRICS"].items()}
            text += [f"For {problem.name}:", metric_table(metrics)]
    if probe.facts["METRICS"]:
        text.append(metric_table({f"{probe.name}/{name}": facts for name, facts in probe.facts["METRICS"].items()}))
    return "\n\n".join(text)


def part_components(kind: str) -> str:
    """Return every component of a kind with its description, facts, options and functions."""
    text = []
    for component in shipped(kind):  # type: ignore[arg-type]  # a marker with a wrong kind gives nothing, and a test fails
        text += [f"## {component.name}", component.doc.strip(), FACTS.get(kind, version)(component)]
        if kind in ("tasks", "models", "probes", "problems", "importers", "exporters"):
            text.append(option_table({**COMMON.get(kind, {}), **component.options}))  # type: ignore[call-overload]  # a word, as above
        if kind == "probes":
            text.append(emitted(component))
        for function in FUNCTIONS.get(kind, ()) or (component.name,):
            if function in component.functions:
                text.append(documented(f"{component.module}.{function}"))
    return "\n\n".join(part for part in text if part)


def documented(name: str) -> str:
    """Return the directive that makes mkdocstrings print a function's signature and docstring."""
    return f"::: {name}\n    options:\n      heading_level: 4\n      show_root_toc_entry: false\n"


FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "tasks": ("load",),
    "problems": ("fit_spec", "loss", "predict"),
    "models": ("build",),
    "engines": ("train",),
    "probes": ("probe", "during", "summarise"),
    "executors": ("execute",),
    "importers": ("matches", "cells"),
    "exporters": ("export", "export_run", "export_to", "follow"),
    "metrics": (),  # the function that has the file's name
}


def task_facts(task: Component) -> str:
    """Return a table with the sources, the licence and the kind of a task's data."""
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
    return table(("fact", "value"), ([name, str(value)] for name, value in rows.items() if value))


def model_facts(model: Component) -> str:
    """Return a table with what a model supports and provides."""
    network = "gradients" in model.words("PROVIDES")
    rows = {
        "modalities": ", ".join(model.words("MODALITIES")),
        "problems": ", ".join(model.words("PROBLEMS")),
        "provides": ", ".join(model.words("PROVIDES")) or "nothing beyond predictions",
        "trained by": "an engine" if network else "itself, without engine and precision",
        "training options it uses": "" if network else ", ".join((*model.words("ACCEPTS"), "validation")),
        "version": str(model.version),
    }
    return table(("fact", "value"), ([name, value] for name, value in rows.items() if value))


def probe_facts(probe: Component) -> str:
    """Return a table with the needs of a probe."""
    rows = {
        "measures": ", ".join(probe.words("PROBLEMS")) or "every problem",
        "needs": ", ".join(probe.words("NEEDS")) or "nothing beyond predictions",
        "measures during training": "yes" if "during" in probe.functions else "no",
        "version": str(probe.version),
    }
    return table(("fact", "value"), rows.items())


def metric_facts(metric: Component) -> str:
    """Return a table with unit and direction of a metric."""
    facts = {name.lower(): metric.facts[name] for name in ("UNIT", "BETTER", "IDEAL", "RANGE") if name in metric.facts}
    return metric_table({metric.name: facts})


def engine_facts(engine: Component) -> str:
    """Return the training options that an engine understands, and its other facts."""
    facts = literals(engine.path)
    rows = {
        "training options": ", ".join(f"`{option}`" for option in engine.words("ACCEPTS")),
        "precisions": ", ".join(f"`{precision}`" for precision in facts.get("PRECISIONS", ())),
        "devices": ", ".join(f"`{device}`" for device in facts.get("DEVICES", ())),
        "compiles": "yes" if facts.get("COMPILE") else "",
        "deterministic": "yes" if facts.get("DETERMINISTIC") else "",
        "version": str(engine.version),
    }
    return table(("fact", "value"), ([name, value] for name, value in rows.items() if value))


def problem_facts(problem: Component) -> str:
    """Return the metrics that `quality` emits for a problem."""
    return metric_table(problem.facts["METRICS"])


def exporter_facts(exporter: Component) -> str:
    """Return a table with when an exporter writes and the packages that it needs."""
    rows = {
        "writes": " and ".join(
            when
            for when, functions in {
                "during a run": {"follow"},
                "from a finished result": {"export", "export_run", "export_to"},
            }.items()
            if functions & exporter.functions
        ),
        "chosen by": ", ".join(f"`{suffix}`" for suffix in exporter.words("SUFFIXES")),
        "needs the packages": ", ".join(exporter.words("IMPORTS")),
        "version": str(exporter.version),
    }
    return table(("fact", "value"), ([name, value] for name, value in rows.items() if value))


def executor_facts(executor: Component) -> str:
    """Return a table with what an executor needs of the machine."""
    rows = {"needs": ", ".join(executor.words("NEEDS")) or "this process only", "version": str(executor.version)}
    return table(("fact", "value"), rows.items())


def version(component: Component) -> str:
    """Return the version of a component, the only fact that every kind has."""
    return table(("fact", "value"), [["version", str(component.version)]])


FACTS: Mapping[str, Callable[[Component], str]] = {
    "tasks": task_facts,
    "problems": problem_facts,
    "models": model_facts,
    "engines": engine_facts,
    "probes": probe_facts,
    "metrics": metric_facts,
    "executors": executor_facts,
    "exporters": exporter_facts,
}


def literals(path: Path) -> dict[str, Any]:
    """Return the module-level literal constants of a file."""
    values = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                values[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return values


def part_summary(_: str) -> str:
    """Return a table of all components with the first lines of their docstrings."""
    rows = []
    for kind in discovery.KINDS:
        rows += [[kind, f"[{p.name}]({kind}.md#{p.name})", p.summary] for p in shipped(kind)]
    return table(("kind", "name", "description"), rows)


def part_commands(_: str) -> str:
    """Return every command with its help, arguments and options."""
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
    """Return code for a cell of a table, where a bar can only be written as an entity."""
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"


def paragraphs(text: str) -> str:
    """Return the help of Click as Markdown; the text after a `\\b` is a block of commands."""
    parts = re.split(r"\n\s*\n", re.sub(r"^ +", "", text, flags=re.MULTILINE))
    return "\n\n".join("```sh" + p[1:] + "\n```" if p.startswith("\b") else p for p in (p.strip() for p in parts))


def part_quickstart(_: str) -> str:
    """Return the output of the quickstart, as the README shows it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.search(r"<!-- bench:quickstart -->\n(.*?)<!-- /bench:quickstart -->", text, re.DOTALL)
    return match[1].strip() if match else ""


def part_changelog(_: str) -> str:
    """Return the changelog without its title."""
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("\n")[2].strip()


def part_file(name: str) -> str:
    """Return a file beside the pages as a block; readers copy the file itself, and tests run it."""
    path = ROOT / "docs" / name
    return f"```{path.suffix.removeprefix('.').replace('yml', 'yaml')}\n{path.read_text(encoding='utf-8')}```\n"


def part_notebook(name: str) -> str:
    """Return the cells of a notebook beside the pages, with their stored outputs and without its title."""
    cells = json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))["cells"]
    parts = []
    for number, entry in enumerate(cells):
        source = "".join(entry["source"])
        if entry["cell_type"] == "markdown":
            text = source.partition("\n")[2] if number == 0 else source
            parts.append(re.sub(r"\]\((?!https?:|#)", "](../", text.strip()))
            continue
        parts.append(f"```python\n{source}\n```")
        parts += [shown for output in entry["outputs"] if (shown := notebook_output(output))]
    return "\n\n".join(parts)


def notebook_output(output: Mapping[str, Any]) -> str:
    """Return an output of a cell in the richest form that a page can show."""
    data = {kind: "".join(content) for kind, content in output.get("data", {}).items()}
    if "text/html" in data:
        lines = "\n".join(line for line in data["text/html"].splitlines() if line.strip())
        return f'<div class="output">\n{lines}\n</div>'
    if "image/png" in data:
        picture = "".join(data["image/png"].split())
        source = f"data:image/png;base64,{picture}"
        return f'<div class="output"><img alt="the picture that this cell draws" src="{source}"></div>'
    text = data.get("text/plain", "".join(output.get("text", "")))
    return f"```text\n{text.rstrip()}\n```" if text else ""


# ── the floors of the program ───────────────────────────────────────────────────────────────────


def floors() -> list[list[str]]:
    """Return the rooms of each floor, from the top down, as the import contract in pyproject.toml lists them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = (c for c in settings["contracts"] if c["type"] == "layers" and "bench_suite" in c["containers"])
    return [[room.strip(" ()") for room in re.split("[|:]", layer)] for layer in contract["layers"]]


def mermaid(rooms: list[list[str]]) -> str:
    """Return the floors as the source of a Mermaid flowchart; an arrow means "may import"."""
    lines = ["flowchart TB"]
    for number, row in zip(range(len(rooms), 0, -1), rooms):
        lines += [f'  subgraph floor{number}["{number}"]', *(f"    {room}" for room in row), "  end"]
    lines += [f"  floor{number} --> floor{number - 1}" for number in range(len(rooms), 1, -1)]
    return "\n".join(lines)


def drawing(rooms: list[list[str]]) -> str:
    """Return the floors as an inline SVG, without a script; tooltips are the first lines of docstrings."""
    left, height, gap, letter = 92, 40, 8, 8.2
    widths = [[round(len(room) * letter) + 22 for room in row] for row in rooms]
    width = left + max(sum(row) + gap * len(row) for row in widths) + gap
    total = height * len(rooms)
    turned = f'transform="translate(32 {total // 2}) rotate(-90)"'
    parts = [
        f'<div class="floors"><svg viewBox="0 0 {width} {total}" width="{width}" role="img">',
        "<title>The floors of the program: a room may import rooms on lower floors only</title>",
        f'<path class="arrow" d="M14 10 V{total - 14} m-5 -8 l5 8 l5 -8"/>',
        f'<text class="number" {turned} text-anchor="middle">may import</text>',
    ]
    for index, (row, sizes) in enumerate(zip(rooms, widths)):
        top, x = index * height, left
        parts.append(f'<rect class="floor" x="46" y="{top + 2}" width="{width - 48}" height="{height - 4}"/>')
        parts.append(f'<text class="number" x="68" y="{top + 25}" text-anchor="middle">{len(rooms) - index}</text>')
        for room, size in zip(row, sizes):
            middle = x + size / 2
            parts += [
                f"<g><title>{html.escape(purpose(room) or room)}</title>",
                f'<rect class="room" x="{x}" y="{top + 7}" width="{size}" height="{height - 14}"/>',
                f'<text x="{middle:g}" y="{top + 25}" text-anchor="middle">{html.escape(room)}</text></g>',
            ]
            x += size + gap
    return "\n".join([*parts, "</svg></div>"])


def purpose(room: str) -> str:
    """Return the first line of a room's docstring."""
    folder = discovery.PACKAGE / room
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def part_floors(_: str) -> str:
    """Return the drawing of the floors, and its source for Mermaid."""
    rooms = floors()
    source = f"The same drawing as the source of a Mermaid flowchart:\n\n```text\n{mermaid(rooms)}\n```\n"
    return "\n\n".join([drawing(rooms), source])


# ── gallery ─────────────────────────────────────────────────────────────────────────────────────


def part_gallery(_: str) -> str:
    """Return a table of the pages that `on_post_build` writes."""
    rows = []
    for suite, run in gallery_runs().items():
        title, about = (html.escape(str(run.info.get(key) or "")) for key in ("title", "description"))
        rows.append([f'<a href="gallery/{suite}.html">{title or suite}</a>', about, str(run.info["started"])[:10]])
    return table(("report", "question", "run on"), rows)


def gallery_runs() -> dict[str, Run]:
    """Return the newest stored run of each suite that ships with the program, in the order of their names."""
    from bench_suite.store.runs import Run, Store

    newest: dict[str, Run] = {}
    for info in Store(ROOT / "results").runs():
        if (ROOT / "suites" / f"{info.suite}.toml").is_file() and not info.smoke:
            newest.setdefault(info.suite, Run(info.path))
    return dict(sorted(newest.items()))


def on_post_build(config: Any, **_: Any) -> None:
    """Write the pages of the gallery into the built site (a hook of MkDocs)."""
    from bench_suite.reports.html.page import write_page

    for suite, run in gallery_runs().items():
        write_page([run], Path(config["site_dir"]) / "gallery" / f"{suite}.html")


PARTS: Mapping[str, Callable[[str], str]] = {
    "options": part_options,
    "probes": part_probes,
    "components": part_components,
    "summary": part_summary,
    "commands": part_commands,
    "file": part_file,
    "notebook": part_notebook,
    "floors": part_floors,
    "quickstart": part_quickstart,
    "changelog": part_changelog,
    "gallery": part_gallery,
}
