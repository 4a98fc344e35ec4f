"""A split reaches the network encoded: once if it fits in memory, otherwise on access."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Network
from bench_suite.data.cache import Cache
from bench_suite.data.encoded import Encoded, LazyEncoded, encoded, stack
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.ragged import Ragged
from bench_suite.data.splits import CHUNK, MemorySplit, Subset


def letters(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the code points of a text's letters, and their number."""
    tokens = Ragged.from_lists([[ord(letter) for letter in text] for text in raw["text"]], dtype=np.int32)
    return {"tokens": tokens, "length": np.array([len(text) for text in raw["text"]])}


def images(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"image": raw["image"]}


def own_target(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"text_length": np.array([len(text) for text in raw["text"]]), "target": raw["target"] * 10}


class Counted:
    """An encoder that records how many rows it received, and how many at once."""

    def __init__(self, encode: Any) -> None:
        self.encode, self.rows, self.most = encode, 0, 0

    def __call__(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        rows = len(next(iter(raw.values())))
        self.rows, self.most = self.rows + rows, max(self.most, rows)
        return self.encode(raw)


def network(encode: Any, encoding: Any = None) -> Network:
    return Network(torch.nn.Identity(), encode, stack, encoding)


def texts(n: int = 10, in_memory: bool = True) -> MemorySplit:
    words = [f"{'x' * (number % 7)}{number}" for number in range(n)]
    return MemorySplit(content_ids(words), {"text": words, "target": np.arange(n) % 3}, {}, in_memory)


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    assert list(one) == list(other)
    for name, values in one.items():
        if isinstance(values, Ragged):
            assert values.lists() == other[name].lists()
            assert values.values.dtype == other[name].values.dtype
        else:
            assert torch.equal(values, other[name])
    return True


def test_it_tells_how_far_it_is():
    rows = CHUNK + 10
    done: list[int] = []
    split = MemorySplit(np.arange(rows).astype("S8"), {"image": np.zeros((rows, 1, 1, 1), np.uint8)}, {})
    encoded(network(images), split, on_progress=done.append)
    assert done == [CHUNK, rows]


def test_columns_are_tensors_of_the_rows_asked_for_and_targets_come_along() -> None:
    taken = encoded(network(letters), texts()).take(torch.tensor([9, 0, 9]))
    assert taken["tokens"].lists() == [[120, 120, 57], [48], [120, 120, 57]]
    assert taken["length"].tolist() == [3, 1, 3]
    assert taken["target"].tolist() == [0, 0, 0]


def test_targets_that_the_model_encodes_are_its_own() -> None:
    assert encoded(network(own_target), texts()).take(torch.tensor([1]))["target"].tolist() == [10]


def test_bytes_stay_bytes() -> None:
    image = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2, 1)
    split = MemorySplit(content_ids(image), {"image": image, "target": np.arange(5)})
    taken = encoded(network(images), split).take(torch.tensor([4]))
    assert taken["image"].dtype == torch.uint8
    assert taken["image"].shape == (1, 2, 2, 1)
    assert taken["image"].numpy().tobytes() == image[4].tobytes()


def test_target_texts_are_taken_as_lists() -> None:
    split = MemorySplit(np.arange(3), {"text": ["a", "b", "c"], "target": ["A", "B", "C"]})
    for in_memory in (True, False):
        whole = encoded(network(letters, ("letters",)), MemorySplit(split.ids, split.columns, {}, in_memory))
        assert whole.take(torch.tensor([2, 0]))["target"] == ["C", "A"]


def test_a_large_split_is_encoded_in_chunks() -> None:
    encode = Counted(letters)
    whole = encoded(network(encode), texts(2 * CHUNK + 3))
    assert (encode.rows, encode.most) == (2 * CHUNK + 3, CHUNK)
    assert len(whole) == 2 * CHUNK + 3
    assert whole.take(torch.tensor([2 * CHUNK + 2]))["length"].tolist() == [
        len(texts(2 * CHUNK + 3).columns["text"][-1])
    ]


def test_a_split_on_disk_gives_the_same_batches_and_is_never_read_further() -> None:
    split = texts(1000, in_memory=False)
    encode = Counted(letters)
    lazy, whole = encoded(network(encode), split), encoded(network(letters), texts(1000))
    assert isinstance(lazy, LazyEncoded)
    assert encode.rows == 0
    assert len(lazy) == 1000
    distinct = 0
    for seed in range(3):
        rows = torch.randint(0, 1000, (64,), generator=torch.Generator().manual_seed(seed))
        assert same(lazy.take(rows), whole.take(rows))
        distinct += len(rows.unique())
    assert encode.rows == distinct, "a row that a batch holds twice is read once"
    assert encode.most <= 64


