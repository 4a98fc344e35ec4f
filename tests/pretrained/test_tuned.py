"""Tuned: a classifier that was saved with its head gives the logits of Transformers, in the order of the data."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import bench_suite
from bench_suite.contracts import BenchError, Data, Network, Placement
from bench_suite.models import auto, bert, gpt2
from bench_suite.pretrained.weights import find, transformers
from bench_suite.training.precision import computing

TEXTS = ["a film", "a longer review of it that says more", "bad", "", "good and good and good"]
SIZES: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "roberta": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
    "distilbert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32},
    "electra": {"hidden_size": 16, "embedding_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
    "gpt2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 66},
    "gpt_neox": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
}
CLASSES = ("negative", "positive")
WORDS = ("film", "story", "actor", "music", "plot", "end")
SUITE = """
[[tasks]]
use = "./texts.py"
[[models]]
use = "{model}"
pretrained = "./tuned"
{options}
[train]
epochs = {epochs}
[matrix]
threads = 1
[probes.quality]
resamples = 100
"""

TASK = '''
"""Texts of a few words: the first says which class it has."""

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.splits import MemorySplit

MODALITY = "text"
PROBLEM = "classification"
WORDS = ("film", "story", "actor", "music", "plot", "end")


def load(options, sources):
    texts = [f"{word} the {a} and {b} of it" for a in WORDS for b in WORDS for word in ("bad", "good")]
    target = np.array([text.startswith("good") for text in texts], dtype=np.int64)
    parts = {"train": slice(0, 24), "validation": slice(24, 32), "test": slice(32, None)}
    ids = np.arange(len(texts))
    splits = {
        name: MemorySplit(ids[rows], {"text": texts[rows], "target": target[rows]}, {}) for name, rows in parts.items()
    }
    return Data(PROBLEM, {"classes": ("negative", "positive")}, splits, Source("generated", "words", "texts 1"))
'''

Save = Callable[..., Path]


@pytest.fixture
def save(saved: Path, tmp_path: Path) -> Save:
    """Return a function that saves a random classifier of an architecture, with a tokenizer, in the folder `tuned`."""

    def saving(architecture: str = "bert", labels: tuple[str, ...] = CLASSES, **fields: Any) -> Path:
        library = transformers()
        folder = shutil.copytree(saved, tmp_path / "tuned")
        (folder / "model.safetensors").unlink()
        config = library.AutoConfig.for_model(
            architecture, **SIZES[architecture], vocab_size=500, max_position_embeddings=66,
            id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)}, **fields,
        )  # fmt: skip
        torch.manual_seed(3)
        model = library.AutoModelForSequenceClassification.from_config(config)
        with torch.no_grad():
            for weight in model.parameters():  # initial weights are so small that all logits would be nearly equal
                weight.add_(torch.randn_like(weight) * 0.3)
        model.save_pretrained(folder)
        return folder

    return saving


def by_hand(folder: Path, texts: list[str]) -> np.ndarray:
    """Return the logits of Transformers, in the order of the head, one text at a time."""
    library = transformers()
    tokenizer = library.AutoTokenizer.from_pretrained(folder)
    model = library.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    rows = [tokenizer(text, truncation=True, max_length=64, return_tensors="pt") for text in texts]
    with torch.inference_mode(), computing(Placement("cpu", 1, "32-true")):
        return np.concatenate(
            [model(input_ids=row["input_ids"], attention_mask=row["attention_mask"]).logits for row in rows]
        )


def logits(network: Network, texts: list[str]) -> np.ndarray:
    """Return the logits of a network for a batch of texts."""
    columns = network.encode({"text": texts})
    batch = network.collate({"tokens": columns["tokens"].torch(), "target": None})
    with torch.inference_mode():
        return network.module.eval()(**batch.inputs).numpy()


@pytest.mark.parametrize("architecture", SIZES)
def test_logits_are_those_of_transformers(architecture: str, save: Save, reviews: Data) -> None:
    folder = save(architecture)
    network = auto.build(reviews, auto.Options(pretrained=str(folder), max_length=64))
    expected = by_hand(folder, TEXTS)
    assert np.ptp(expected, axis=0).min() > 0.05, "the texts must be told apart, or the test shows nothing"
    assert np.allclose(logits(network, TEXTS), expected, atol=1e-5)
    assert network.untrained is None


@pytest.mark.parametrize("module", [bert, gpt2], ids=["bert", "gpt2"])
def test_the_models_of_one_architecture_load_the_head_too(module: Any, save: Save, reviews: Data) -> None:
    folder = save(module.__name__.rpartition(".")[2])
    network = module.build(reviews, module.Options(pretrained=str(folder), max_length=64))
    assert np.allclose(logits(network, TEXTS), by_hand(folder, TEXTS), atol=1e-5)


def test_a_text_that_ends_in_the_token_of_the_padding_is_read_to_its_end(save: Save, reviews: Data) -> None:
    folder = save("gpt2", pad_token_id=None)
    network = gpt2.build(reviews, gpt2.Options(pretrained=str(folder), max_length=64))
    tokens = torch.tensor([[7, 8, 0, 0], [7, 8, 9, 10]])
    alone = network.module.eval()(tokens[:1, :3], torch.tensor([3]))
    together = network.module(tokens, torch.tensor([3, 4]))
    assert torch.allclose(alone[0], together[0], atol=1e-5)


@pytest.mark.parametrize("labels", [("positive", "negative"), ("Positive", "NEGATIVE")])
def test_labels_in_another_order_are_mapped_by_name(labels: tuple[str, str], save: Save, reviews: Data) -> None:
    folder = save("bert", labels)
    network = bert.build(reviews, bert.Options(pretrained=str(folder)))
    assert np.allclose(logits(network, TEXTS), by_hand(folder, TEXTS)[:, ::-1], atol=1e-5)


def test_stated_labels_are_mapped_as_stated(save: Save, reviews: Data) -> None:
    folder = save("bert", ("LABEL_0", "LABEL_1"))
    stated = {"LABEL_0": "positive", "LABEL_1": "negative"}
    network = bert.build(reviews, bert.Options(pretrained=str(folder), labels=stated))
    assert np.allclose(logits(network, TEXTS), by_hand(folder, TEXTS)[:, ::-1], atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "stated", "message"),
    [
        (("LABEL_0", "LABEL_1"), None, r"has the labels LABEL_0, LABEL_1, and the data have the classes negative, pos"),
        (("LABEL_0", "LABEL_1"), {"LABEL_0": "negative"}, "state the class that each label stands for"),
        (("LABEL_0", "LABEL_1"), dict.fromkeys(("LABEL_0", "LABEL_1"), "negative"), "state the class that each label"),
        (("negative", "positive", "neutral"), None, "set load_head = false for a new head"),
        (("negative", "positive"), {"negativ": "positive"}, 'has no label "negativ"; did you mean "negative"'),
        (("negative", "positive"), {"negative": "bad"}, 'the data has no class "bad"'),
        (("score",), None, "predicts one value for a text"),
    ],
)
def test_labels_that_do_not_match_are_refused(
    labels: tuple[str, ...], stated: Mapping[str, str] | None, message: str, save: Save, reviews: Data
) -> None:
    folder = save("bert", labels)
    with pytest.raises(BenchError, match=message) as raised:
        bert.build(reviews, bert.Options(pretrained=str(folder), labels=stated))
    assert str(folder) not in str(raised.value)


def test_a_head_of_several_labels_at_a_time_is_refused(save: Save, reviews: Data) -> None:
    folder = save("bert", problem_type="multi_label_classification")
    with pytest.raises(BenchError, match="predicts several labels at a time"):
        bert.build(reviews, bert.Options(pretrained=str(folder)))


@pytest.mark.parametrize("options", [{"head": 8}, {"pooling": "cls"}])
def test_options_of_a_new_head_are_refused_beside_a_loaded_one(
    options: dict[str, Any], save: Save, reviews: Data
) -> None:
    folder = save()
    with pytest.raises(BenchError, match="is for a new head, and folder:tuned has one of its own"):
        bert.build(reviews, bert.Options(pretrained=str(folder), **options))
    network = bert.build(reviews, bert.Options(pretrained=str(folder), load_head=False, **options))
    assert network.untrained == "the head"


@pytest.mark.parametrize("options", [{"load_head": False}, {"freeze": True}])
def test_labels_without_a_head_to_load_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="labels are for a head that is loaded"):
        bert.check(bert.Options(pretrained="owner/name", labels={"a": "b"}, **options))


def test_labels_of_a_folder_without_a_head_are_refused(saved: Path, reviews: Data) -> None:
    with pytest.raises(BenchError, match="labels are for a head that is loaded, and folder:tiny-bert has none"):
        bert.build(reviews, bert.Options(pretrained=str(saved), labels={"a": "negative"}))


def test_a_head_without_its_tensors_is_a_new_one(save: Save, reviews: Data) -> None:
    folder = save()
    file = folder / "model.safetensors"
    left = {name: value for name, value in load_file(file).items() if not name.startswith("classifier.")}
    save_file(left, file, metadata={"format": "pt"})
    assert bert.build(reviews, bert.Options(pretrained=str(folder))).untrained == "the head"


def test_a_part_of_a_head_is_refused(save: Save, reviews: Data) -> None:
    folder = save()
    file = folder / "model.safetensors"
    left = {name: value for name, value in load_file(file).items() if not name.startswith("bert.pooler.")}
    save_file(left, file, metadata={"format": "pt"})
    with pytest.raises(BenchError, match="2 of 41 tensors are not in the file, such as"):
        bert.build(reviews, bert.Options(pretrained=str(folder)))


def test_a_loaded_head_is_trained_on_with_low_rank_additions(save: Save, reviews: Data) -> None:
    pytest.importorskip("peft")
    folder = save()
    network = bert.build(reviews, bert.Options(pretrained=str(folder), lora=2))
    trained = {name for name, weight in network.module.named_parameters() if weight.requires_grad}
    assert {name for name in trained if "lora_" not in name} == {"model.classifier.weight", "model.classifier.bias"}
    assert np.allclose(logits(network, TEXTS), by_hand(folder, TEXTS), atol=1e-5)


# ── through a whole cell ────────────────────────────────────────────────────────────────────────


def run_cell(folder: Path, monkeypatch: pytest.MonkeyPatch, model: str = "bert", options: str = "", epochs: int = 0):
    """Run a suite beside the folder of weights and return the outcome."""
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("BENCH_CACHE", str(folder.parent / "cache"))
    Path("suite.toml").write_text(SUITE.format(model=model, options=options, epochs=epochs))
    Path("texts.py").write_text(TASK)
    return bench_suite.run("suite.toml", trust=True)


@pytest.mark.parametrize("model", ["bert", "auto"])
@pytest.mark.parametrize("labels", [CLASSES, CLASSES[::-1]], ids=["same order", "swapped"])
def test_the_scores_of_a_cell_are_those_of_transformers(
    model: str, labels: tuple[str, str], save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save("bert", labels)
    outcome = run_cell(folder, monkeypatch, model, 'keep = "first"\nmax_length = 64')
    (record,) = outcome.records
    assert record.status == "ok", record.reason
    (row,) = [row for row in record.artifacts if row.name == "predictions/test"]
    predictions = outcome.run.read_predictions(row)
    texts = [f"{word} the {a} and {b} of it" for a in WORDS for b in WORDS for word in ("bad", "good")]
    expected = torch.tensor(by_hand(folder, texts[32:])).softmax(dim=-1).numpy()
    expected = expected if labels == CLASSES else expected[:, ::-1]
    assert np.allclose(predictions["scores"], expected, atol=1e-3)
    assert np.ptp(expected[:, 0]) > 0.02
    accuracy = next(metric for metric in record.metrics if metric.name == "quality/accuracy")
    assert accuracy.value == pytest.approx((predictions["predictions"] == predictions["targets"]).mean())


def test_no_epochs_with_a_new_head_are_an_error(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(saved, tmp_path / "tuned")
    (record,) = run_cell(folder, monkeypatch).records
    assert (record.status, record.metrics) == ("failed", ())
    assert "bert: the head begins at random, and epochs = 0 does not train it" in str(record.reason)


def test_labels_that_do_not_match_fail_the_cell(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save("bert", ("LABEL_0", "LABEL_1"))
    (record,) = run_cell(folder, monkeypatch).records
    assert record.status == "failed"
    assert "state the class that each label stands for" in str(record.reason)


def test_weights_that_were_swapped_are_noticed_by_a_resume(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save()
    first = run_cell(folder, monkeypatch)
    (record,) = first.records
    assert record.sources["model.pretrained"] == find(str(folder)).digest
    file = folder / "model.safetensors"
    tensors = load_file(file)
    save_file({**tensors, "classifier.bias": tensors["classifier.bias"] + 1}, file, metadata={"format": "pt"})
    with pytest.raises(BenchError, match=r"weights(.|\n)*have changed since(.|\n)*texts, bert(.|\n)*--stale"):
        bench_suite.run("suite.toml", trust=True, resume="newest")
    (redone,) = bench_suite.run("suite.toml", trust=True, resume="newest", stale="redo").records
    assert redone.weights_key != record.weights_key
    assert redone.sources["model.pretrained"] != record.sources["model.pretrained"]
