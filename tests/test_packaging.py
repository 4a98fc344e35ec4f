"""Claims about the built distribution: the wheel built from the sdist, installed outside a checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KEPT = ("benchmarks", "suites", "pyproject.toml", "README.md", "LICENSE")

pytestmark = pytest.mark.timeout(900)


def run(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "TOX"))}
    return subprocess.run(list(map(str, command)), cwd=cwd, env=clean | environment, text=True, capture_output=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin/` of a new virtual environment with the wheel; it uses the dependencies of the current environment."""
    folder = tmp_path_factory.mktemp("packaging")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in KEPT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, checkout / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy(source, checkout / name)
    built = run(sys.executable, "-m", "build", "--outdir", folder / "dist", checkout, cwd=folder)
    assert built.returncode == 0, built.stderr[-3000:]
    created = run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    assert created.returncode == 0, created.stderr
    python = folder / "venv" / "bin" / "python"
    (wheel,) = (folder / "dist").glob("*.whl")
    put = run(python, "-m", "pip", "install", "--no-deps", wheel, cwd=folder)
    assert put.returncode == 0, put.stderr
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).stdout.strip()
    # Python reads no .pth files in paths that a .pth file adds, so an editable install of this checkout is not visible.
    Path(site, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin"


def test_the_extra_all_joins_every_extra_that_a_user_may_want():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (joined,) = extras["all"]
    name, _, names = joined.rstrip("]").partition("[")
    assert name == "bench-suite"
    assert sorted(names.split(",")) == sorted(set(extras) - {"all", "test", "browser", "docs"})


@pytest.mark.slow
def test_the_suites_travel_inside_the_wheel(installed, tmp_path):
    where = run(installed / "python", "-c", "import bench_suite; print(bench_suite.__file__)", cwd=tmp_path)
    assert str(installed.parent) in where.stdout
    listed = run(installed / "bench", "list", "suites", cwd=tmp_path)
    assert "quickstart" in listed.stdout
    planned = run(installed / "bench", "plan", "quickstart", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "mnist, mlp, seed 0" in planned.stdout


def test_the_suites_are_found_in_an_editable_install():
    from bench_suite.suite.spec import shipped_suites

    assert sorted(p.stem for p in (ROOT / "suites").glob("*.toml")) == shipped_suites()


@pytest.mark.slow
def test_a_suite_runs_where_there_is_no_checkout(installed, tmp_path):
    ran = run(installed / "bench", "run", "quickstart", "--smoke", "--only", "task=loans", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert list(tmp_path.glob("results/*/report.md"))


@pytest.mark.slow
def test_the_templates_travel_inside_the_wheel(installed, tmp_path):
    for service in ("github", "gitlab", "shell"):
        ran = run(installed / "bench", "init", "--ci", service, cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
    assert (tmp_path / ".github" / "bench-ci.sh").read_text().startswith("#!/bin/sh")


@pytest.mark.slow
def test_a_project_with_a_benchmarks_package_of_its_own_still_passes_its_tests(installed, tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").write_text("ANSWER = 42\n")
    (tmp_path / "benchmarks" / "test_speed.py").write_text(
        "from benchmarks import ANSWER\n\n\ndef test_answer(benchmark):\n    assert benchmark(lambda: ANSWER) == 42\n"
    )
    ran = run(installed / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout
