"""`bench export`: write a run in the format of another tool."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from bench_suite.cli.arguments import RESULTS
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import say, say_left_out
from bench_suite.store.commands import display_path

if TYPE_CHECKING:
    from bench_suite.comparison.compare import Comparison
    from bench_suite.components.discovery import Component
    from bench_suite.components.options import Option
    from bench_suite.store.runs import Run, Store

LIST = ""
"Value of `--format` without a name."
FUNCTIONS = ("export_to", "export_run", "export")
"Functions that write a run, if they have a parameter `run`; the first one that an exporter has counts."


def complete_formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of the formats."""
    names = (shown(exporter) for exporter in run_exporters())
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command()
@click.argument("run", default="latest", metavar="[RUN]", shell_complete=run_names)
@click.option(
    "--format", "format_name", is_flag=False, flag_value=LIST, metavar="[NAME]", shell_complete=complete_formats,
    help="Format of the file; default: what the end of FILE says, such as .csv. Without NAME, list the formats.",
)  # fmt: skip
@click.option(
    "--output", metavar="FILE|FOLDER|ADDRESS",
    help="Write it to FILE, or to FOLDER; formats of tracking tools accept the ADDRESS of a server. Default: standard "
    "output, or what the format states.",
)  # fmt: skip
@click.option(
    "--set", "settings", metavar="OPTION=VALUE", multiple=True,
    help="Set an option of the format; `bench show exporter NAME` lists them. Repeatable.",
)  # fmt: skip
@click.option(
    "--against", metavar="BASE",
    help="Judge the gates against BASE, in formats that contain them (junit): a run, `baseline`, `latest` or `last:N`; "
    "default: the baseline of the suite, if there is one.",
)  # fmt: skip
@RESULTS
def command(
    run: str, format_name: str | None, output: str | None, settings: tuple[str, ...], against: str | None, results: Path
) -> None:
    """Write RUN, by default the newest run that is not a smoke run, in the format of another tool.

    \b
      bench export --format                             list the formats
      bench export --output run.csv                     a row per metric
      bench export 20261124T1200 --format json | jq .   one document
      bench export --format pytest-benchmark --output timings.json

    The end of FILE chooses the format. If FILE is a folder, the file is named after the run.
    """
    from bench_suite.comparison.baselines import head_run
    from bench_suite.components import discovery
    from bench_suite.store.runs import Store

    if format_name == LIST:
        list_formats()
        return
    exporter = exporter_of_file(output) if format_name is None else exporter_named(format_name)
    check_packages(exporter)
    function = str(function_of(exporter))
    options = discovery.make_options(exporter, settings_of(exporter, settings))
    check_output(exporter, function, output)
    if against is not None and "comparison" not in exporter.parameters[function]:
        raise click.UsageError(f"--against: the format {shown(exporter)} contains no gates")
    store = Store(results)
    source = head_run(store, run)
    arguments: dict[str, Any] = {"run": source, "options": options, "target": output}
    if "comparison" in exporter.parameters[function]:
        arguments["comparison"], arguments["not_compared"] = comparison_for(store, source, against)
    accepted = {name: value for name, value in arguments.items() if name in exporter.parameters[function]}
    content = getattr(discovery.load(exporter), function)(**accepted)
    if isinstance(content, str):
        say(f"{source.name} written to {content}")
    elif output is None:
        for part in _parts(content):
            sys.stdout.buffer.write(part)
    elif isinstance(content, Mapping):
        for name, file in content.items():
            say(f"{source.name} written to {display_path(_write_file(Path(output) / name, file))}")
    else:
        path = _file_of(exporter, source, output)
        say(f"{source.name} written to {display_path(_write_file(path, content))}")
    say_left_out([*store.damages, *source.damages])


def _parts(content: bytes | Iterable[bytes]) -> Iterable[bytes]:
    return [content] if isinstance(content, bytes) else content


def _file_of(exporter: Component, run: Run, output: str) -> Path:
    """Return the path of the file; it is named after the run if `output` is a folder."""
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)):
        path /= f"{run.name}{''.join(exporter.words('SUFFIXES')[:1])}"
    return path


def _write_file(path: Path, content: bytes | Iterable[bytes]) -> Path:
    from bench_suite.reports.leaderboard import write

    write(path, content)
    return path


# ── the format ──────────────────────────────────────────────────────────────────────────────────


def list_formats() -> None:
    """Print the formats with a line on each."""
    exporters = [*run_exporters()]
    width = max(len(shown(exporter)) for exporter in exporters)
    for exporter in exporters:
        say(f"{shown(exporter):{width}}   {exporter.summary}")
    say("\nnext: bench export RUN --format NAME --output FILE   or its options: bench show exporter NAME")


def run_exporters() -> Iterator[Component]:
    """Yield the exporters that write a run: they have one of `FUNCTIONS`, with a parameter `run`."""
    from bench_suite.components import discovery

    for name in sorted({*discovery.builtin("exporters"), *discovery.installed("exporters")}):
        exporter = discovery.find("exporters", name, Path())
        if function_of(exporter) is not None:
            yield exporter