def test_rows_on_disk_are_read_in_order(tmp_path: Path) -> None:
    requests: list[list[int]] = []

    class Disk(MemorySplit):
        def take(self, rows: np.ndarray) -> Mapping[str, Any]:
            requests.append(rows.tolist())
            return super().take(rows)

    split = texts(10)
    encoded(network(letters), Disk(split.ids, split.columns, {}, False)).take(torch.tensor([5, 2, 9]))
    assert requests == [[2, 5, 9]]


def test_a_batch_is_what_collate_makes_of_the_rows() -> None:
    def collate(columns: Mapping[str, Any]) -> Any:
        return stack({"tokens": columns["tokens"].padded(0), "target": columns["target"]})

    model = Network(torch.nn.Identity(), letters, collate)
    batch = encoded(model, texts()).batch(model, torch.tensor([0, 9]))
    assert batch.inputs["tokens"].tolist() == [[48, 0, 0], [120, 120, 57]]
    assert batch.targets.tolist() == [0, 0]


def test_stack_takes_all_but_the_target_or_what_is_named() -> None:
    columns = {"a": torch.zeros(2), "b": torch.ones(2), "target": torch.arange(2)}
    assert list(stack(columns).inputs) == ["a", "b"]
    assert list(stack(columns, ("b",)).inputs) == ["b"]
    assert stack({"a": torch.zeros(2)}).targets is None


def test_a_subset_is_encoded_rows_of_it() -> None:
    rows = np.array([7, 3])
    for in_memory in (True, False):
        part = encoded(network(letters), texts(10, in_memory)).subset(rows)
        direct = encoded(network(letters), Subset(texts(), rows))
        assert len(part) == 2
        assert same(part.take(torch.tensor([1, 0])), direct.take(torch.tensor([1, 0])))


def test_it_can_be_sent_to_another_process() -> None:
    for in_memory in (True, False):
        sent = pickle.loads(pickle.dumps(encoded(network(letters), texts(10, in_memory))))
        assert sent.take(torch.tensor([9]))["length"].tolist() == [3]


# ── the cache ───────────────────────────────────────────────────────────────────────────────────


def keyed(cache: Cache, encode: Any, split: MemorySplit | Subset, **changes: Any) -> Encoded:
    given = {"encoding": ("letters",), "fingerprint": "f", "source_hash": "s", **changes}
    return encoded(network(encode, given.pop("encoding")), split, cache=cache, **given)


def test_tokenised_text_is_found_in_a_later_run(tmp_path: Path) -> None:
    first = keyed(Cache(tmp_path), letters, texts())
    encode = Counted(letters)
    second = keyed(Cache(tmp_path), encode, texts())
    assert encode.rows == 0
    rows = torch.arange(10)
    assert same(first.take(rows), second.take(rows))


def test_targets_come_from_the_data_and_not_from_the_cache(tmp_path: Path) -> None:
    keyed(Cache(tmp_path), letters, texts())
    split = texts()
    relabelled = MemorySplit(split.ids, {**split.columns, "target": split.columns["target"] + 5})
    assert keyed(Cache(tmp_path), letters, relabelled).take(torch.tensor([0]))["target"].tolist() == [5]


@pytest.mark.parametrize("change", [{"encoding": ("other",)}, {"fingerprint": "g"}, {"source_hash": "t"}])
def test_what_decides_the_outcome_is_in_the_key(tmp_path: Path, change: dict[str, Any]) -> None:
    keyed(Cache(tmp_path), letters, texts())
    encode = Counted(letters)
    keyed(Cache(tmp_path), encode, texts(), **change)
    assert encode.rows == 10


def test_other_rows_are_other_entries(tmp_path: Path) -> None:
    keyed(Cache(tmp_path), letters, texts())
    encode = Counted(letters)
    part = keyed(Cache(tmp_path), encode, Subset(texts(), np.array([4, 2])))
    assert encode.rows == 2
    assert part.take(torch.tensor([0]))["tokens"].lists() == [[ord(letter) for letter in "xxxx4"]]


def test_a_model_without_an_encoding_keeps_nothing_on_disk(tmp_path: Path) -> None:
    keyed(Cache(tmp_path), letters, texts(), encoding=None)
    assert list(tmp_path.iterdir()) == []


def test_columns_that_are_lists_are_not_kept(tmp_path: Path) -> None:
    def upper(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"text": [text.upper() for text in raw["text"]]}

    assert keyed(Cache(tmp_path), upper, texts()).take(torch.tensor([9]))["text"] == ["XX9"]
    assert list(tmp_path.iterdir()) == []


def test_training_into_found_columns_changes_no_file(tmp_path: Path) -> None:
    keyed(Cache(tmp_path), letters, texts())
    keyed(Cache(tmp_path), letters, texts()).columns["length"][:] = 0
    assert keyed(Cache(tmp_path), letters, texts()).columns["length"][9] == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_columns_lie_on_the_device_where_they_fit() -> None:
    assert encoded(network(letters), texts(), device="cuda").device.type == "cuda"
    assert encoded(network(letters), texts(), device="cuda", limit_bytes=1).device.type == "cpu"
