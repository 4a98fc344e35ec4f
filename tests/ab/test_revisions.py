"""Revisions: what references mean, worktrees and what killed runs leave, bad references."""

from __future__ import annotations

import subprocess

import pytest

from bench_suite.execution import revisions
from bench_suite.execution.revisions import RevisionError, Worktrees, resolve, toplevel_of


def test_references_resolve_to_commits(repository):
    first = repository.commit("First")
    repository.git("tag", "v1")
    second = repository.commit("Second")
    assert resolve(repository.path, "v1").commit == first
    assert resolve(repository.path, "HEAD").commit == second
    assert resolve(repository.path, "HEAD").name == f"HEAD ({second[:8]})"
    assert resolve(repository.path, second[:10]).name == second[:8]
    assert resolve(repository.path, ".").commit is None
    assert toplevel_of(repository.path) == repository.path.resolve()


def test_an_unknown_reference_is_refused_with_the_nearest_one(repository):
    repository.commit("First")
    repository.git("branch", "feature")
    with pytest.raises(RevisionError, match='there is no revision "featur"; did you mean "feature"'):
        resolve(repository.path, "featur")
    with pytest.raises(RevisionError, match="is no revision: give a branch"):
        resolve(repository.path, "--all")


def test_a_repository_without_a_commit_and_a_folder_without_a_repository(repository, tmp_path):
    with pytest.raises(RevisionError, match="no commit yet"):
        resolve(repository.path, "main")
    with pytest.raises(RevisionError, match="in no git repository"):
        toplevel_of(tmp_path)


def test_a_shallow_clone_says_how_to_get_the_rest(repository, tmp_path):
    old = repository.commit("First")
    repository.commit("Second")
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", f"file://{repository.path}", str(clone)], check=True, capture_output=True
    )
    with pytest.raises(RevisionError, match="shallow: git fetch --unshallow"):
        resolve(clone, old)


def test_worktrees_hold_each_revision_and_leave_nothing(repository):
    repository.write("file", "old")
    old = repository.commit("First")
    repository.write("file", "new")
    repository.commit("Second")
    repository.write("file", "not committed")
    with Worktrees(repository.path) as worktrees:
        base = worktrees.folder(resolve(repository.path, old), "base")
        head = worktrees.folder(resolve(repository.path, "HEAD"), "head")
        assert [(folder / "file").read_text() for folder in (base, head)] == ["old", "new"]
        assert len(str(base)) == len(str(head))
        assert worktrees.folder(resolve(repository.path, "."), "tree") == repository.path
    assert not base.exists()
    assert len(repository.git("worktree", "list").splitlines()) == 1
    assert (repository.path / "file").read_text() == "not committed"


def test_hooks_of_the_repository_are_not_run(repository):
    repository.commit("First")
    hook = repository.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    with Worktrees(repository.path) as worktrees:
        folder = worktrees.folder(resolve(repository.path, "HEAD"), "base")
        assert not (folder / "hooked").exists()


def test_what_a_killed_run_left_is_removed_and_a_running_one_is_not(repository):
    repository.commit("First")
    killed = Worktrees(repository.path)
    killed.__enter__()
    killed.folder(resolve(repository.path, "HEAD"), "base")
    with Worktrees(repository.path) as second:
        assert second.removed == 0  # the first one still holds its lock
    killed._lock.release()  # as the system does when a process ends
    assert len(repository.git("worktree", "list").splitlines()) == 2
    with Worktrees(repository.path) as third:
        assert third.removed == 1
        assert len(repository.git("worktree", "list").splitlines()) == 1


def test_a_cache_that_cannot_be_written_is_refused(repository, tmp_path):
    repository.commit("First")
    (tmp_path / "file").write_text("")
    with pytest.raises(RevisionError, match="set BENCH_CACHE"), Worktrees(repository.path, tmp_path / "file" / "ab"):
        pass


def test_commits_between_are_in_order_and_need_an_ancestor(repository):
    first, second, third = (repository.commit(str(number)) for number in range(3))
    assert revisions.commits_between(repository.path, first, third) == [second, third]
    with pytest.raises(RevisionError, match="BASE is no ancestor of HEAD"):
        revisions.commits_between(repository.path, third, first)


def test_files_that_are_not_committed_are_counted(repository):
    repository.write("a.py", "1")
    repository.commit("First")
    assert revisions.uncommitted(repository.path) == 0
    repository.write("a.py", "2")
    repository.write("b.py", "new")
    repository.write("notes.txt", "no code")
    assert revisions.uncommitted(repository.path) == 2


def test_the_commit_that_added_a_file_is_named(repository):
    repository.commit("First")
    repository.write("suite.toml", "")
    added = repository.commit("Second")
    assert added.startswith(revisions.first_with(repository.path, "suite.toml", "HEAD"))
    assert revisions.first_with(repository.path, "nothing.toml", "HEAD") is None
    assert revisions.is_tracked(repository.path, "HEAD", "suite.toml")
    assert not revisions.is_tracked(repository.path, "HEAD~1", "suite.toml")
