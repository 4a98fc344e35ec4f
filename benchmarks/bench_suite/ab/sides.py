"""The two sides of a comparison: files of each revision, its suite, its environment, and the cells to time."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench_suite.ab import environments
from bench_suite.ab.pairing import Pairing, pair_cells, planned, timed_cells
from bench_suite.ab.processes import STARTING_SECONDS, CellError, Scratch, Server, Side, SideError
from bench_suite.execution import revisions
from bench_suite.execution.component_checks import NeedsTrust
from bench_suite.execution.revisions import Revision, RevisionError, Worktrees
from bench_suite.suite.spec import locate

NO_REVISION = Revision(revisions.WORKING_TREE, None, "")


@dataclass(frozen=True)
class Request:
    """What is to be compared."""

    base: str
    "A revision, or `.` for the working tree."
    head: str
    suite: str
    "A path, or the name of a suite that ships."
    overrides: tuple[str, ...] = ()
    "`KEY=VALUE` of both sides."
    base_overrides: tuple[str, ...] = ()
    head_overrides: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    keyword: str = ""
    base_python: str | None = None
    head_python: str | None = None
    same_suite: bool = False
    "Whether base is measured with the suite file of head."
    trust: bool = False
    offline: bool = False

    @property
    def options_differ(self) -> bool:
        """Whether each side has options of its own."""
        return self.base_overrides != self.head_overrides


@dataclass(frozen=True)
class Sides:
    """Both sides, and what a person should know about them."""

    base: Side
    head: Side
    revisions: Mapping[str, Revision]
    "By label."
    notes: tuple[str, ...] = ()

    def by_label(self) -> dict[str, Side]:
        """Return the sides by label."""
        return {"base": self.base, "head": self.head}


def repository(request: Request, folder: Path) -> Path | None:
    """Return the root of the repository; None if both sides are the working tree and there is none.

    Raises:
        RevisionError: a revision is named, and there is no repository.
    """
    try:
        return revisions.toplevel_of(folder)
    except RevisionError:
        if request.base == request.head == revisions.WORKING_TREE:
            return None
        raise


def make_sides(request: Request, worktrees: Worktrees | None) -> Sides:
    """Return both sides: check out the revisions, and find or build their environments.

    Args:
        request: what is to be compared.
        worktrees: of the repository; None if there is none.

    Raises:
        BenchError: a revision, the suite or an environment is missing; the message says what to do.
    """
    toplevel = worktrees.toplevel if worktrees is not None else None
    refs = {"base": request.base, "head": request.head}
    of_label = {label: NO_REVISION if toplevel is None else revisions.resolve(toplevel, ref)
                for label, ref in refs.items()}  # fmt: skip
    folders = {
        label: Path.cwd().resolve() if worktrees is None else worktrees.folder(revision, label)
        for label, revision in of_label.items()
    }
    suites, notes = _suites(request, toplevel, of_label, folders)
    pythons, more = _pythons(request, folders)
    overrides = {
        "base": (*request.overrides, *request.base_overrides),
        "head": (*request.overrides, *request.head_overrides),
    }
    sides_of = {
        label: Side(
            label, _side_name(request, of_label[label], label), folders[label], toplevel, suites[label],
            overrides[label], pythons[label], _same_folder(Path.cwd(), toplevel, folders[label]), request.offline,
        )
        for label in refs
    }  # fmt: skip
    notes = [*_notes(request, toplevel, of_label), *notes, *more]
    return Sides(sides_of["base"], sides_of["head"], of_label, tuple(notes))


def side_of(sides: Sides, request: Request, worktrees: Worktrees, commit: str, name: str) -> Side:
    """Return another revision as head: for a bisection. Raises BenchError if it cannot be measured."""
    revision = revisions.resolve(worktrees.toplevel, commit)
    folder = worktrees.folder(revision, name)
    if request.same_suite and sides.head.suite != request.suite:
        relative = Path(sides.head.suite).relative_to(sides.head.folder)
        _copy_suite(Path(sides.head.suite), folder / relative)
    suites, _ = _suites(replace(request, same_suite=False), worktrees.toplevel, {"head": revision}, {"head": folder})
    cwd = _same_folder(Path.cwd(), worktrees.toplevel, folder)
    return replace(sides.head, name=commit[:8], folder=folder, suite=suites["head"], cwd=cwd)


def plan_sides(sides: Sides, request: Request) -> Pairing:
    """Return the pairs of cells to time, as the workers of both sides plan them.

    Raises:
        NeedsTrust: a suite names files of its own, and they are not trusted.
        SideError: a suite cannot be read, or no cell of one side has a partner.
    """
    cells = {}
    with Scratch() as scratch, ExitStack() as stack:
        servers = {
            label: stack.enter_context(Server(scratch, side.python, 1, (), side.cwd))
            for label, side in sides.by_label().items()
        }
        workers = {label: servers[label].start(side) for label, side in sides.by_label().items()}
        for worker in workers.values():
            worker.give("plan", only=list(request.only), keyword=request.keyword)
        for label, side in sides.by_label().items():
            try:
                answer = workers[label].answer(STARTING_SECONDS)
            except CellError as error:
                raise SideError(_plan_error(side, error)) from None
            if answer["external"] and not request.trust:
                listed = "".join(f"\n  {name}" for name in answer["external"])
                raise NeedsTrust(f"this suite runs code from its own files:{listed}\nread them, then add --trust")
            cells[label] = timed_cells(planned(answer["cells"]))
    pairing = pair_cells(cells["base"], cells["head"], options_differ=request.options_differ)
    if not pairing.pairs:
        if pairing.several_devices:
            raise SideError(
                f"only cells on one device are timed, and {', '.join(pairing.several_devices)} train on several"
            )
        raise SideError(
            "no cell exists on both sides: base has " + "; ".join(pairing.only_base)
            + ", and head has " + "; ".join(pairing.only_head)
            + "\n  choose another BASE, or measure both with one suite: --same-suite"
        )  # fmt: skip
    return pairing


def _plan_error(side: Side, error: CellError) -> str:
    text = str(error)
    if "No module named 'bench_suite'" in text:
        return f"bench-suite is not installed for {side.python}: {side.python} -m pip install bench-suite"
    return f"{side.label}, {side.name}: {text}"


def _side_name(request: Request, revision: Revision, label: str) -> str:
    words = [revision.name]
    words += list(request.base_overrides if label == "base" else request.head_overrides)
    python = request.base_python if label == "base" else request.head_python
    return " ".join([*words, *([python] if python else [])])


def _notes(request: Request, toplevel: Path | None, of_label: Mapping[str, Revision]) -> Iterator[str]:
    if toplevel is None:
        return
    base, head = of_label["base"], of_label["head"]
    changed = revisions.uncommitted(toplevel)
    if changed and head.commit is not None and base.commit is not None:
        files = "1 file differs" if changed == 1 else f"{changed} files differ"
        yield f"{files} from the last commit and {'is' if changed == 1 else 'are'} not measured; " + (
            f"to measure the working tree: bench ab {base.ref} ."
        )
    same = base.commit == head.commit and not request.options_differ and request.base_python == request.head_python
    if same:
        yield "both sides are the same, so this shows the noise of this machine (A/A)"


# ── the suite ───────────────────────────────────────────────────────────────────────────────────


def _suites(
    request: Request, toplevel: Path | None, of_label: Mapping[str, Revision], folders: Mapping[str, Path]
) -> tuple[dict[str, str], list[str]]:
    """Return the suite of each side, and notes on data that are not in git.

    Raises:
        RevisionError: the suite is missing on a side.
    """
    path = locate(request.suite)
    if path != Path(request.suite):
        return dict.fromkeys(folders, request.suite), []  # it ships: each side has its own
    file = Path(os.path.abspath(path))
    resolved = file.parent.resolve() / file.name
    if toplevel is None or not resolved.is_relative_to(toplevel):
        if not file.is_file():
            raise RevisionError(f"there is no suite {request.suite}")
        return dict.fromkeys(folders, str(file)), []
    relative = resolved.relative_to(toplevel)
    if request.same_suite and "base" in folders:
        _copy_suite(folders["head"] / relative, folders["base"] / relative)
    suites, notes = {}, []
    for label, folder in folders.items():
        suite = folder / relative
        if not suite.is_file():
            raise RevisionError(_missing_suite(toplevel, relative, of_label[label], of_label.get("head")))
        suites[label] = str(suite)
        if folder != toplevel:
            notes += [note for note in _link_data(toplevel, folder, relative) if note not in notes]
    return suites, notes


def _copy_suite(source: Path, target: Path) -> None:
    if source.is_file() and source != target:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _missing_suite(toplevel: Path, relative: Path, revision: Revision, head: Revision | None) -> str:
    text = f"{relative} does not exist in {revision.name}"
    if not revisions.is_tracked(toplevel, head.commit if head and head.commit else "HEAD", relative.as_posix()):
        if (toplevel / relative).is_file():
            return f"{text}: commit it, or measure with the file of the working tree: bench ab … . --same-suite"
        return text
    added = revisions.first_with(toplevel, relative.as_posix(), head.commit if head and head.commit else "HEAD")
    since = f", since {added} added it" if added else ""
    return f"{text}{since}\n  measure both revisions with the suite of head: --same-suite; or choose a later BASE"


def _link_data(toplevel: Path, folder: Path, relative: Path) -> Iterator[str]:
    """Link data that the suite names by path and that are not in git, so that both sides read the same ones."""
    try:
        values: Any = tomllib.loads((folder / relative).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # the plan shows the error
    for name in dict.fromkeys(_strings(values)):
        if not name or len(name) > 255 or "\0" in name or name.endswith(".py") or Path(name).is_absolute():
            continue
        source = Path(os.path.normpath(toplevel / relative.parent / name))
        target = Path(os.path.normpath(folder / relative.parent / name))
        if not source.exists() or target.exists() or not target.is_relative_to(folder):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.resolve(), target_is_directory=source.is_dir())
        yield f"{name} is not in git: both sides read the file of the working tree"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _strings(entry)


def _same_folder(cwd: Path, toplevel: Path | None, folder: Path) -> Path:
    """Return the folder of a side that corresponds to the working folder."""
    resolved = cwd.resolve()
    if toplevel is None or not resolved.is_relative_to(toplevel):
        return resolved
    other = folder / resolved.relative_to(toplevel)
    return other if other.is_dir() else folder


# ── the environment ─────────────────────────────────────────────────────────────────────────────


def _pythons(request: Request, folders: Mapping[str, Path]) -> tuple[dict[str, str], list[str]]:
    """Return the interpreter of each side, and notes."""
    named = {"base": request.base_python, "head": request.head_python}
    pythons = {
        label: environments.checked_python(python) if python else sys.executable for label, python in named.items()
    }
    if any(named.values()) or folders["base"] == folders["head"]:
        return pythons, []
    stated = {label: environments.requirements(folder) for label, folder in folders.items()}
    if stated["base"] == stated["head"]:
        return pythons, []
    lacking = {label: environments.lacking_requirements(lines) for label, lines in stated.items()}
    if not any(lacking.values()):
        return pythons, ["the revisions require other packages; this environment meets both, so both run in it"]
    notes = []
    for label, lines in lacking.items():
        if lines:
            pythons[label] = environments.overlay(lines)
            notes.append(f"{label} runs in an environment of its own, with {', '.join(lines)}")
    return pythons, notes
