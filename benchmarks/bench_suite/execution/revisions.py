"""Revisions of a repository: what a reference means, and a worktree for each, which a killed run may leave behind."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError
from bench_suite.data.cache import default_root

WORKING_TREE = "."
"The reference that means the working tree as it is, with what is not committed."
SECONDS = 300.0
"Most seconds of one git command: a checkout of a large repository."


class RevisionError(BenchError):
    """A revision that cannot be measured."""


@dataclass(frozen=True)
class Revision:
    """A revision of a repository, or its working tree."""

    ref: str
    "As the user wrote it."
    commit: str | None
    "Full hash; None for the working tree."
    subject: str
    "First line of the commit's message."

    @property
    def name(self) -> str:
        """What it is called: the reference with the short hash, or the working tree."""
        if self.commit is None:
            return "the working tree" if self.ref == WORKING_TREE else self.ref
        short = self.commit[:8]
        return short if self.commit.startswith(self.ref) else f"{self.ref} ({short})"


def toplevel_of(folder: Path) -> Path:
    """Return the root of the repository that contains a folder.

    Raises:
        RevisionError: there is no git, or no repository.
    """
    try:
        output = git(folder, "rev-parse", "--show-toplevel").strip()
    except RevisionError as error:
        raise RevisionError(
            f"{folder} is in no git repository, so there are no revisions to compare ({error})\n"
            "  run it in the repository of your model, or compare two sets of options of one suite: "
            "bench ab . . --suite SUITE --head-set KEY=VALUE"
        ) from None
    return Path(output).resolve()


def resolve(toplevel: Path, ref: str) -> Revision:
    """Return the revision that a reference means. Raises RevisionError if there is none."""
    if ref == WORKING_TREE:
        return Revision(ref, None, "")
    if ref.startswith("-"):
        raise RevisionError(f'"{ref}" is no revision: give a branch, a tag or a commit, or `.` for the working tree')
    try:
        commit = git(toplevel, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").strip()
    except RevisionError:
        names = git(toplevel, "for-each-ref", "--format=%(refname:short)").split()
        if not git(toplevel, "rev-list", "--all", "--max-count=1").strip():
            raise RevisionError("the repository has no commit yet: commit something first") from None
        shallow = git(toplevel, "rev-parse", "--is-shallow-repository").strip() == "true"
        advice = "; the clone is shallow: git fetch --unshallow (in CI: fetch-depth: 0)" if shallow else ""
        raise RevisionError(f'there is no revision "{ref}"{nearest(ref, names)}{advice}') from None
    return Revision(ref, commit, git(toplevel, "log", "-1", "--format=%s", commit).strip())


def uncommitted(toplevel: Path) -> int:
    """Return the number of files that differ from the last commit, new files of Python and suites included."""
    lines = git(toplevel, "status", "--porcelain").splitlines()
    return sum(not line.startswith("??") or line.endswith((".py", ".toml")) for line in lines)


def commits_between(toplevel: Path, base: str, head: str) -> list[str]:
    """Return the commits after base up to head, oldest first, along first parents.

    Raises:
        RevisionError: base is no ancestor of head.
    """
    if git(toplevel, "merge-base", base, head).strip() != base:
        raise RevisionError(
            f"--bisect: BASE is no ancestor of HEAD; start from the merge base: git merge-base {base[:8]} {head[:8]}"
        )
    return git(toplevel, "rev-list", "--reverse", "--first-parent", f"{base}..{head}").split()


def first_with(toplevel: Path, path: str, head: str) -> str | None:
    """Return the short hash of the commit that added a file to the history of head; None if there is none."""
    words = ("log", "--diff-filter=A", "--format=%h", "--reverse", head, "--", path)
    return next(iter(git(toplevel, *words).split()), None)


def is_tracked(toplevel: Path, commit: str, path: str) -> bool:
    """Return whether a commit contains a path."""
    with suppress(RevisionError):
        git(toplevel, "cat-file", "-e", f"{commit}:{path}")
        return True
    return False


def git(folder: Path, *words: str) -> str:
    """Return what a git command prints; hooks of the repository are not run.

    Raises:
        RevisionError: with what git says, if it fails or is not installed.
    """
    environment: Mapping[str, str] = {
        **{
            key: value for key, value in os.environ.items() if key not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
        },
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
    }
    command = ["git", "-C", str(folder), "-c", f"core.hooksPath={os.devnull}", "-c", "core.quotePath=off", *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS, env=environment
        )
    except FileNotFoundError:
        raise RevisionError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise RevisionError(f"git {words[0]} took more than {SECONDS:.0f} s") from None
    if done.returncode:
        raise RevisionError((done.stderr.strip() or f"git {words[0]} failed").splitlines()[-1])
    return done.stdout


@dataclass
class Worktrees:
    """Worktrees of a repository, one for each revision, in a folder of the cache; a context manager that removes them.

    A run that is killed leaves its folder; the next one removes it, since nobody holds its lock.
    """

    toplevel: Path
    root: Path = field(default_factory=lambda: default_root() / "ab")
    removed: int = 0
    "Number of folders of earlier runs that were removed."

    def __enter__(self) -> Worktrees:
        from filelock import FileLock

        self._parent = self.root / hashlib.sha256(os.fsencode(self.toplevel)).hexdigest()[:12]
        self._session = self._parent / secrets.token_hex(4)
        try:
            self._parent.mkdir(parents=True, exist_ok=True)
            self.removed = self._sweep()
            self._lock = FileLock(self._parent / f"{self._session.name}.lock")
            self._lock.acquire(timeout=0)
            self._session.mkdir()
        except OSError as error:
            raise RevisionError(
                f"{self._parent} cannot be written ({error.strerror}): set BENCH_CACHE to a folder that can"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove(self._session)
        self._lock.release()
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()

    def folder(self, revision: Revision, name: str) -> Path:
        """Return a folder with the files of a revision; the working tree is its own.

        Args:
            revision: the revision.
            name: of the folder; names of one length, since the length of a path can change a timing.
        """
        if revision.commit is None:
            return self.toplevel
        folder = self._session / name
        try:
            git(self.toplevel, "worktree", "add", "--detach", "--force", str(folder), revision.commit)
        except RevisionError as error:
            raise RevisionError(f"{revision.name} cannot be checked out: {error}") from None
        return folder.resolve()

    def remove(self, folder: Path) -> None:
        """Remove the worktree of a revision that is measured; the working tree stays."""
        if folder != self.toplevel:
            _remove_worktree(self.toplevel, folder)

    def _remove(self, session: Path) -> None:
        for folder in session.iterdir() if session.is_dir() else ():
            _remove_worktree(self.toplevel, folder)
        shutil.rmtree(session, ignore_errors=True)
        with suppress(RevisionError):
            git(self.toplevel, "worktree", "prune")

    def _sweep(self) -> int:
        """Remove what killed runs left; return for how many."""
        from filelock import FileLock, Timeout

        count = 0
        for session in [path for path in self._parent.iterdir() if path.is_dir()]:
            lock = FileLock(self._parent / f"{session.name}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue  # a run that is going on
            self._remove(session)
            lock.release()
            with suppress(OSError):
                Path(lock.lock_file).unlink()
            count += 1
        return count


def _remove_worktree(toplevel: Path, folder: Path) -> None:
    with suppress(RevisionError):
        git(toplevel, "worktree", "remove", "--force", "--force", str(folder))
    shutil.rmtree(folder, ignore_errors=True)
