"""`bench try`: models on tasks without a file; it writes the equivalent suite and runs that."""

from __future__ import annotations

import json
import os
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from bench_suite.cli.arguments import JSON, RESULTS, SET, SMOKE, shared_options
from bench_suite.cli.completion_values import components_of
from bench_suite.cli.output import printable, say
from bench_suite.store.commands import display_path

if TYPE_CHECKING:
    from bench_suite.components.discovery import Component
    from bench_suite.contracts import Kind
    from bench_suite.suite.document import ErrorEntry

PROBES = ("quality", "throughput", "generalization")
"The probes if none are named."
EPOCHS = 5
"Passes over the data if none are stated: enough for a first number on a sample."
WIDTH = 80
"Most columns of a comment in the suite."
MAX_NAME = 40
"Most characters of the name of the run, which contains the labels as far as they fit."


@click.command()
@click.option("--task", "tasks", multiple=True, required=True, metavar="TASK,…",
              help="Tasks: names, or files such as ./my_task.py.",
              shell_complete=components_of("tasks"))  # fmt: skip
@click.option("--model", "models", multiple=True, required=True, metavar="MODEL,…",
              help="Models: names, or files such as ./my_model.py.",
              shell_complete=components_of("models"))  # fmt: skip
@click.option("--probe", "probes", multiple=True, metavar="PROBE,…", shell_complete=components_of("probes"),
              help=f"Probes to run; default: those of {', '.join(PROBES)} that apply.")  # fmt: skip
@click.option("--seed", "seeds", multiple=True, metavar="SEED,…", help="Seeds; default: 0.")
@click.option("--epochs", type=click.IntRange(0), default=EPOCHS, show_default=True, help="Number of training epochs.")
@click.option("--data", type=click.Choice(["sample", "full"]),
              help="Size of the data; default: the sample in an installed package, if the task has one.")  # fmt: skip
@SET
@click.option("--write", type=click.Path(path_type=Path), metavar="FILE", help="Write the suite to FILE, and run it.")
@click.option("--resume", is_flag=True, help="Continue the newest run of the same command: run the missing cells only.")
@SMOKE
@click.option("--offline", is_flag=True, help="Do not contact the hub.")
@click.option("--trust", is_flag=True, help="Allow the named Python files to run.")
@shared_options(RESULTS, JSON)
def command(
    tasks: tuple[str, ...], models: tuple[str, ...], probes: tuple[str, ...], seeds: tuple[str, ...], epochs: int,
    data: Literal["sample", "full"] | None, overrides: tuple[str, ...], write: Path | None, resume: bool, smoke: bool,
    offline: bool, trust: bool, results: Path, as_json: bool,
) -> int:  # fmt: skip
    """Try models on tasks without a suite file: print the equivalent suite, then run it.

    Repeat --task, --model, --probe or --seed for several values, or separate the values by commas. A model that
    does not fit a task is skipped for it. --write saves the printed suite, which you can edit and run with
    bench run.

    \b
      bench try --task mnist --model mlp,cnn
      bench try --task loans,diabetes --model mlp,gradient_boosting --seed 0,1,2
      bench try --task mnist --model ./my_model.py --trust --smoke
      bench try --task imdb --model bag_of_words --epochs 3 --write mine.toml
    """
    from bench_suite.store.runs import Store
    from bench_suite.suite.credentials import mask_override, mask_words
    from bench_suite.suite.document import SuiteError, parse_document
    from bench_suite.suite.parser import suite_of
    from bench_suite.suite.plan import make_plan

    words = _command_words(tasks, models, probes, seeds, epochs, data, overrides)
    folder = Path() if write is None else write.parent
    chosen_tasks, chosen_models = (_find("tasks", _split(tasks)), _find("models", _split(models)))
    chosen_probes = _find("probes", _split(probes) or PROBES)
    needs_trust = any(component.external for component in (*chosen_tasks, *chosen_models, *chosen_probes))
    made_by = shlex.join(mask_words([*words, *(["--trust"] if trust or needs_trust else [])]))
    text = suite_text(
        chosen_tasks, chosen_models, chosen_probes, _seeds(seeds), epochs, data, tuple(map(mask_override, overrides)),
        made_by, folder,
    )  # fmt: skip
    name = _run_name(_split(tasks), _split(models)) if write is None else write.stem
    file = "the suite" if write is None else str(write)
    try:
        plan = make_plan(suite_of(parse_document(text, file, overrides), name, folder, overrides))
    except SuiteError as error:
        typed = {"tasks": chosen_tasks, "models": chosen_models}
        messages = [_by_option(entry, typed) for entry in error.entries]
        raise SuiteError([*messages, *error.errors[len(messages) :]]) from None
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # before any library of the hub is imported
    from bench_suite.cli.progress import progress_for
    from bench_suite.cli.run_summary import conclude
    from bench_suite.execution.component_checks import check_trust
    from bench_suite.execution.session import Request, execute

    check_trust(plan, trust=trust)
    if write is not None:
        _keep(write, text)
    click.echo(printable(text), err=as_json)  # not folded: it is a file
    flags = {"--smoke": smoke, "--resume": resume, "--trust": trust}
    stored = [*words, *(["--write", write.name] if write else []), *(flag for flag, given in flags.items() if given)]
    request = Request(smoke, offline, trust, "newest" if resume else None, None, stored)
    with progress_for(plan.cells) as callback:
        outcome = execute(plan, Store(results), request, callback)
    resumable = words if write is None else ["bench", "run", display_path(write), *_set_words(overrides)]
    resumable += ["--trust"] if trust else []
    resumable += [] if results == Path("results") else ["--results", str(results)]
    status = conclude(plan, outcome, shlex.join(resumable), as_json=as_json, smoke=smoke)
    if write is None and not as_json:
        say(f"      {'… --write FILE.toml':36}keeps the suite, to edit it")
    return status


