"""Values that a shell completes: suites, components, runs and cells, read from files without heavy imports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from bench_suite.contracts import Kind

MAX_CELLS = 500
"Number of cells that are offered at most; a longer list would help nobody."


def suites(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of built-in suites, and TOML files in this folder and its subfolders."""
    from bench_suite.suite.spec import shipped_suites

    typed = Path(incomplete)
    folder = typed if incomplete.endswith("/") else typed.parent
    shipped_names = [] if "/" in incomplete else shipped_suites()
    paths = [
        _keep_typed_prefix(path, incomplete)
        for pattern in ("*.toml", "*/*.toml")
        for path in sorted(folder.glob(pattern))
    ]
    return _completion_items((*shipped_names, *paths), incomplete)


def local_files(suffix: str, folder: Path = Path()) -> list[str]:
    """Return the files in `folder` with this suffix, written as in a suite: `./my_model.py`."""
    return sorted(f"./{path.name}" for path in folder.glob(f"*{suffix}"))


def components_of(kind: Kind) -> Any:
    """Return a completion of the components of one kind, in a comma-separated list too.

    A word that begins with a dot completes to Python files in the working folder.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{name}") for name in _component_names(kind, last)]

    return complete


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete NAME of `bench show KIND NAME`: components of that kind, suites, or cells of a run."""
    kind = str(ctx.params.get("kind") or "")
    if kind == "cell":
        return cells(ctx, param, incomplete)
    if kind.startswith("suite"):
        return suites(ctx, param, incomplete)
    return [CompletionItem(name) for name in _component_names(_plural_kind(kind), incomplete)]


def run_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of the stored runs, newest first."""
    from bench_suite.store.runs import Store

    return _completion_items((info.run for info in Store(_results_folder(ctx)).runs()), incomplete)


def cells(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the ids of the cells of the run in `--run`, or of the newest run, with their labels as help."""
    from bench_suite.contracts import BenchError
    from bench_suite.store.runs import Store

    labels_by_id: dict[str, str] = {}
    with suppress(BenchError):  # no run yet
        for record in Store(_results_folder(ctx)).open(ctx.params.get("run") or "latest").records():
            labels_by_id[record.id] = ", ".join(
                [*(str(record.cell.get(axis)) for axis in ("task", "model")), f"seed {record.cell.get('seed')}"]
            )
    matching = [id for id in labels_by_id if id.startswith(incomplete)][:MAX_CELLS]
    return [CompletionItem(id[: max(8, len(incomplete))], help=labels_by_id[id]) for id in matching]


def _component_names(kind: Kind, incomplete: str) -> Iterator[str]:
    from bench_suite.components import discovery

    if kind not in discovery.KINDS:
        return
    offered = local_files(".py") if incomplete.startswith(".") else discovery.builtin(kind)
    yield from (name for name in offered if name.startswith(incomplete))


def _plural_kind(kind: str) -> Any:
    return kind if kind.endswith("s") else f"{kind}s"


def _results_folder(ctx: click.Context) -> Path:
    return Path(ctx.params.get("results") or "results")


def _keep_typed_prefix(path: Path, incomplete: str) -> str:
    """Return the path with its typed prefix `./`, which `Path` drops."""
    return f"./{path}" if incomplete.startswith("./") else str(path)


def _completion_items(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]
