"""`bench import` as a user calls it, and the commands that work on what it made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench_suite.cli import bench
from bench_suite.contracts import BenchError

GPQA = Path(__file__).parents[1] / "importers" / "data" / "gpqa_diamond_scores.csv.gz"


def call(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(bench, [*words, "--results", str(folder)], catch_exceptions=True)


def imported(folder: Path, *words: str) -> dict[str, object]:
    result = call(folder, "import", *words, "--json")
    assert result.exit_code == 0, result.output
    document: dict[str, object] = json.loads(result.stdout)
    return document


def test_import_prints_means_and_what_is_absent_and_other_commands_read_the_run(tmp_path: Path) -> None:
    result = call(tmp_path, "import", str(GPQA), "--item", "item_id", "--model", "model_id", "--score", "score")
    assert "scores/score 0.6758 [0.6213, 0.7302] over clusters" in result.output
    assert "990 rows of 198 items, 5 repetitions each; an item is a cluster" in result.output
    assert "absent: environment:" in result.output
    assert "2 records of 2 cells" in call(tmp_path, "results").output
    table = call(tmp_path, "leaderboard", "--output", str(tmp_path / "board.md")).output
    assert "0.68 ± 0.05" in table
    report = call(tmp_path, "report", "--output", str(tmp_path / "report.md"))
    assert report.exit_code == 0
    assert "bench import gpqa_diamond_scores.csv.gz" in (tmp_path / "report.md").read_text()
    assert "334 items find it; now 198 items" in call(tmp_path, "power", "--find", "0.06").output


def test_imports_of_single_models_and_of_several_share_a_leaderboard(tmp_path: Path) -> None:
    nano, mini = "openai/gpt-5-nano-2025-08-07", "openai/gpt-5.4-mini-2026-03-17"
    imported(tmp_path, str(GPQA), "--suite", "gpqa")
    imported(tmp_path, str(GPQA), "--suite", "gpqa", "--model-value", nano, "--name", "candidate")
    table = call(tmp_path, "leaderboard", "--output", str(tmp_path / "board.md")).output
    text = (tmp_path / "board.md").read_text()
    assert all(model in text for model in (nano, mini, "candidate")), table


def test_a_comparison_of_scores_is_silent_about_timings(tmp_path: Path) -> None:
    runs = [
        imported(tmp_path, str(GPQA), "--model-value", model, "--name", "candidate")["run"]
        for model in ("openai/gpt-5.4-mini-2026-03-17", "openai/gpt-5-nano-2025-08-07")
    ]
    output = call(tmp_path, "compare", *map(str, runs)).output
    assert "0.617 → 0.676, difference 0.059 [0.004, 0.113]" in output
    assert "timings" not in output
    assert "hardware" not in output


def test_a_gate_of_an_import_judges_a_comparison(tmp_path: Path) -> None:
    base = imported(tmp_path, str(GPQA), "--model-value", "openai/gpt-5-nano-2025-08-07", "--name", "m")
    head = imported(
        tmp_path, str(GPQA), "--model-value", "openai/gpt-5.4-mini-2026-03-17", "--name", "m",
        "--gate", "scores/score=0.02",
    )  # fmt: skip
    result = call(tmp_path, "compare", str(base["run"]), str(head["run"]))
    assert result.return_value == 4 or "cannot tell: scores/score" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "x", "--format", "scores"], "--target is not an option of the format scores, but of predictions"),
        (["--gate", "score"], "is not METRIC=TOLERANCE"),
        (["--gate", "scores/x=nan"], "is not METRIC=TOLERANCE"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(tmp_path: Path, words: list[str], message: str) -> None:
    result = call(tmp_path, "import", str(GPQA), *words)
    assert result.exit_code == 2
    assert message in result.output


def test_an_import_that_is_refused_leaves_no_run(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("item,model,score\na,m,1\na,m,0\n")
    result = call(tmp_path / "results", "import", str(path))
    assert isinstance(result.exception, BenchError)
    result = call(tmp_path / "results", "import", str(GPQA), "--gate", "scores/points=1")
    assert 'did you mean "scores/' in str(result.exception) or "no such metric" in str(result.exception)
    assert not (tmp_path / "results").exists()


def test_models_with_other_items_are_noted_and_compared_on_the_common_ones(tmp_path: Path) -> None:
    lines = [
        "item,model,score",
        *(f"q{n},a,{n % 2}" for n in range(30)),
        *(f"q{n},b,{n % 3 % 2}" for n in range(15, 45)),
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    output = call(tmp_path / "results", "import", str(tmp_path / "t.csv")).output
    assert "tested on different items" in output


def test_hostile_names_are_escaped_and_stay_inside_the_folder(tmp_path: Path) -> None:
    names = ["../../x", "\x1b[31mred", "a|b", "<script>", "x" * 3000]
    lines = ["item\tmodel\tscore", *(f"q{n}\t{name}\t{n % 2}" for name in names for n in range(12))]
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    result = call(tmp_path / "results", "import", str(tmp_path / "t.tsv"))
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert {path.name for path in tmp_path.iterdir()} == {"t.tsv", "results"}
    assert call(tmp_path / "results", "leaderboard", "--output", str(tmp_path / "l.md")).exit_code == 0
    assert "<script>" not in (tmp_path / "l.md").read_text()
