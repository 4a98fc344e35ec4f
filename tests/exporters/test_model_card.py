"""Model cards: the results in the metadata are those of the board, and `huggingface_hub` reads them back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import EvalResult, ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from bench_suite.contracts import BenchError, Interval, MetricRow
from bench_suite.exporters.model_card import Options, export, hub_id
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run

ACCURACY = MetricRow("quality/accuracy", 0.9, "fraction", "higher", interval=Interval(0.88, 0.92), n=1000)
SPEED = MetricRow("throughput/train", 50.0, "samples/s", "higher", samples=(50.0, 100.0), timing=True)
HUB_DATA = {
    "source": "hub:stanfordnlp/imdb", "name": "imdb", "revision": "e6281661ce1c48d9", "fingerprint": "aa",
    "problem": "classification", "test": 1000,
}  # fmt: skip


def card_of(run: Run, **options: Any) -> ModelCard:
    content = export(run, None, Options(**options))
    assert isinstance(content, bytes)
    return ModelCard(content.decode())


def results_of(card: ModelCard) -> list[EvalResult]:
    _, results = model_index_to_eval_results(card.data.to_dict()["model-index"])
    return results


def test_values_are_the_means_of_the_records(real_run, stored_metrics) -> None:
    results = results_of(card_of(real_run, model="mlp"))
    assert [(result.task_type, result.dataset_name) for result in results if result.metric_type == "accuracy"] == [
        ("image-classification", "mnist-5k"), ("tabular-classification", "loans"),
    ]  # fmt: skip
    for result in results:
        stored = [
            (record["cell"]["seed"], metric["value"])
            for record, metric in stored_metrics
            if record["cell"]["model"] == "mlp"
            and record["cell"]["task"] == result.task_name
            and metric["name"] == result.metric_name
            and not metric["at"]
        ]
        assert result.metric_value == pytest.approx(sum(value for _, value in stored) / len(stored))
        assert result.metric_args["seeds"] == [seed for seed, _ in stored]
        assert result.metric_args["interval"]["low"] <= result.metric_value <= result.metric_args["interval"]["high"]
        assert result.dataset_split == "test"


def test_intervals_are_those_of_the_board(real_run) -> None:
    results = results_of(card_of(real_run, model="cnn"))
    (row,) = [row for table in tables([real_run]) for row in table.rows if row.model == "cnn"]
    board = {column.name: value.interval for column, value in row.values.items() if value.interval is not None}
    assert {result.metric_name: result.metric_args["interval"] for result in results} == {
        name: vars(interval) for name, interval in board.items()
    }


def test_data_of_the_hub_have_their_id_and_revision(history_runs) -> None:
    cell = {"task": "imdb", "model": "minilm", "seed": 7}
    run = history_runs.add([ACCURACY, SPEED], record={"cell": cell, "data": HUB_DATA})
    card = card_of(run, license="apache-2.0", name="My model")
    (result,) = results_of(card)
    assert result == EvalResult(
        task_type="text-classification", task_name="imdb", dataset_type="stanfordnlp/imdb", dataset_name="imdb",
        dataset_split="test", dataset_revision="e6281661ce1c48d9",
        dataset_args={"source": "hub:stanfordnlp/imdb", "fingerprint": "aa", "test": 1000},
        metric_type="accuracy", metric_name="quality/accuracy", metric_value=0.9,
        metric_args={
            "unit": "fraction", "better": "higher", "n": 1000, "seeds": [7],
            "interval": {"low": 0.88, "high": 0.92, "level": 0.95, "over": "examples"},
        },
    )  # fmt: skip
    assert (card.data.model_name, card.data.license, card.data.datasets) == (
        "My model", "apache-2.0", ["stanfordnlp/imdb"],
    )  # fmt: skip
    assert (card.data.pipeline_tag, card.data.metrics) == ("text-classification", ["accuracy"])
    assert re.search(r"\| quality/accuracy ↑ +\| +0\.900 ± 0\.020 \|", card.text)
    assert "throughput/train" in card.text
    assert "to be written by the author" in card.text


def test_several_models_need_a_choice_or_a_folder(real_run, tmp_path: Path) -> None:
    models = list(dict.fromkeys(record.cell["model"] for record in real_run.records()))
    for target in (None, "card.md", str(tmp_path / "new.md")):
        with pytest.raises(BenchError) as error:
            export(real_run, target, Options())
        assert all(model in str(error.value) for model in models)
        assert "--set model=" in str(error.value)
    cards = export(real_run, f"{tmp_path}/cards/", Options())
    assert {*cards} == {f"{model}/README.md" for model in models}
    assert cards == export(real_run, str(tmp_path), Options())
    assert export(real_run, str(tmp_path), Options(model="mlp")) == {"README.md": cards["mlp/README.md"]}
    assert export(real_run, "mlp.md", Options(model="mlp")) == cards["mlp/README.md"]


def test_wrong_choices_are_refused(real_run, history_runs) -> None:
    with pytest.raises(BenchError, match='no results of a model mlq; did you mean "mlp"'):
        export(real_run, None, Options(model="mlq"))
    with pytest.raises(BenchError, match="is a smoke run"):
        export(history_runs.add([ACCURACY], smoke=True), None, Options())
    with pytest.raises(BenchError, match="no cell with a result"):
        export(history_runs.add([], record={"status": "failed", "reason": "no"}), None, Options())


def test_two_tasks_on_the_same_data_keep_their_results_apart(run_of_models, history_runs) -> None:
    first = history_runs.add(
        [ACCURACY], planned={}, record={"cell": {"task": "a", "model": "m", "seed": 0}, "data": HUB_DATA}
    )
    other = {**HUB_DATA, "fingerprint": "bb"}
    second = history_runs.add(
        [ACCURACY], id="b", record={"cell": {"task": "b", "model": "m", "seed": 0}, "data": other}
    )
    with (first.path / "records" / "00001.jsonl").open("ab") as file:
        file.write((second.path / "records" / "00001.jsonl").read_bytes())
    results = results_of(card_of(Run(first.path)))
    assert [(result.task_name, result.dataset_args["fingerprint"]) for result in results] == [("a", "aa"), ("b", "bb")]


def test_hostile_texts_change_no_structure(hostile_run, history_runs) -> None:
    for model in ("---\nlicense: evil", "a: b # c", "{x}", "'\"", "\ud800\x00", "- [ ] *"):
        run = history_runs.add([ACCURACY], model=model, record={"data": {**HUB_DATA, "name": model, "source": model}})
        card = card_of(run)
        assert card.data.license is None
        assert len(results_of(card)) == 1
    cards = export(hostile_run, "cards/", Options())
    for content in cards.values():
        assert results_of(ModelCard(content.decode()))


def test_only_sources_of_the_hub_have_an_id() -> None:
    sources = {"hub:a/b": "a/b", "folder:uoft-cs/cifar10": "uoft-cs/cifar10", "package:x 1": "", "hub:a b": "", "": ""}
    assert {source: hub_id({"source": source}) for source in sources} == sources
