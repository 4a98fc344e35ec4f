"""Auto: any Transformers architecture that reads text, by its name or by the configuration in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import BenchError, Data
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.models import bert
from bench_suite.models.auto import Options, build, check, fetch
from bench_suite.pretrained.tokenizing import fit_tokenizer
from bench_suite.pretrained.weights import transformers
from bench_suite.tasks import imdb

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
SMALL: dict[str, dict[str, Any]] = {
    "distilbert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32},
    "roberta": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
    "electra": {
        "hidden_size": 16,
        "embedding_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    },
    "gpt_neox": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
}


@pytest.fixture(scope="module")
def reviews() -> Data:
    return prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=True)


@pytest.mark.parametrize("architecture", SMALL)
def test_architectures_are_built_by_name_and_padding_makes_no_difference(architecture: str, reviews: Data) -> None:
    torch.manual_seed(0)
    options = Options(config={"model_type": architecture, **SMALL[architecture]}, vocabulary=400, max_length=24)
    check(options)
    network = build(reviews, options)
    module: Any = network.module.eval()
    tokens = encoded(network, reviews.splits["test"]).take(torch.arange(4))
    tokens["tokens"] = network.encode({"text": ["", "a film", "a longer review of it", "bad"]})["tokens"].torch()
    together = module(**network.collate(tokens).inputs)
    assert together.shape == (4, 2)
    for row in range(4):
        single = {"tokens": tokens["tokens"][torch.tensor([row])], "target": None}
        assert torch.allclose(module(**network.collate(single).inputs)[0], together[row], atol=1e-5)
    together.sum().backward()
    assert module.get_input_embeddings().weight.grad.abs().sum() > 0


def test_a_folder_says_itself_which_architecture_it_is(reviews: Data, tmp_path: Path) -> None:
    library = transformers()
    fitted = fit_tokenizer(reviews, "wordpiece", 400, 24, "first")
    library.PreTrainedTokenizerFast(
        tokenizer_object=fitted.tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(tmp_path / "tiny")
    config = library.DistilBertConfig(vocab_size=len(fitted), max_position_embeddings=24, **SMALL["distilbert"])
    library.DistilBertForSequenceClassification(config).save_pretrained(tmp_path / "tiny")
    options = Options(pretrained=str(tmp_path / "tiny"), max_length=24, load_head=False)
    assert fetch(options, Sources(offline=True)) == "folder:tiny"
    network = build(reviews, options)
    module: Any = network.module
    # its own two-layer head is left out: the test asks for a new one
    assert network.notes["tensors of the file without a place"] == 4
    assert type(module.pooled.encoder).__name__ == "DistilBertModel"


def test_minilm_through_auto_is_minilm_through_bert(reviews: Data) -> None:
    raw = {"text": ["a film", "a longer review of it"]}
    features = [
        build(reviews, Options(pretrained=MINILM, freeze=True)).encode(raw)["features"],
        bert.build(reviews, bert.Options(pretrained=MINILM, freeze=True)).encode(raw)["features"],
    ]
    assert np.array_equal(*features)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(), "state `pretrained`"),
        (Options(config={"dim": 8}), "no `model_type`"),
        (Options(pretrained=MINILM, config={"model_type": "bert"}), "config is for a model trained from scratch"),
        (Options(config={"model_type": "bert"}, freeze=True), "needs `pretrained`"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: Options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(options)


def test_what_reads_and_writes_is_refused(reviews: Data) -> None:
    with pytest.raises(BenchError, match="an encoder and a decoder"):
        build(reviews, Options(config={"model_type": "t5"}))
