"""Run further seeds of the run that a comparison starts from, with the files of its own commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from bench_suite._version import __version__
from bench_suite.comparison.baselines import FOLDER
from bench_suite.components.discovery import PACKAGE
from bench_suite.contracts import BenchError
from bench_suite.store.runs import Run, Store
from bench_suite.suite.credentials import MASK
from bench_suite.suite.spec import Suite

HAS_RESULTS = (0, 1, 3, 4)
"Exit statuses of `bench run` with which it has written records."
ADVICE = "run base with all its seeds beforehand: bench run SUITE --seeds all"


class NoMoreSeeds(BenchError):
    """A base whose further seeds cannot be run here; the message says why, and what to do."""


@dataclass
class BaseSeeds:
    """A base run that gets more seeds; a context manager, since the files of its commit need a worktree."""

    run: Run
    suite: Suite
    "The suite of head."
    path: Path
    "Its file, whose counterpart among the files of base is run."
    store: Store
    notify: Callable[[str], None]
    "Called with a line for the reader."
    offline: bool = False
    _stack: ExitStack = field(default_factory=ExitStack)
    _folders: tuple[Path, str] | None = None

    def __enter__(self) -> BaseSeeds:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, ids: Set[str], seeds: Sequence[int]) -> Run:
        """Run the cells of these ids in the run of base, and return it.

        Args:
            ids: the cells, by the ids that head has for them.
            seeds: all seeds that the suite may have.

        Raises:
            NoMoreSeeds: the files of base are not known, its cells have changed, or the run did not end.
        """
        overrides = [str(text) for text in self.run.info.get("overrides", ())]
        if hidden := [text for text in overrides if MASK in text]:
            raise NoMoreSeeds(f"its --set {hidden[0]} had a credential, which no run stores\n  {ADVICE}")
        if self._folders is None:
            self._folders = self._files_of_base()
        folder, suite = self._folders
        run = self._own_copy()
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            chosen = Path(scratch) / "cells.json"
            chosen.write_text(json.dumps({"seeds": list(seeds), "ids": sorted(ids)}), encoding="utf-8")
            command = [
                sys.executable, "-m", "bench_suite", "run", suite, "--resume", run.name, "--json",
                "--cells", str(chosen), "--results", str(run.path.parent),
                *(word for text in overrides for word in ("--set", text)),
                *(["--trust"] if self.suite.external else []), *(["--offline"] if self.offline else []),
            ]  # fmt: skip
            status = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
        if status == 130:
            raise KeyboardInterrupt
        if status not in HAS_RESULTS:
            raise NoMoreSeeds(f"its run ended with exit status {status}; the lines above say why\n  {ADVICE}")
        self.run = Run(run.path)
        return self.run

    def _own_copy(self) -> Run:
        """Return the run itself; for a kept baseline, the run that it was made from, or a copy of it, in the store.

        Raises:
            NoMoreSeeds: there is no such run, and no copy can be made.
        """
        if self.run.path.parent.name != FOLDER:
            return self.run
        path = self.store.root / self.run.name
        if not (path / "run.json").is_file():
            new = path.with_name(f".{path.name}.{os.getpid()}")  # a process that is killed leaves no part of a copy
            try:
                shutil.copytree(self.run.path, new)
                new.rename(path)
            except OSError as error:
                shutil.rmtree(new, ignore_errors=True)
                raise NoMoreSeeds(f"{path} cannot be written ({error.strerror or error})\n  {ADVICE}") from error
        return Run(path)

    def _files_of_base(self) -> tuple[Path, str]:
        """Return the folder to run base in, and its suite: in a worktree of its commit, or here.

        Raises:
            NoMoreSeeds: the files that base ran with are not known.
        """
        from bench_suite.execution.revisions import RevisionError, Worktrees, resolve, toplevel_of

        path, cwd = self.path.resolve(), Path.cwd().resolve()
        version = self.run.info.get("version")
        if version != __version__:
            raise NoMoreSeeds(f"it ran with bench-suite {version}, this is {__version__}\n  {ADVICE}")
        git = self.run.info.get("git") or {}
        if path.is_relative_to(PACKAGE):
            return cwd, self.suite.name  # the program has all of it, and a resume checks that nothing changed
        if not git.get("commit") or git.get("dirty"):
            if not self.suite.external:
                return cwd, str(path)  # likewise
            what = "with uncommitted changes" if git.get("commit") else "outside a commit"
            raise NoMoreSeeds(f"it was made {what}, so its files are not known\n  {ADVICE}")
        try:
            toplevel = toplevel_of(path.parent)
            revision = resolve(toplevel, str(git["commit"]))
            worktrees = self._stack.enter_context(Worktrees(toplevel))
            tree = worktrees.folder(revision, "base")
        except RevisionError as error:
            raise NoMoreSeeds(f"{error}\n  {ADVICE}") from None
        suite = tree / path.relative_to(toplevel)
        if not suite.is_file():
            raise NoMoreSeeds(f"{revision.name} has no {path.relative_to(toplevel)}\n  {ADVICE}")
        same = tree / cwd.relative_to(toplevel) if cwd.is_relative_to(toplevel) else tree
        self.notify(f"base: the files of {revision.name}")
        return same if same.is_dir() else tree, str(suite)
