"""Tokenizing: texts to rows of token numbers, by a pretrained model's own tokenizer or one fitted on train."""

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
from bench_suite.pretrained.weights import Found, transformers
from bench_suite.training.inputs import spread_rows
from bench_suite.training.vocabulary import Keep, kept

ENCODING = 1
"""Raised when the same tokenizer and options come to give other tokens, so that what a cache holds is made anew."""

BATCH = 1024
"""Texts tokenized at once: what the tokenizer makes of them, offsets and all, takes some 100 bytes a token."""

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
"""Files of which a tokenizer needs one."""

Kind = Literal["wordpiece", "bpe"]


@dataclass(frozen=True, eq=False)
class Tokenized:
    """Encodes texts as rows of token numbers, special tokens included."""

    tokenizer: Any
    "`tokenizers.Tokenizer`, which neither pads nor truncates."
    prefix: tuple[int, ...]
    "Special tokens before a text, such as [CLS]."
    suffix: tuple[int, ...]
    "Special tokens after it, such as [SEP]."
    padding: int
    "Number that stands after the end of a text, in a batch with longer ones."
    filler: int
    "The one token of a text that has none, where there are no special tokens either."
    max_length: int
    "Most tokens of a row, special ones included."
    keep: Keep
    "Which tokens of a longer text: the first, the last, or half from each end."
    origin: str
    "Hash of all that decides the tokens, but for `max_length` and `keep`."

    def __call__(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """`tokens` of raw values with k texts in `text`: `Ragged` of k rows, int32, each of 1 to `max_length`."""
        texts = [text if isinstance(text, str) else str(text) for text in raw["text"]]
        encode = getattr(self.tokenizer, "encode_batch_fast", self.tokenizer.encode_batch)  # since tokenizers 0.20
        most = self.max_length - len(self.prefix) - len(self.suffix)
        rows: list[int] = []
        ends = [0]
        for start in range(0, len(texts), BATCH):
            found = encode(_clean(texts[start : start + BATCH]), add_special_tokens=False)
            for text in found:
                read: Any = kept(text.ids, most, self.keep)
                row = [*self.prefix, *read, *self.suffix]
                rows += row if row else [self.filler]
                ends.append(len(rows))
        return {"tokens": Ragged(np.array(rows, dtype=np.int32), np.array(ends, dtype=np.int64))}

    @property
    def encoding(self) -> tuple[Any, ...]:
        """`Network.encoding` of a network that is given these tokens."""
        return ("tokens", ENCODING, self.origin, self.max_length, self.keep)

    @property
    def collate(self) -> Callable[[Mapping[str, Any]], Batch]:
        """`Network.collate`: see the function of that name."""
        return partial(collate, padding=self.padding)

    def __len__(self) -> int:
        """How many token numbers there are: the least rows of an embedding."""
        return self.tokenizer.get_vocab_size(with_added_tokens=True)


def collate(columns: Mapping[str, Any], padding: int) -> Batch:
    """`tokens` (k, L) int64, padded to the longest text of the batch, and `lengths` (k,) int64."""
    tokens, lengths = padded(columns["tokens"], padding)
    return Batch({"tokens": tokens, "lengths": lengths}, columns.get("target"))


# ── a pretrained model's own ────────────────────────────────────────────────────────────────────


def pretrained_tokenizer(found: Found, max_length: int, keep: Keep) -> Tokenized:
    """The tokenizer that stands beside a pretrained model's weights.

    Raises:
        BenchError: it is not there, does not load, has no fast form, or leaves no room for a token in `max_length`.
    """
    library = transformers()
    if not any(any(found.folder.glob(pattern)) for pattern in TOKENIZER_FILES):
        raise BenchError(
            f"{found.origin} has no tokenizer (none of {', '.join(TOKENIZER_FILES)}), and without the one that its "
            "weights were trained with they are of no use: save it into the same folder, with `save_pretrained`"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # 4.44 to 4.46 announce a default of decoding
            tokenizer = library.AutoTokenizer.from_pretrained(
                found.folder, local_files_only=True, use_fast=True, trust_remote_code=False
            )
    except Exception as error:  # `tokenizers` raises plain Exception for a file that is damaged
        raise BenchError(
            f"the tokenizer of {found.origin} does not load: {first_line(error, found.folder)}\n"
            "  fetch its files anew, or save it again with `save_pretrained`"
        ) from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise BenchError(
            f"the tokenizer of {found.origin} has no fast form (tokenizer.json): make one with `save_pretrained` of "
            "its PreTrainedTokenizerFast"
        )
    ends = [tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, 0]
    padding = next(number for number in ends if number is not None)
    filler = next(number for number in ends[1:] if number is not None)
    return _tokenized(backend, padding, filler, max_length, keep, found.digest)


def _tokenized(backend: Any, padding: int, filler: int, max_length: int, keep: Keep, origin: str) -> Tokenized:
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
    return Tokenized(backend, prefix, suffix, padding, filler, max_length, keep, origin)


# ── fitted on train ─────────────────────────────────────────────────────────────────────────────

_fitted: dict[str, str] = {}
"""The last tokenizer fitted in this process, as JSON, by what it was fitted on: seeds of one model share it."""


def fitted_tokenizer(data: Data, kind: Kind, vocabulary: int, max_length: int, keep: Keep) -> Tokenized:
    """A tokenizer of `vocabulary` tokens fitted on the train split, of which no other split is asked.

    `wordpiece` is BERT's, lower-cased (Devlin et al. 2019, arXiv 1810.04805), `bpe` the byte-level one of GPT-2
    (Radford et al. 2019), both with their special tokens. At most 10,000 texts are looked at, spread evenly:
    5 s on one core.
    """
    train = data.splits["train"]
    key = hash_of(kind, vocabulary, data.source.fingerprint, train.ids)
    if key not in _fitted:
        texts = train.take(spread_rows(train))["text"]
        _fitted.clear()
        _fitted[key] = (_wordpiece if kind == "wordpiece" else _bpe)(texts, vocabulary).to_str()
    transformers()  # which brings `tokenizers`, or says how to get both
    from tokenizers import Tokenizer

    backend = Tokenizer.from_str(_fitted[key])
    return _tokenized(backend, 0, 0, max_length, keep, hash_of(_fitted[key]))


def _wordpiece(texts: Sequence[str], vocabulary: int) -> Any:
    transformers()
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    normalizer = normalizers.BertNormalizer(lowercase=True)
    texts = [normalizer.normalize_str(text) for text in _clean(texts)]
    fitting = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    fitting.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # The trainer numbers letters within words as it comes upon them in a hash table, which is another order in every
    # process, and breaks ties by these numbers: as special tokens they are numbered beforehand.
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
    tokenizer.train_from_iterator(_clean(texts), trainer)
    return tokenizer


def _clean(texts: Sequence[str]) -> list[str]:
    """Half of a surrogate pair, which UTF-8 has no form for and some tokenizers refuse, becomes a question mark."""
    return [text.encode(errors="replace").decode() for text in texts]
