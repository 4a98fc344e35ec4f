"""Claims about `[run] log`: which exporters follow a run, what is refused, and that no cell depends on it."""

from __future__ import annotations

import pytest

from bench_suite.contracts import BenchError
from bench_suite.execution.component_checks import NeedsTrust, check_trust
from bench_suite.suite.json_schema import suite_schema
from bench_suite.suite.packages import missing_packages
from bench_suite.suite.trackers import trackers, with_tracker

FOLLOWER = '"""Follow a run."""\n\n\ndef follow(callback, run):\n    return callback\n'


def test_a_run_is_logged_to_the_exporters_that_log_names_in_their_order(plan):
    suite = plan(run={"log": ["mlflow", "tensorboard"]}).suite
    assert [tracker.name for tracker in suite.log] == ["mlflow", "tensorboard"]
    assert suite.executor is None
    assert plan().suite.log == ()


def test_log_stands_beside_an_executor_and_its_options(plan):
    suite = plan(run={"log": ["tensorboard"], "executor": "processes", "jobs": 2}).suite
    assert suite.executor.stated == {"jobs": 2}
    assert [tracker.name for tracker in suite.log] == ["tensorboard"]


def test_no_cell_and_no_unit_depends_on_the_trackers(plan):
    def identities(planned):
        return [(cell.id, cell.unit) for cell in planned.cells]

    assert identities(plan(run={"log": ["tensorboard", "mlflow"]})) == identities(plan())


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (["tensorbord"], r'run\.log\[0\]: there is no tracker "tensorbord"; did you mean "tensorboard"\?'),
        (["tensorboard", "junit"], r'run\.log\[1\]: "junit" writes finished results only: it has no function follow'),
        (["tensorboard", "tensorboard"], r'run\.log\[1\]: names "tensorboard" twice'),
        (["./none.py"], r'run\.log\[0\]: there is no file "\./none\.py"'),
        ("tensorboard", r'run\.log: .*a list is wanted: \["tensorboard"\]'),
        ([3], r"run\.log: "),
    ],
)
def test_what_cannot_follow_a_run_is_refused_at_its_position(plan, log, message):
    with pytest.raises(BenchError, match=message):
        plan(run={"log": log})


def test_a_misspelt_key_of_the_section_is_corrected(plan):
    with pytest.raises(BenchError, match=r'run\.logs: unknown key; did you mean "log"\?'):
        plan(run={"logs": ["tensorboard"]})


def test_a_file_follows_a_run_if_it_is_trusted(plan, tmp_path):
    (tmp_path / "mine.py").write_text(FOLLOWER)
    planned = plan(run={"log": ["./mine.py"]})
    assert [tracker.name for tracker in planned.suite.log] == ["mine"]
    with pytest.raises(NeedsTrust, match=r"exporter \./mine\.py"):
        check_trust(planned, trust=False)


def test_a_package_that_a_tracker_needs_is_missed_before_the_training(plan, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    (missing,) = missing_packages(plan(run={"log": ["mlflow"]}))
    assert missing.used_by == ("exporter mlflow",)
    assert missing.command == "pip install 'bench-suite[mlflow]'"


def test_a_further_tracker_is_added_once(plan):
    suite = with_tracker(plan(run={"log": ["mlflow"]}).suite, "tensorboard")
    assert [tracker.name for tracker in suite.log] == ["mlflow", "tensorboard"]
    assert with_tracker(suite, "tensorboard") is suite


def test_the_schema_offers_the_trackers():
    log = suite_schema()["properties"]["run"]["properties"]["log"]
    assert log["type"] == "array"
    assert all(name in log["description"] for name in trackers())
    assert {"mlflow", "tensorboard", "wandb"} <= set(trackers())
