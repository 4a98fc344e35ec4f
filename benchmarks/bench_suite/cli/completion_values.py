"""What a shell may complete: suites, components, runs and cells, read from names and files, importing nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from bench_suite.contracts import Kind

MAX_CELLS = 500
"Cells of a run that are offered: past it a list helps nobody."


def suites(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the suites that ship, and TOML files here and one folder down."""
    from bench_suite.suite.spec import shipped_suites

    typed = Path(incomplete)
    folder = typed if incomplete.endswith("/") else typed.parent
    beside = [] if "/" in incomplete else shipped_suites()
    files = [_as_typed(path, incomplete) for pattern in ("*.toml", "*/*.toml") for path in sorted(folder.glob(pattern))]
    return _items((*beside, *files), incomplete)


def files(suffix: str, folder: Path = Path()) -> list[str]:
    """Files of the working folder with this suffix, as a suite names them: `./my_model.py`."""
    return sorted(f"./{path.name}" for path in folder.glob(f"*{suffix}"))


def components_of(kind: Kind) -> Any:
    """A completion of names of one kind, of several apart by commas too; and of Python files here after a dot."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{name}") for name in _named(kind, last)]

    return complete


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Of `bench show KIND NAME`: components of that kind, suites, or cells of a run."""
    kind = str(ctx.params.get("kind") or "")
    if kind == "cell":
        return cells(ctx, param, incomplete)
    if kind.startswith("suite"):
        return suites(ctx, param, incomplete)
    return [CompletionItem(name) for name in _named(_plural(kind), incomplete)]


def run_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs in the store, newest first."""
    from bench_suite.store.runs import Store

    return _items((info.run for info in Store(_results(ctx)).runs()), incomplete)


def cells(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Cells of the run that `--run` names, or of the newest, by the first letters of their ids, with their labels."""
    from bench_suite.contracts import BenchError
    from bench_suite.store.runs import Store

    found: dict[str, str] = {}
    with suppress(BenchError):  # no run yet
        for path in sorted((Store(_results(ctx)).open(ctx.params.get("run") or "latest").path / "records").iterdir()):
            for line in path.read_bytes().splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    record = json.loads(line)
                    cell = record["cell"]
                    found[record["id"]] = f"{cell['task']}, {cell['model']}, seed {cell['seed']}"
    matching = [id for id in found if id.startswith(incomplete)][:MAX_CELLS]
    return [CompletionItem(id[: max(8, len(incomplete))], help=found[id]) for id in matching]


def _named(kind: Kind, incomplete: str) -> Iterator[str]:
    from bench_suite.components import discovery

    if kind not in discovery.KINDS:
        return
    offered = files(".py") if incomplete.startswith(".") else discovery.builtin(kind)
    yield from (name for name in offered if name.startswith(incomplete))


def _plural(kind: str) -> Any:
    return kind if kind.endswith("s") else f"{kind}s"


def _results(ctx: click.Context) -> Path:
    return Path(ctx.params.get("results") or "results")


def _as_typed(path: Path, incomplete: str) -> str:
    """The path with the `./` that was typed before it, which `Path` drops."""
    return f"./{path}" if incomplete.startswith("./") else str(path)


def _items(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]
