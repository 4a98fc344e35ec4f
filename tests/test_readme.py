"""The README and the guide's examples that it links to, run exactly as the text says.

A block with a file name is the content of that file.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guides" / "extending.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"`(?P<name>[\w./-]+\.(?:py|toml))`:\n\n(?:<!-- [^\n]* -->\n\n)?```(?:python|toml)\n(?P<text>.*?)```", re.DOTALL
)


def files() -> dict[str, str]:
    """Every file that the guide shows."""
    return {match["name"]: match["text"] for match in BLOCK.finditer(GUIDE)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in files().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def bench(folder: Path, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess:
    return subprocess.run([python, "-m", "bench_suite", *arguments], cwd=folder, text=True, capture_output=True)


def test_the_guide_shows_a_task_a_model_and_a_probe_in_one_file_each():
    assert {"moons.py", "bumps.py", "overconfidence.py", "moons.toml"} <= set(files())


def test_a_suite_uses_them_by_path_and_asks_for_trust(folder):
    assert bench(folder, "plan", "moons.toml").returncode == 0
    refused = bench(folder, "run", "moons.toml")
    assert refused.returncode == 2
    for name in ("./moons.py", "./bumps.py", "./overconfidence.py", "--trust"):
        assert name in refused.stderr
    ran = bench(folder, "run", "moons.toml", "--trust")
    assert ran.returncode == 0, ran.stderr
    report = next(folder.glob("results/*/report.md")).read_text()
    assert "### overconfidence" in report
    assert "bumps" in report


@pytest.mark.slow
def test_an_installed_distribution_brings_them_by_entry_point(folder, tmp_path_factory):
    """The test installs the guide's pyproject.toml into a folder, and uses the suite without paths."""
    package = folder / "moons-bench"
    (package / "moons_bench").mkdir(parents=True)
    (package / "moons_bench" / "__init__.py").touch()
    for name in ("moons.py", "bumps.py", "overconfidence.py"):
        (package / "moons_bench" / name).write_text(files()[name])
    (package / "pyproject.toml").write_text(files()["moons-bench/pyproject.toml"])
    site = tmp_path_factory.mktemp("site")
    put = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(site), str(package)],
        text=True,
        capture_output=True,
    )
    assert put.returncode == 0, put.stderr
    suite = files()["moons.toml"].replace('"./', '"').replace('.py"', '"')
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "moons.toml").write_text(suite)
    program = f"import site; site.addsitedir({str(site)!r}); from bench_suite.cli import main; main()"
    command = [sys.executable, "-c", program, "run", "moons.toml"]
    ran = subprocess.run(command, cwd=elsewhere, text=True, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    assert "### overconfidence" in next(elsewhere.glob("results/*/report.md")).read_text()


def test_every_command_that_the_readme_names_exists():
    from bench_suite.cli import COMMANDS

    named = set(re.findall(r"\bbench (\w+)", README)) - {"suite"}
    assert named <= set(COMMANDS), named - set(COMMANDS)


def test_the_documented_test_command_is_what_ci_runs():
    (command,) = re.findall(r"^python3 -m venv .*tox.*$", README, re.MULTILINE)
    assert command in (ROOT / ".ci" / "run").read_text()


def test_every_link_of_the_readme_leads_somewhere():
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert "reports/LEADERBOARD.md" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_picture_of_the_report_is_small_and_the_command_that_makes_it_exists():
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert 0 < (ROOT / picture).stat().st_size < 200_000
    (command,) = re.findall(r"`python (docs/\w+\.py)`", README)
    assert (ROOT / command).is_file()


def test_the_reports_that_are_kept_are_what_the_command_writes():
    from bench_suite.reports.leaderboard import leaderboard
    from bench_suite.reports.markdown import short_report
    from bench_suite.store.runs import Store

    about = (ROOT / "reports" / "README.md").read_text(encoding="utf-8")
    (name,) = {*re.findall(r"\bbench (?:leaderboard|report) (\S+)", about)}
    run = Store(ROOT / "results").open(name)
    committed = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "reports").glob("*.md")}
    assert committed["LEADERBOARD.md"] == f"# Leaderboard\n\n{leaderboard([run], level=2)}"
    assert committed["quickstart.md"] == short_report(run)


def test_what_the_readme_shows_of_the_quickstart_is_the_run_that_is_kept():
    from bench_suite.reports.board import board
    from bench_suite.store.runs import Store

    (quickstart_run,) = [info for info in Store(ROOT / "results").runs() if f"{info.run}/" in README]
    shown = board(Store(ROOT / "results").open(quickstart_run.run), 80)
    blocks = ["\n".join([table.heading, *table.rows, *table.notes]) for table in shown.tables]
    assert "\n\n".join([*blocks, shown.legend]) in README