# ── the suite ───────────────────────────────────────────────────────────────────────────────────


def suite_text(
    tasks: Sequence[Component], models: Sequence[Component], probes: Sequence[Component], seeds: Sequence[int],
    epochs: int, data: Literal["sample", "full"] | None, overrides: Sequence[str], command: str, folder: Path,
) -> str:  # fmt: skip
    """Return the suite as TOML with comments.

    Args:
        command: the command that makes it.
        folder: where the suite will be, from which the paths of files start.
    """
    title = " on ".join(", ".join(component.name for component in components) for components in (models, tasks))
    comments = [f"Made by: {command}"]
    comments += [f"Run it with the same {shlex.join(_set_words(overrides))}"] if overrides else []
    lines = [
        f"# {line}"
        for comment in comments
        for line in textwrap.wrap(printable(comment, keep=""), WIDTH - 2, break_long_words=False)
    ]
    lines += [f"title = {_toml(title)}"]
    for task in tasks:
        lines += ["", *_summary_comment(task), "[[tasks]]", _use(task, folder), *_data(task, data)]
    for model in models:
        lines += ["", *_summary_comment(model), "[[models]]", _use(model, folder)]
    lines += ["", "[train]", f"epochs = {epochs}"]
    lines += [_commented('schedule = "linear"', "the learning rate falls to zero along a line")]
    lines += ["", "[matrix]", _commented(f"seed = {_toml(list(seeds))}", "more seeds show how much chance decides"), ""]
    for probe in probes:
        lines += [f"[probes.{probe.name}]", *([_use(probe, folder)] if probe.external else [])]
    return "\n".join(lines) + "\n"


def _use(component: Component, folder: Path) -> str:
    """Return the line that names a component; for a file, its path from the suite's folder."""
    use = component.use
    if component.external and folder != Path():
        use = Path(os.path.relpath(use, folder)).as_posix()
        use = use if use.startswith(".") else f"./{use}"
    return f"use = {_toml(use)}"


def _toml(value: str | list[int]) -> str:
    """Return a string or a list of numbers as TOML, whose notation for them is JSON's; never shortened."""
    return json.dumps(value, ensure_ascii=False)


def _summary_comment(component: Component) -> list[str]:
    """Return the component's summary as a comment of one line."""
    summary = textwrap.shorten(printable(component.summary, keep=""), WIDTH - 2, placeholder=" …")
    return [f"# {summary}"] if summary else []


