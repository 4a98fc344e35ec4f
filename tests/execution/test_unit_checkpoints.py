"""A killed training resumes from its checkpoint and ends with the same weights."""

import os
import signal
import time

import numpy as np
import pytest

from bench_suite.store.runs import Store

SUITE = """
title = "One long training"

[[tasks]]
use = "mnist"
data = "sample"

[[models]]
use = "mlp"
dropout = 0.1

[train]
epochs = 12
schedule = "cosine"
augment = ["shift"]
checkpoint = "0.2s"

[matrix]
threads = 1

[probes.quality]
resamples = 100
"""


def scores_and_record(program, results: str):
    """Return the scores of the only cell, and its record."""
    (info,) = Store(program.folder / results).runs()
    run = Store(program.folder / results).open(info.run)
    (record,) = run.records()
    (row,) = [artifact for artifact in record.artifacts if artifact.name == "predictions/test"]
    return np.asarray(run.read_predictions(row).columns["scores"]), record


@pytest.mark.slow
def test_killed_amid_an_epoch_and_resumed_it_predicts_the_same_bit_for_bit(program, inside):
    (program.folder / "suite.toml").write_text(SUITE)
    whole = inside.run("run", "suite.toml", "--results", "whole")
    assert whole.returncode == 0, whole.stderr

    process = program.start("run", "suite.toml", "--results", "cut", start_new_session=True)
    folder = program.folder / "cut"
    while not list(folder.glob("*/weights/*.checkpoint")) and process.poll() is None:
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()
    assert list(folder.glob("*/weights/*.checkpoint")), "no checkpoint was written"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    resumed = program.run("run", "suite.toml", "--results", "cut", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    expected, _ = scores_and_record(program, "whole")
    scores, record = scores_and_record(program, "cut")
    assert any("resumed from a checkpoint" in note for note in record.notes)
    assert np.array_equal(scores, expected)
    assert not list(folder.glob("*/weights/*.checkpoint")), "it is removed when the training has ended"
