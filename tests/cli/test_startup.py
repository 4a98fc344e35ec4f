"""Quick commands import no heavy package: no torch, pandas, NumPy or scikit-learn."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "pandas",
    "numpy",
    "sklearn",
    "scipy",
    "pyarrow",
    "matplotlib",
    "datasets",
    "transformers",
    "lightning",
)
AT_ONCE = [
    ("--help",),
    ("--version",),
    ("run", "--help"),
    ("plan", "quickstart"),
    ("plan", "quickstart", "--json"),
    ("list",),
    ("list", "models"),
    ("show", "model", "mlp"),
    ("show", "task", "imdb"),
    ("schema",),
    ("results",),
    ("data",),
]
CORE = (
    "contracts",
    "components.discovery",
    "components.options",
    "components.suggestions",
    "comparison.gates",
    "environment",
    "store.records",
    "store.runs",
    "suite.document",
    "suite.json_schema",
    "suite.plan",
    "suite.spec",
    "suite.toml_positions",
)
WRONG = '[[tasks]]\nuse = "loan"\n[[models]]\nuse = "mpl"\n[probes.qualty]\n[train]\nepoch = 3\n'


def imported(code: str, tmp_path) -> tuple[int, set[str], str]:
    """Return the exit status of a new process that runs this code, its heavy imports, and its errors."""
    look = f"import sys, atexit; atexit.register(lambda: print('\\n' + ' '.join(set(sys.modules) & set({HEAVY!r}))))\n"
    done = subprocess.run(
        [sys.executable, "-c", look + code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    return done.returncode, set(done.stdout.rsplit("\n", 2)[-2].split()), done.stderr


@pytest.mark.parametrize("arguments", AT_ONCE, ids=" ".join)
def test_a_command_that_answers_at_once_imports_nothing_heavy(tmp_path, arguments):
    status, heavy, err = imported(
        f"sys.argv = {['bench', *arguments]!r}\nfrom bench_suite.cli import main\nmain()", tmp_path
    )
    assert (status, heavy, err) == (0, set(), "")


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_validation_error_imports_nothing_heavy(tmp_path, command):
    (tmp_path / "wrong.toml").write_text(WRONG)
    status, heavy, err = imported(
        f"sys.argv = ['bench', {command!r}, 'wrong.toml']\nfrom bench_suite.cli import main\nmain()", tmp_path
    )
    assert (status, heavy) == (2, set())
    assert err.count("did you mean") == 4, err


@pytest.mark.parametrize("module", ["__init__", *CORE])
def test_a_core_module_imports_nothing_heavy(tmp_path, module):
    name = "bench_suite" if module == "__init__" else f"bench_suite.{module}"
    status, heavy, err = imported(f"import {name}", tmp_path)
    assert (status, heavy, err) == (0, set(), "")


def test_contracts_import_the_standard_library_only(tmp_path):
    known = "sys.stdlib_module_names - {'bench_suite', '__main__'}"
    code = f"import bench_suite.contracts\nrest = {{m.partition('.')[0] for m in sys.modules}} - {known}\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({_source()!r})\n{code}print(rest)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")


def _source() -> str:
    from bench_suite.components.discovery import PACKAGE

    return str(PACKAGE.parent)