def function_of(exporter: Component) -> str | None:
    """Return the name of the function that writes a run; None if there is none."""
    return next((name for name in FUNCTIONS if "run" in exporter.parameters.get(name, {})), None)


def exporter_named(name: str) -> Component:
    """Return an exporter of runs by its name, with `_` or `-`.

    Raises:
        UsageError: there is no such exporter of runs.
    """
    from bench_suite.components.suggestions import nearest

    exporters = {shown(exporter): exporter for exporter in run_exporters()}
    exporter = exporters.get(name.replace("_", "-"))
    if exporter is None:
        hint = nearest(name, exporters)
        raise click.UsageError(f"there is no format '{name}' for a run{hint}; the formats are {', '.join(exporters)}")
    return exporter


def exporter_of_file(output: str | None) -> Component:
    """Return the exporter whose `SUFFIXES` contain the end of a file's name.

    Raises:
        UsageError: no file is stated, or its end stands for no format.
    """
    exporters = [*run_exporters()]
    formats = ", ".join(map(shown, exporters))
    if output is None:
        raise click.UsageError(f"Missing option '--format': one of {formats}")
    suffixes = {suffix: exporter for exporter in exporters for suffix in exporter.words("SUFFIXES")}
    matching = [suffix for suffix in suffixes if output.lower().endswith(suffix.lower())]
    if not matching:
        raise click.UsageError(
            f"--output {output} names no format, as {', '.join(suffixes)} do: state --format, one of {formats}"
        )
    return suffixes[max(matching, key=len)]


def shown(exporter: Component) -> str:
    """Return the name of an exporter as other tools spell theirs: `pytest-benchmark`."""
    return exporter.use.replace("_", "-")


# ── what is checked before a run is read ────────────────────────────────────────────────────────


def check_packages(exporter: Component) -> None:
    """Raise UsageError if a package that an exporter states is not installed."""
    from bench_suite.suite.packages import MissingPackage, is_installed

    missing = [name for name in exporter.words("IMPORTS") if not is_installed(name.partition(".")[0])]
    if missing:
        commands = "".join(f"\n  to get it: {MissingPackage(name, ()).command}" for name in missing)
        raise click.UsageError(f"--format {shown(exporter)} needs the package {' and '.join(missing)}{commands}")


def check_output(exporter: Component, function: str, output: str | None) -> None:
    """Raise UsageError if a binary file would go to a terminal."""
    if function != "export_to" and output is None and exporter.facts.get("BINARY") and sys.stdout.isatty():
        raise click.UsageError(f"{shown(exporter)} is a binary format: state --output FILE, or redirect the output")


def settings_of(exporter: Component, settings: Sequence[str]) -> dict[str, Any]:
    """Return the options that `--set` states, each converted to its type; a value is TOML, or else text.

    Raises:
        UsageError: an option does not exist, or a value does not fit.
    """
    from bench_suite.components.suggestions import nearest

    values = {}
    for setting in settings:
        name, equals, written = setting.partition("=")
        option = exporter.options.get(name.strip().replace("-", "_"))
        if not equals:
            raise click.UsageError(f"--set {setting} is not OPTION=VALUE")
        if option is None:
            known = ", ".join(exporter.options) or "it has none"
            raise click.UsageError(
                f"--set {setting}: {shown(exporter)} has no option '{name}'{nearest(name, exporter.options)} "
                f"(options: {known})"
            )
        try:
            values[option.name] = _accepted(option, written)
        except ValueError as error:
            raise click.UsageError(f"--set {setting}: {error}") from None
    return values


def _accepted(option: Option, written: str) -> Any:
    """Return the value of an option: TOML, or else text, or else a list of texts between commas.

    Raises:
        ValueError: none of them fits the option.
    """
    errors = []
    for value in (_value(written), written, written.split(",")):
        try:
            return option.accept(value)
        except ValueError as error:
            errors.append(error)
    raise errors[0]


def _value(written: str) -> Any:
    """Return a value as TOML reads it; a value that is not TOML is a text."""
    try:
        parsed = tomllib.loads(f"value = {written}")
    except (ValueError, RecursionError):
        return written
    return parsed["value"] if len(parsed) == 1 else written


def comparison_for(store: Store, run: Run, against: str | None) -> tuple[Comparison | None, str]:
    """Return the comparison that judges the gates of a run; or None, and why there is none.

    Args:
        store: the runs and baselines.
        run: the run to judge.
        against: the base that the user states; None: the baseline of the suite, if there is one.

    Raises:
        BenchError: the stated base does not exist, or cannot be compared with the run.
    """
    from bench_suite.comparison.baselines import WORD, base_for
    from bench_suite.comparison.compare import compare
    from bench_suite.comparison.preconditions import ComparisonError, NoBaseline

    if against is not None:
        return compare(base_for(store, against, run), run), ""
    try:
        return compare(base_for(store, WORD, run), run), ""
    except (NoBaseline, ComparisonError) as error:
        return None, str(error)
