"""A small BERT that Transformers has saved, with a tokenizer fitted on real reviews: quick to load and to damage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench_suite.contracts import Data
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.pretrained.tokenizing import fit_tokenizer
from bench_suite.pretrained.weights import transformers
from bench_suite.tasks import imdb


@pytest.fixture(scope="session")
def reviews() -> Data:
    """Return 64 real reviews of each split."""
    return prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=True)


@pytest.fixture(scope="session")
def saved(reviews: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder written by `save_pretrained`; tests must not change it."""
    library = transformers()
    fitted = fit_tokenizer(reviews, "wordpiece", 500, 64, "first")
    folder = tmp_path_factory.mktemp("saved") / "tiny-bert"
    tokenizer = library.PreTrainedTokenizerFast(
        tokenizer_object=fitted.tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = library.BertConfig(
        vocab_size=len(fitted), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    library.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Prevent network access, and hide the user's own cache."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    for name in ("BENCH_DATA", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Use one thread, like the other tests of models."""
    torch.set_num_threads(1)
