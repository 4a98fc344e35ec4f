"""Environments: which requirements differ, and an environment of a side's own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench_suite.ab import environments
from bench_suite.ab.environments import EnvironmentBuildError


def test_requirements_are_those_of_both_files(tmp_path):
    assert environments.requirements(tmp_path) == ()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["numpy>=1"]\n')
    (tmp_path / "requirements.txt").write_text("# packages\nscipy >1  # for t\n-r other.txt\n\n")
    assert environments.requirements(tmp_path) == ("numpy>=1", "scipy >1")


def test_a_project_file_that_cannot_be_read(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project")
    with pytest.raises(EnvironmentBuildError, match="cannot be read"):
        environments.requirements(tmp_path)


def test_what_is_installed_meets_a_requirement_or_not():
    lines = ("numpy>=1", "numpy<0.1", "no-such-package-of-anybody", 'nothing; python_version < "3"')
    assert environments.lacking_requirements(lines) == ("numpy<0.1", "no-such-package-of-anybody")
    with pytest.raises(EnvironmentBuildError, match="cannot be read"):
        environments.lacking_requirements(["not a requirement!"])


def test_an_interpreter_is_a_file_a_command_or_an_environment(tmp_path):
    assert environments.checked_python(sys.executable) == sys.executable
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    assert environments.checked_python(str(tmp_path / "venv")) == str(folder / "python")
    with pytest.raises(EnvironmentBuildError, match="is no Python interpreter"):
        environments.checked_python(str(tmp_path / "nothing"))


@pytest.mark.slow
def test_an_environment_has_its_own_package_over_the_shared_ones(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "only-here"\nversion = "7"\n[tool.setuptools]\npy-modules = ["only_here"]\n'
    )
    (package / "only_here.py").write_text("VALUE = 7\n")
    wheel = ["pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "-w", str(tmp_path), str(package)]
    subprocess.run([sys.executable, "-m", *wheel], check=True)
    lines = [f"only-here @ file://{next(tmp_path.glob('*.whl'))}"]
    python = environments.overlay(lines, tmp_path / "environments")
    code = "import only_here, numpy, click; print(only_here.VALUE)"
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout == "7\n"
    assert environments.overlay(lines, tmp_path / "environments") == python


def test_an_environment_that_cannot_be_built_leaves_nothing(tmp_path):
    lines = [f"nothing @ file://{tmp_path}/nothing.whl"]
    with pytest.raises(EnvironmentBuildError, match="--base-python PATH --head-python PATH"):
        environments.overlay(lines, tmp_path / "environments")
    assert list((tmp_path / "environments").iterdir()) == []
