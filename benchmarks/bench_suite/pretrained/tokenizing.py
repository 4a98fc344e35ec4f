"""Tokenizing: texts to rows of token numbers, by a pretrained model's tokenizer or one fitted on the train split."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from bench_suite.contracts import Batch, BenchError, Data
from bench_suite.data.fingerprint import hash_of
from bench_suite.data.hub import first_line
from bench_suite.data.ragged import Ragged, padded
from bench_suite.pretrained.weights import WeightFiles, transformers
from bench_suite.training.inputs import spread_rows
from bench_suite.training.vocabulary import Keep, truncate

ENCODING = 1
"""Increase it if the same tokenizer and options give other tokens than before; then cached tokens are not reused."""

BATCH = 1024
"""Texts tokenized at once; the tokenizer's results, with offsets, take about 100 bytes a token."""

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
"""A tokenizer needs at least one of these files."""

Kind = Literal["wordpiece", "bpe"]


@dataclass(frozen=True, eq=False)
class TextTokenizer:
    """An encoding of texts as rows of token numbers, special tokens included."""

    tokenizer: Any
    "`tokenizers.Tokenizer`, which neither pads nor truncates."
    prefix: tuple[int, ...]
    "Special tokens before a text, such as [CLS]."
    suffix: tuple[int, ...]
    "Special tokens after a text, such as [SEP]."
    padding: int
    "Token number that fills a row after the end of its text, in a batch with longer texts."
    filler: int
    "The only token of a text without tokens, if the tokenizer has no special tokens either."
    max_length: int
    "Greatest number of tokens in a row, special ones included."
    keep: Keep
    "Which tokens of a longer text are kept: the first, the last, or half from each end."
    origin: str
    "Hash of everything that determines the tokens except `max_length` and `keep`."

    def __call__(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the `tokens` of the k texts in the column `text`: `Ragged`, k rows of 1 to `max_length` int32."""
        texts = [text if isinstance(text, str) else str(text) for text in raw["text"]]
        encode = getattr(self.tokenizer, "encode_batch_fast", self.tokenizer.encode_batch)  # since tokenizers 0.20
        limit = self.max_length - len(self.prefix) - len(self.suffix)
        rows: list[int] = []
        ends = [0]
        for start in range(0, len(texts), BATCH):
            for encoding in encode(_replace_surrogates(texts[start : start + BATCH]), add_special_tokens=False):
                numbers: Any = truncate(encoding.ids, limit, self.keep)
                row = [*self.prefix, *numbers, *self.suffix]
                rows += row if row else [self.filler]
                ends.append(len(rows))
        return {"tokens": Ragged(np.array(rows, dtype=np.int32), np.array(ends, dtype=np.int64))}

    @property
    def encoding(self) -> tuple[Any, ...]:
        """Return the `Network.encoding` of a network that reads these tokens."""
        return ("tokens", ENCODING, self.origin, self.max_length, self.keep)

    @property
    def collate(self) -> Callable[[Mapping[str, Any]], Batch]:
        """Return the `Network.collate` of a network that reads these tokens: `collate` with this padding."""
        return partial(collate, padding=self.padding)

    def __len__(self) -> int:
        """Return the number of token numbers: an embedding needs at least as many rows."""
        return self.tokenizer.get_vocab_size(with_added_tokens=True)


def collate(columns: Mapping[str, Any], padding: int) -> Batch:
    """Return `tokens` (k, L) int64, padded to the longest text of the batch, and `lengths` (k,) int64."""
    tokens, lengths = padded(columns["tokens"], padding)
    return Batch({"tokens": tokens, "lengths": lengths}, columns.get("target"))


@dataclass(frozen=True, eq=False)
class NumberedTokens(TextTokenizer):
    """An encoding of texts that consist of token numbers, such as `17 29011 4`: one token each, and no special ones."""

    vocabulary: int = 0
    "Number of different tokens."

    def __call__(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the `tokens` of the k texts in the column `text`: `Ragged`, k rows of 1 to `max_length` int32."""
        numbers = [truncate(text.split(), self.max_length, self.keep) for text in raw["text"]]
        rows = [np.array([int(word) for word in words] or [self.filler], dtype=np.int32) for words in numbers]
        ends = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return {"tokens": Ragged(np.concatenate(rows) if rows else np.empty(0, dtype=np.int32), ends)}

    def __len__(self) -> int:
        return self.vocabulary


def numbered_tokens(data: Data, max_length: int, keep: Keep) -> NumberedTokens | None:
    """Return the encoding of texts that consist of token numbers; None if the data have other texts.

    Args:
        data: the task's data; their `spec` states a `vocabulary` if their texts consist of token numbers.
        max_length: greatest number of tokens in a row.
        keep: which tokens of a longer text are kept.
    """
    size = data.spec.get("vocabulary")
    return None if size is None else NumberedTokens(None, (), (), 0, 0, max_length, keep, f"below {size}", size)


# ── a pretrained model's tokenizer ──────────────────────────────────────────────────────────────


def pretrained_tokenizer(files: WeightFiles, max_length: int, keep: Keep) -> TextTokenizer:
    """Return the tokenizer in the folder of a pretrained model's weights.

    Args:
        files: of the model.
        max_length: greatest number of tokens in a row, special ones included.
        keep: which tokens of a longer text are kept.

    Raises:
        BenchError: the folder has no tokenizer, it does not load, it has no fast form, or its special tokens leave no
            room for another one in `max_length`.
    """
    library = transformers()
    if not any(any(files.folder.glob(pattern)) for pattern in TOKENIZER_FILES):
        raise BenchError(
            f"{files.origin} has no tokenizer (none of {', '.join(TOKENIZER_FILES)}), and the weights are useless "
            "without the tokenizer that they were trained with: save it into the same folder, with `save_pretrained`"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # versions 4.44 to 4.46 announce a default for decoding
            tokenizer = library.AutoTokenizer.from_pretrained(
                files.folder, local_files_only=True, use_fast=True, trust_remote_code=False
            )
    except Exception as error:  # `tokenizers` raises plain Exception for a file that is damaged
        raise BenchError(
            f"the tokenizer of {files.origin} does not load: {first_line(error, files.folder)}\n"
            "  fetch its files again, or save it again with `save_pretrained`"
        ) from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise BenchError(
            f"the tokenizer of {files.origin} has no fast form (tokenizer.json): create it with `save_pretrained` of "
            "its PreTrainedTokenizerFast"
        )
    ends = [tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, 0]
    padding = next(number for number in ends if number is not None)
    filler = next(number for number in ends[1:] if number is not None)
    return _make_tokenizer(backend, padding, filler, max_length, keep, files.digest)


def _make_tokenizer(backend: Any, padding: int, filler: int, max_length: int, keep: Keep, origin: str) -> TextTokenizer:
    backend.no_padding()
    backend.no_truncation()
    example = backend.encode("a", add_special_tokens=True)
    special = example.special_tokens_mask
    before = special.index(0) if 0 in special else 0
    after = special[::-1].index(0) if 0 in special else 0
    prefix, suffix = tuple(example.ids[:before]), tuple(example.ids[len(special) - after :])
    if max_length <= before + after:
        raise BenchError(
            f"max_length = {max_length} leaves no room beside the tokenizer's {before + after} special tokens"
        )
    return TextTokenizer(backend, prefix, suffix, padding, filler, max_length, keep, origin)


# ── fitted on train ─────────────────────────────────────────────────────────────────────────────

_fitted: dict[str, str] = {}
"""The last tokenizer fitted in this process, as JSON, by a hash of its inputs: the seeds of one model share it."""


def fit_tokenizer(data: Data, kind: Kind, vocabulary: int, max_length: int, keep: Keep) -> TextTokenizer:
    """Return a tokenizer fitted on the train split alone.

    It reads at most 10,000 texts, spread evenly over the split: 5 s on one core.

    Args:
        data: the task's data, with the column `text`.
        kind: `wordpiece`, BERT's tokenizer with lower case (Devlin et al. 2019, arXiv 1810.04805), or `bpe`, the
            byte-level tokenizer of GPT-2 (Radford et al. 2019); both with their special tokens.
        vocabulary: number of tokens.
        max_length: greatest number of tokens in a row, special ones included.
        keep: which tokens of a longer text are kept.

    Raises:
        BenchError: a package is missing, or `max_length` leaves no room beside the special tokens.
    """
    train = data.splits["train"]
    key = hash_of(kind, vocabulary, data.source.fingerprint, train.ids)
    if key not in _fitted:
        texts = train.take(spread_rows(train))["text"]
        _fitted.clear()
        _fitted[key] = (_wordpiece if kind == "wordpiece" else _bpe)(texts, vocabulary).to_str()
    transformers()  # it depends on `tokenizers`; the error names the command that installs both
    from tokenizers import Tokenizer

    backend = Tokenizer.from_str(_fitted[key])
    return _make_tokenizer(backend, 0, 0, max_length, keep, hash_of(_fitted[key]))


def _wordpiece(texts: Sequence[str], vocabulary: int) -> Any:
    transformers()
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    normalizer = normalizers.BertNormalizer(lowercase=True)
    texts = [normalizer.normalize_str(text) for text in _replace_surrogates(texts)]
    fitting = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    fitting.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # The trainer numbers letters within words in the order of a hash table, which differs between processes, and breaks
    # ties by these numbers. As special tokens they have fixed numbers.
    letters = [f"##{letter}" for letter in sorted(set().union(*texts)) if not letter.isspace()]
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=[*special, *letters], show_progress=False)
    fitting.train_from_iterator(texts, trainer)
    tokenizer = Tokenizer(models.WordPiece(fitting.get_vocab(), unk_token="[UNK]"))
    tokenizer.add_special_tokens(special)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, fitting.pre_tokenizer
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return tokenizer


def _bpe(texts: Sequence[str], vocabulary: int) -> Any:
    transformers()
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_replace_surrogates(texts), trainer)
    return tokenizer


def _replace_surrogates(texts: Sequence[str]) -> list[str]:
    """Replace each half of a surrogate pair by a question mark: UTF-8 cannot encode it and some tokenizers fail."""
    return [text.encode(errors="replace").decode() for text in texts]
