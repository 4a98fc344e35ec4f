"""Every frame passes the same commands; only the files of its folder describe it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
FRAMES = sorted(path.parent.name for path in HERE.glob("*/suite.toml"))
WITH_FILES = [name for name in FRAMES if list((HERE / name).glob("*.py"))]
SLOW = {"two_processes"}
"Frames that take more than about ten seconds."


def cases(names: list[str]) -> list[Any]:
    """Return the frames as cases of a test."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names]


EXIT_STATUS = {"raising_probe": 3}
"Of `bench run`, where it is not 0."
HEADLINES = {
    "token_classification": "token_accuracy",
    "generation": "exact_match",
    "estimator": "r2",
    "evaluate_axis": "sensitivity",
    "retraining_probe": "attack_advantage",
    "during_probe": "steps",
    "summary": "concordance",
    "two_processes": "processes",
}
"A metric that the report must mention, where it is not `accuracy`."

Walks = Callable[[str], Any]


def test_there_is_a_folder_for_each_thing_that_the_frame_must_carry() -> None:
    assert FRAMES == [
        "during_probe",
        "estimator",
        "evaluate_axis",
        "evaluate_only",
        "generation",
        "gradient_image",
        "raising_probe",
        "retraining_probe",
        "split_on_disk",
        "summary",
        "token_classification",
        "two_processes",
    ]


def test_each_is_one_suite_and_at_most_one_file_a_component() -> None:
    for name in FRAMES:
        held = sorted(path.name for path in (HERE / name).iterdir() if path.name != "__pycache__")
        assert "suite.toml" in held
        kinds = {"task.py", "model.py", "probe.py", "engine.py"}
        others = [file for file in held if file not in {"suite.toml", *kinds}]
        # A problem's name is its file's name, and models declare it: so the file has the problem's name.
        assert len(others) <= 1, others


@pytest.mark.parametrize("name", cases(FRAMES))
def test_the_plan_needs_no_trust(name: str, walk: Walks) -> None:
    walked = walk(name)
    assert walked.ended["plan"].status == 0, walked.ended["plan"].err
    assert walked.plan["cells"]


@pytest.mark.parametrize("name", cases(WITH_FILES))
def test_a_run_without_trust_stops_before_anything_and_names_every_file(name: str, walk: Walks) -> None:
    walked = walk(name)
    assert walked.ended["untrusted"].status == 2
    files = {f"./{path.name}" for path in (HERE / name).glob("*.py")}
    assert set(walked.plan["trust"]) == files
    assert all(file in walked.ended["untrusted"].err for file in files)
    assert "--trust" in walked.ended["untrusted"].err


@pytest.mark.parametrize("name", cases(FRAMES))
def test_the_run_ends_as_it_should_with_a_record_for_each_cell(name: str, walk: Walks) -> None:
    walked = walk(name)
    assert walked.ended["run"].status == EXIT_STATUS.get(name, 0), walked.ended["run"].err
    assert [record.status for record in walked.records_after_run] == ["ok"] * len(walked.plan["cells"])
    assert {record.id for record in walked.records_after_run} == {cell["id"] for cell in walked.plan["cells"]}


@pytest.mark.parametrize("name", cases(FRAMES))
def test_every_metric_has_its_uncertainty_or_a_reason(name: str, walk: Walks) -> None:
    for record in walk(name).records_after_run:
        for row in record.metrics:
            assert row.interval is not None or row.samples or row.reason or row.kind != "estimate", row


@pytest.mark.parametrize("name", cases(WITH_FILES))
def test_records_say_that_foreign_code_was_run(name: str, walk: Walks) -> None:
    for record in walk(name).records_after_run:
        assert any("--trust" in note for note in record.notes)


@pytest.mark.parametrize("name", cases(FRAMES))
def test_a_resume_of_a_whole_run_does_nothing_and_ends_the_same_way(name: str, walk: Walks) -> None:
    walked = walk(name)
    assert walked.ended["resume"].status == walked.ended["run"].status, walked.ended["resume"].err
    if name != "raising_probe":  # a resume repeats failed probes: the frame's own test covers it
        assert walked.lines["resume"] == walked.lines["run"] == len(walked.plan["cells"])


@pytest.mark.parametrize("name", cases(FRAMES))
def test_the_report_shows_what_was_measured(name: str, walk: Walks) -> None:
    walked = walk(name)
    assert walked.ended["report"].status == 0, walked.ended["report"].err
    (report,) = (walked.folder / "reports").glob("*.md")
    assert HEADLINES.get(name, "accuracy") in report.read_text(encoding="utf-8")


def test_a_plan_imports_neither_the_suites_files_nor_torch(prepare: Callable[..., Any]) -> None:
    folder = prepare("generation").folder
    script = """
import json, sys
sys.argv = ["bench", "plan", "suite.toml"]
from bench_suite.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    modules = json.loads(done.stderr.splitlines()[-1])
    heavy = {"torch", "pandas", "transformers", "sklearn", "pyarrow", "numpy"}
    assert not heavy & set(modules)
    assert not [name for name in modules if name.startswith("bench_suite.components.external.")]
