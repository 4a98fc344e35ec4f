"""`bench try`: the printed suite equals the suite that runs; correct defaults, and a message for each typing error."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from bench_suite.store.runs import Run, Store

QUICK = ("--smoke", "--set", "matrix.threads=1", "--probe", "quality")


def suite(out: str) -> dict:
    """Return the suite in the output: all lines before the table of results."""
    return tomllib.loads(out.partition("\nsmoke run")[0])


def test_what_is_printed_runs_to_the_same_cells(bench, tmp_path):
    tried = bench("try", "--task", "breast_cancer,diabetes", "--model", "mlp", "--seed", "3,4", *QUICK)
    assert tried.status == 0, tried.err
    (tmp_path / "same.toml").write_text(tried.out.partition("\nsmoke run")[0])
    again = bench("run", "same.toml", "--smoke", "--set", "matrix.threads=1", "--json")
    ids = [record["id"] for record in json.loads(again.out)["records"]]
    first = Run(Store(tmp_path / "results").runs()[1].path)
    assert ids == [record.id for record in first.records()]
    assert len(ids) == 4


def test_the_sample_is_taken_where_there_is_one_and_the_whole_where_that_is_in_a_package(bench):
    printed = suite(bench("try", "--task", "mnist,digits", "--model", "mlp", *QUICK).out)
    assert printed["tasks"] == [{"use": "mnist", "data": "sample"}, {"use": "digits"}]


def test_options_may_be_repeated_or_hold_several(bench):
    models = ("--model", "mlp, cnn", "--model", "logistic_regression", "--model", "mlp")
    printed = suite(bench("try", "--task", "digits", *models, "--epochs", "2", *QUICK).out)
    assert [model["use"] for model in printed["models"]] == ["mlp", "cnn", "logistic_regression"]
    assert printed["train"]["epochs"] == 2
    assert list(printed["probes"]) == ["quality"]


def test_many_names_and_seeds_are_written_whole(bench):
    several = ("--task", "diabetes,breast_cancer", "--model", "logistic_regression,gradient_boosting")
    seeds = ",".join(map(str, range(40)))
    ended = bench("try", *several, "--seed", seeds, *QUICK, "--set", "matrix.seed=0")
    assert ended.status == 0, ended.err
    printed = suite(ended.out)
    assert printed["title"] == "logistic_regression, gradient_boosting on diabetes, breast_cancer"
    assert printed["matrix"]["seed"] == [*range(40)]


def test_the_run_stores_the_text_and_the_command_that_made_it(bench, tmp_path):
    ended = bench("try", "--task", "diabetes", "--model", "mlp", *QUICK)
    run = Store(tmp_path / "results").open("latest")
    assert run.info["text"] == ended.out.partition("\nsmoke run")[0]
    assert run.info["suite"] == "try-diabetes-mlp"
    command = "bench try --task diabetes --model mlp --probe quality --set matrix.threads=1 --smoke"
    assert run.info["command"] == command
    assert f"\n{command}\n" in (run.path / "report.md").read_text()


def test_a_trial_is_resumed_by_the_same_command(bench, tmp_path):
    words = ("try", "--task", "diabetes", "--model", "mlp", "--epochs", "1", "--probe", "quality")
    assert bench(*words).status == 0
    ended = bench(*words, "--resume")
    assert "1 of 1 cells are done" in ended.err
    assert len(Store(tmp_path / "results").runs()) == 1


def test_a_trial_that_is_kept_runs_on_as_a_suite(bench, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    written = bench("try", "--task", "diabetes", "--model", "mlp", "--epochs", "1", "--write", "elsewhere/mine.toml")
    assert written.status == 0, written.err
    assert "bench run elsewhere/mine.toml --resume" not in written.out
    ended = bench("run", "elsewhere/mine.toml", "--resume")
    assert "1 of 1 cells are done" in ended.err
    (tmp_path / "elsewhere" / "mine.toml").write_text("# another\n")
    refused = bench("try", "--task", "diabetes", "--model", "mlp", "--write", "elsewhere/mine.toml")
    assert refused.status == 2
    assert "exists already" in refused.err


@pytest.mark.parametrize("folder", [".", "elsewhere"])
def test_a_file_of_ones_own_is_tried_and_named_from_where_the_suite_lies(bench, tmp_path, folder):
    assert bench("new", "task", "rings").status == 0
    words = ("try", "--task", "./rings.py", "--model", "logistic_regression", "--write", f"{folder}/mine.toml")
    (tmp_path / folder).mkdir(exist_ok=True)
    refused = bench(*words)
    assert refused.status == 2
    assert "--trust" in refused.err
    assert not (tmp_path / folder / "mine.toml").exists()
    assert bench(*words, "--trust", "--smoke").status == 0
    header = " ".join(
        line.removeprefix("# ") for line in (tmp_path / folder / "mine.toml").read_text().splitlines()[:3]
    )
    assert "Made by: bench try --task ./rings.py --model logistic_regression --trust title" in header
    assert bench("run", f"{folder}/mine.toml", "--trust", "--smoke").status == 0


def test_json_is_all_that_stands_on_standard_output(bench):
    ended = bench("try", "--task", "diabetes", "--model", "mlp", *QUICK, "--json")
    assert json.loads(ended.out)["cells"] == 1
    assert 'use = "diabetes"' in ended.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--task", "mnst", "--model", "mlp"), '--task mnst: there is no task "mnst"; did you mean "mnist"?'),
        (("--task", "mnist", "--model", "mpl"), 'did you mean "mlp"?'),
        (("--task", "mnist", "--model", "mlp", "--probe", "qualty"), 'did you mean "quality"?'),
        (("--task", "mnist", "--model", "mlp", "--seed", "-1"), "--seed -1: is no seed"),
        (("--task", "imdb", "--model", "cnn"), "bench: --task imdb: the task imdb fits no model of this suite: cnn"),
        (("--task", "imdb", "--model", "cnn"), "\n--model cnn: the model cnn fits no task of this suite: imdb (takes"),
        (("--task", "cifar10", "--model", "cnn", "--data", "sample"), "--data sample: cifar10 has none"),
        (("--task", "mnist", "--model", "mlp", "--write", "mine"), "--write mine: a suite is a TOML file"),
        (("--task", "mnist", "--model", "mlp", "--set", "train.epoch=3"), 'did you mean "epochs"?'),
        (("--task", "hub", "--model", "mlp"), "bench: --task hub: hub needs `id`"),
        (("--task", "hub", "--model", "mlp", "--write", "a.toml"), "bench: --task hub: hub needs `id`"),
        (("--model", "mlp"), "Missing option '--task'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_slip_of_the_pen_is_told_before_anything_is_written(bench, tmp_path, words, says):
    ended = bench("try", *words)
    assert ended.status == 2
    assert says in ended.err
    assert not re.search(r":\d+:", ended.err), "there is no file of which it could name a line"
    assert ended.out == ""
    assert not list(tmp_path.iterdir())
