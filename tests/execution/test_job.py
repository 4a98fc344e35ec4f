"""Claims about the job of a run: a worker reads what was written, and refuses anything else."""

from __future__ import annotations

import pickle
import stat

import pytest

from bench_suite.contracts import BenchError
from bench_suite.execution.job import Job, read_job, write_job
from bench_suite.suite.document import parse_document
from bench_suite.suite.parser import suite_of
from bench_suite.suite.plan import make_plan

SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "mlp"
[probes.quality]
"""


@pytest.fixture
def job(tmp_path):
    plan = make_plan(suite_of(parse_document(SUITE, "suite.toml"), "suite", tmp_path))
    return Job(plan, str(tmp_path), "environment", "code", "1.0", done={"a": frozenset({"quality"})})


def test_a_job_is_read_as_it_was_written_and_only_its_owner_can_read_it(job):
    path = write_job(job)
    assert read_job(path) == job
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps({"run": "x"}), pickle.dumps("job")[:-3]])
def test_what_is_no_job_is_refused(tmp_path, content):
    path = tmp_path / "job.pickle"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"job\.pickle of the run"):
        read_job(path)


def test_a_missing_job_is_an_error(tmp_path):
    with pytest.raises(BenchError, match="cannot be read"):
        read_job(tmp_path / "job.pickle")
