"""What `run.json` states, and what of it is damaged, is named without a path of this machine."""

import json

import pytest

from bench_suite.store.atomic import StoreError
from bench_suite.store.run_info import message_of
from bench_suite.store.runs import Run


def test_the_message_of_an_error_has_no_path_of_this_machine() -> None:
    assert message_of(FileNotFoundError(2, "No such file or directory", "/home/me/results")) == (
        "No such file or directory"
    )
    assert message_of(OSError("no number")) == "no number"
    assert message_of(ValueError("not JSON")) == "not JSON"


@pytest.mark.parametrize("name", ["gate", "report", "planned"])
def test_a_damaged_part_of_run_json_is_named(run: Run, name: str) -> None:
    (run.path / "run.json").write_text(json.dumps({**run.info, name: ["x"]}))
    with pytest.raises(
        StoreError,
        match=rf"cannot be read as a run: run\.json, line 1, field {name}: it must be an object, and is \[\"x\"\]",
    ):
        Run(run.path)