def _commented(line: str, comment: str) -> str:
    """Return a line of TOML with a comment beside it."""
    return f"{line:22}  # {comment}"


def _data(task: Component, data: Literal["sample", "full"] | None) -> Iterator[str]:
    """Yield the line that chooses the data: as typed, or else the sample of a task whose full data need a download."""
    sampled = bool(task.words("PACKAGE") and task.words("HUB"))
    if data == "sample" and task.words("HUB") and not sampled:
        raise click.UsageError(f"--data sample: {task.name} has none; leave --data out, or try it on its own")
    if sampled and data != "full":
        yield _commented('data = "sample"', "the smaller set that ships in a package; or full")


# ── what was typed ──────────────────────────────────────────────────────────────────────────────


def _split(typed: Sequence[str]) -> list[str]:
    """Return the values of an option that may be repeated and may contain several, each once."""
    return list(dict.fromkeys(part.strip() for text in typed for part in text.split(",") if part.strip()))


def _find(kind: Kind, uses: Sequence[str]) -> list[Component]:
    """Return the components of these names. Raises UsageError with the nearest right spelling."""
    from bench_suite.components import discovery
    from bench_suite.contracts import ComponentError

    components = []
    for use in uses:
        try:
            components.append(discovery.find(kind, use, Path()))
        except ComponentError as error:
            raise click.UsageError(f"--{kind[:-1]} {use}: {error}") from error
    return components


def _by_option(entry: ErrorEntry, typed: Mapping[str, Sequence[Component]]) -> str:
    """Return an error of the suite by the option that brought it: no file exists yet in which to show its line."""
    from bench_suite.suite.document import spell

    match entry.key:
        case ("tasks" | "models" as kind, int(index), *_):
            return f"--{kind[:-1]} {typed[kind][index].use}: {entry.message}"
        case ():
            return entry.text if entry.flag else entry.message
        case key:
            return f"{spell(key)}: {entry.message}"


def _seeds(typed: Sequence[str]) -> list[int]:
    """Return the seeds. Raises UsageError for one that is no whole number from 0."""
    for seed in _split(typed):
        if not (seed.isascii() and seed.isdigit()):
            raise click.UsageError(f'--seed {seed}: is no seed; seeds are whole numbers from 0, such as "0,1,2"')
    return [int(seed) for seed in _split(typed)] or [0]


def _run_name(tasks: Sequence[str], models: Sequence[str]) -> str:
    """Return the name of the run: the same for the same tasks and models, so that it can be resumed."""
    from bench_suite.suite.plan import digest

    labels = [Path(use).stem if use.endswith(".py") else use for use in (*tasks, *models)]
    name = "-".join(["try", *labels])
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 7]}-{digest(labels)[:6]}"


def _command_words(
    tasks: Sequence[str], models: Sequence[str], probes: Sequence[str], seeds: Sequence[str], epochs: int,
    data: str | None, overrides: Sequence[str],
) -> list[str]:  # fmt: skip
    """Return the words of the command, so that it can be typed again."""
    words = ["bench", "try", "--task", ",".join(_split(tasks)), "--model", ",".join(_split(models))]
    words += ["--probe", ",".join(_split(probes))] if probes else []
    words += ["--seed", ",".join(_split(seeds))] if seeds else []
    words += ["--epochs", str(epochs)] if epochs != EPOCHS else []
    words += ["--data", data] if data else []
    return [*words, *_set_words(overrides)]


def _set_words(overrides: Sequence[str]) -> list[str]:
    """Return the words that repeat `--set`."""
    return [word for override in overrides for word in ("--set", override)]


def _keep(path: Path, text: str) -> None:
    """Write the suite to a file. Raises UsageError if the file exists already with another text."""
    if path.suffix != ".toml":
        raise click.UsageError(f"--write {path}: a suite is a TOML file, such as {path.stem or 'mine'}.toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
            raise click.UsageError(f"--write {path}: exists already, with another text") from None
    except OSError as error:
        raise click.UsageError(f"--write {path}: cannot be written: {error.strerror}") from error
