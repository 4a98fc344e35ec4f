"""The two sides: which suite, data, folder and interpreter each has, before any process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench_suite.ab.sides import Request, make_sides, repository
from bench_suite.contracts import BenchError
from bench_suite.execution.revisions import RevisionError, Worktrees


def with_sides(request: Request, root):
    """Return the sides while their worktrees are there, and the content of the suite of each."""
    with Worktrees(root) as worktrees:
        sides = make_sides(request, worktrees)
        texts = {label: Path(side.suite).read_text() for label, side in sides.by_label().items()}
        return sides, texts


def test_each_side_has_the_suite_of_its_revision_and_the_folder_that_matches_ours(project, monkeypatch):
    project.write("sub/other.toml", "# old")
    project.commit("Add")
    project.write("sub/other.toml", "# new")
    project.commit("Change")
    monkeypatch.chdir(project.path / "sub")
    sides, texts = with_sides(Request("HEAD~1", "HEAD", "other.toml"), project.path)
    assert texts == {"base": "# old", "head": "# new"}
    assert sides.base.cwd == sides.base.folder / "sub"
    assert sides.base.python == sys.executable
    _, same = with_sides(Request("HEAD~1", "HEAD", "other.toml", same_suite=True), project.path)
    assert same == {"base": "# new", "head": "# new"}


def test_a_suite_that_is_not_in_git_says_so(project):
    project.write("new.toml", "")
    with pytest.raises(RevisionError, match=r"new.toml does not exist in HEAD .*: commit it"):
        with_sides(Request("HEAD", "HEAD", "new.toml"), project.path)


def test_data_that_are_not_in_git_are_read_from_the_working_tree(project):
    project.write(".gitignore", "data/\n")
    project.write("own.toml", '[[tasks]]\nuse = "files"\npath = "data/mine.csv"\n')
    project.commit("Own data")
    project.write("data/mine.csv", "a,b\n1,2\n")
    with Worktrees(project.path) as worktrees:
        sides = make_sides(Request("HEAD", ".", "own.toml"), worktrees)
        assert (sides.base.folder / "data" / "mine.csv").read_text() == "a,b\n1,2\n"
        assert "data/mine.csv is not in git: both sides read the file of the working tree" in sides.notes
    assert (project.path / "data" / "mine.csv").is_file()


def test_python_files_that_are_not_in_git_are_not_shared(project):
    project.write("own.toml", '[[models]]\nuse = "./new_model.py"\n')
    project.commit("Names a model")
    project.write("new_model.py", "")
    with Worktrees(project.path) as worktrees:
        sides = make_sides(Request("HEAD", ".", "own.toml"), worktrees)
        assert not (sides.base.folder / "new_model.py").exists()


def test_changes_that_are_not_measured_are_named(project):
    project.write("model.py", "# changed")
    sides, _ = with_sides(Request("HEAD", "HEAD", "suite.toml"), project.path)
    assert any("1 file differs from the last commit and is not measured" in note for note in sides.notes)
    assert any("A/A" in note for note in sides.notes)
    sides, _ = with_sides(Request("HEAD", ".", "suite.toml"), project.path)
    assert sides.notes == ()
    assert sides.head.folder == project.path.resolve()


def test_other_requirements_that_this_environment_meets_need_no_other(project):
    project.write("pyproject.toml", '[project]\nname = "x"\ndependencies = ["numpy>=1"]\n')
    project.commit("Requires NumPy")
    sides, _ = with_sides(Request("HEAD~1", "HEAD", "suite.toml"), project.path)
    assert sides.head.python == sides.base.python == sys.executable
    assert any("this environment meets both" in note for note in sides.notes)


def test_an_environment_that_cannot_be_built_says_what_to_do(project):
    project.write("requirements.txt", "nothing @ file:///nothing/nothing.whl\n")
    project.commit("Requires nothing")
    with pytest.raises(BenchError, match="install both environments yourself"):
        with_sides(Request("HEAD~1", "HEAD", "suite.toml"), project.path)


def test_the_working_tree_alone_needs_no_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert repository(Request(".", ".", "ci"), tmp_path) is None
    with pytest.raises(RevisionError, match="in no git repository"):
        repository(Request("main", ".", "ci"), tmp_path)
    sides = make_sides(Request(".", ".", "ci", head_overrides=("matrix.threads=2",)), None)
    assert sides.head.overrides == ("matrix.threads=2",)
    assert sides.base.suite == "ci"
