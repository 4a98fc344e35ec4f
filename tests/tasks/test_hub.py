"""Any data set of the hub by its id and columns: the resulting splits, and the error if the columns cannot be used."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import Data, DataInvalid, DataUnavailable
from bench_suite.data import model_inputs
from bench_suite.data.cache import Cache
from bench_suite.data.fingerprint import contents
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.tasks import hub, mnist

HERE = os.environ.get("BENCH_DATA", "")


def needs(hub_id: str) -> pytest.MarkDecorator:
    there = bool(HERE) and (Path(HERE) / hub_id).is_dir()
    return pytest.mark.skipif(not there, reason=f"BENCH_DATA holds no {hub_id}")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $BENCH_DATA, and no network."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path


def table(columns: Mapping[str, Any], classes: Mapping[str, list[str]] | None = None) -> pa.Table:
    """Return an Arrow table with class names in its metadata, as `datasets` writes them."""
    arrow_table = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
    features = {name: {"names": names, "_type": "ClassLabel"} for name, names in (classes or {}).items()}
    return arrow_table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def write(folder: Path, splits: Mapping[str, pa.Table], subfolder: str = "data", hub_id: str = "owner/name") -> None:
    for split, rows in splits.items():
        file = folder / hub_id / subfolder / f"{split}-00000-of-00001.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, file)


def load(**options: Any) -> Data:
    chosen = hub.Options(**{"id": "owner/name", "inputs": "text", **options})
    hub.check(chosen)
    return hub.load(chosen, Sources(offline=True))


def everything(data: Data, split: str) -> Mapping[str, Any]:
    return data.splits[split].take(np.arange(len(data.splits[split])))


SENTENCES = table({"text": ["good", "bad", "fine", "poor"], "label": [1, 0, 1, 0]}, {"label": ["negative", "positive"]})


# ── real data ───────────────────────────────────────────────────────────────────────────────────


@needs("ylecun/mnist")
@pytest.mark.slow
def test_mnist_by_id_and_columns_is_the_task_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_DATA", HERE)
    sources = Sources(offline=True, cache=Cache(tmp_path / "cache"))
    by_hub = hub.load(hub.Options(id="ylecun/mnist", inputs="image"), sources)
    expected = mnist.load(mnist.Options(), sources)
    assert by_hub.spec == expected.spec
    assert by_hub.source.fingerprint == expected.source.fingerprint
    for split in ("train", "test"):
        for column, values in everything(expected, split).items():
            assert np.array_equal(everything(by_hub, split)[column], values)


@needs("uoft-cs/cifar10")
@pytest.mark.slow
def test_cifar10_by_id_and_columns_is_the_task_cifar10(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bench_suite.tasks import cifar10

    monkeypatch.setenv("BENCH_DATA", HERE)
    sources = Sources(offline=True, cache=Cache(tmp_path / "cache"))
    by_hub = hub.load(hub.Options(id="uoft-cs/cifar10", inputs="img"), sources)
    expected = cifar10.load(cifar10.Options(), sources)
    assert by_hub.spec["classes"] == expected.spec["classes"]
    for split in ("train", "test"):
        assert np.array_equal(by_hub.splits[split].ids, expected.splits[split].ids)
        for column, values in everything(expected, split).items():
            assert np.array_equal(everything(by_hub, split)[column], values)


# ── labels ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("labels", "classes", "target"),
    [
        (["spam", "ham", "spam", "egg"], ("egg", "ham", "spam"), [2, 1, 2, 0]),
        ([5, 7, 5, 3], ("3", "5", "7"), [1, 2, 1, 0]),
        ([-1, 1, 1, -1], ("-1", "1"), [0, 1, 1, 0]),
        ([10, 9, 100, 9], ("9", "10", "100"), [1, 0, 2, 0]),
        ([True, False, True, True], ("false", "true"), [1, 0, 1, 1]),
        (pa.array(["b", "a", "b", "a"]).dictionary_encode(), ("a", "b"), [1, 0, 1, 0]),
    ],
)
def test_labels_of_any_kind_become_class_numbers_and_keep_their_names(
    folder: Path, labels: Any, classes: tuple[str, ...], target: list[int]
) -> None:
    rows = table({"text": ["a", "b", "c", "d"], "label": labels})
    write(folder, {"train": rows, "test": rows})
    data = load()
    assert data.problem == "classification"
    assert data.spec["classes"] == classes
    assert everything(data, "train")["target"].tolist() == target
    assert everything(data, "train")["target"].dtype == np.int64


def test_classes_have_the_names_that_the_data_set_gives_them_also_those_that_never_occur(folder: Path) -> None:
    rows = table({"text": ["a", "b", "c"], "label": [2, 0, 2]}, {"label": ["zero", "one", "two"]})
    write(folder, {"train": rows, "test": table({"text": ["d"], "label": [2]}, {"label": ["zero", "one", "two"]})})
    data = load()
    assert data.spec["classes"] == ("zero", "one", "two")
    assert everything(data, "train")["target"].tolist() == [2, 0, 2]
    assert "one" in prepare(data, 0.0).source.notes["classes without a training example"]


def test_what_the_datasets_library_writes_is_read_with_its_names(folder: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the package `datasets` (extra `hub`)")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    file = folder / "owner" / "name" / "data" / "train-00000-of-00001.parquet"
    file.parent.mkdir(parents=True)
    dataset = datasets.Dataset.from_dict({"text": [f"t{n}" for n in range(10)], "label": [0, 1] * 5}, features=features)
    dataset.to_parquet(str(file))
    assert load().spec["classes"] == ("no", "yes")


def test_a_float_label_is_a_regression_unless_the_suite_says_otherwise(folder: Path) -> None:
    rows = table({"text": ["a", "b", "c"], "label": [1.0, 0.0, 2.0]})
    write(folder, {"train": rows, "test": rows})
    data = load()
    assert data.problem == "regression"
    assert "classes" not in data.spec
    assert everything(data, "train")["target"].tolist() == [1.0, 0.0, 2.0]
    assert 'problem = "classification"' in data.source.notes["labels"]
    assert load(problem="classification").spec["classes"] == ("0", "1", "2")


def test_whole_numbers_are_a_regression_where_the_suite_says_so(folder: Path) -> None:
    rows = table({"text": ["a", "b", "c"], "label": [70, 31, 44]})
    write(folder, {"train": rows, "test": rows})
    data = load(problem="regression")
    assert data.problem == "regression"
    assert everything(data, "train")["target"].dtype == np.float64


def test_examples_without_a_label_are_left_out_and_counted(folder: Path) -> None:
    rows = table({"text": ["a", "b", "c", "d"], "label": ["x", None, "y", ""]})
    write(folder, {"train": rows, "test": rows.slice(0, 3)})
    data = load()
    assert everything(data, "train")["text"] == ["a", "c"]
    assert data.source.notes["examples left out, without a label"] == 3
    numbers = table({"text": ["a", "b", "c"], "label": [1.5, None, float("nan")]})
    write(folder, {"train": pa.concat_tables([numbers, numbers]), "test": numbers}, hub_id="owner/numbers")
    with pytest.raises(DataInvalid, match=r"label `label` is 1\.5 for all 2 examples of train"):
        load(id="owner/numbers")


def test_a_class_that_only_the_test_split_has_is_a_class_and_is_noted(folder: Path) -> None:
    write(
        folder,
        {
            "train": table({"text": ["a", "b"], "label": ["x", "y"]}),
            "test": table({"text": ["c", "d"], "label": ["z", "x"]}),
        },
    )
    data = load()
    assert data.spec["classes"] == ("x", "y", "z")
    assert everything(data, "test")["target"].tolist() == [2, 0]
    assert prepare(data, 0.0).source.notes["classes without a training example"] == "z"


def test_a_class_with_one_example_is_learnt_from(folder: Path) -> None:
    texts = [f"text {number}" for number in range(20)]
    write(folder, {"train": table({"text": texts, "label": ["rare"] + ["usual"] * 19})})
    data = load()
    assert data.spec["classes"] == ("rare", "usual")
    assert sum(map(len, data.splits.values())) == 20


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["same"] * 3, "label `label` is `same` for all 3 examples of train: there is nothing to learn"),
        ([None, None, None], "not one of the 3 examples of train has a label"),
        ([[1], [2], [3]], "holds list"),
        (["", "", ""], "not one of the 3 examples"),
        ([1.0, float("inf"), 2.0], "1 values of split train are infinite"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(folder: Path, labels: list[Any], message: str) -> None:
    write(folder, {"train": table({"text": ["a", "b", "c"], "label": labels})})
    with pytest.raises(DataInvalid, match=message):
        load()


def test_a_label_outside_the_named_classes_is_refused(folder: Path) -> None:
    write(folder, {"train": table({"text": ["a", "b"], "label": [0, 7]}, {"label": ["no", "yes"]})})
    with pytest.raises(DataInvalid, match=r"holds 7, outside its 2 classes \(0 to 1\)"):
        load()


def test_a_column_of_different_numbers_is_no_set_of_classes(folder: Path) -> None:
    count = 3000
    write(folder, {"train": table({"text": [f"t{n}" for n in range(count)], "label": list(range(count))})})
    with pytest.raises(DataInvalid, match=r'3000 different values in 3000 examples.*problem = "regression"'):
        load()


# ── splits ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("called", ["validation", "valid", "dev", "val"])
def test_the_usual_names_of_splits_are_known(folder: Path, called: str) -> None:
    write(folder, {"train": SENTENCES, called: SENTENCES.slice(0, 2), "test": SENTENCES.slice(2)})
    data = load()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 4, "validation": 2, "test": 2}


def test_without_a_test_split_the_validation_split_is_tested_on(folder: Path) -> None:
    write(folder, {"train": SENTENCES, "validation": SENTENCES.slice(0, 2)})
    data = load()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 4, "test": 2}
    assert data.source.notes["test"] == "the split `validation`, because there is no test split with labels"


def test_a_test_split_whose_labels_are_kept_secret_counts_as_absent(folder: Path) -> None:
    secret = table({"text": ["e", "f"], "label": [-1, -1]}, {"label": ["negative", "positive"]})
    write(folder, {"train": SENTENCES, "validation": SENTENCES.slice(0, 2), "test": secret})
    data = load()
    assert everything(data, "test")["text"] == ["good", "bad"]
    assert data.source.notes["`test`"] == "not used: none of its 2 examples has a label"
    unnamed = table({"text": ["e", "f"], "label": [-1, -1]})
    write(folder, {"train": SENTENCES.replace_schema_metadata(None), "test": unnamed}, hub_id="owner/unnamed")
    assert load(id="owner/unnamed").spec["classes"] == ("0", "1")


def test_with_neither_a_fifth_is_drawn_by_content_each_class_with_its_share(folder: Path) -> None:
    texts = [f"text {number}" for number in range(100)]
    rows = table({"text": texts, "label": ["a"] * 80 + ["b"] * 20})
    write(folder, {"train": rows})
    data = load()
    assert np.bincount(everything(data, "test")["target"]).tolist() == [16, 4]
    assert data.source.notes["test"] == "20 of the 100 examples of `train`, drawn by content"
    write(folder, {"train": rows.take(pa.array(range(99, -1, -1)))}, hub_id="owner/reversed")
    other = load(id="owner/reversed")
    assert {*everything(other, "test")["text"]} == {*everything(data, "test")["text"]}


def test_equal_examples_never_stand_in_both_parts_that_are_drawn(folder: Path) -> None:
    texts = [f"text {number % 60}" for number in range(100)]
    write(folder, {"train": table({"text": texts, "label": [number % 2 for number in range(100)]})})
    data = load()
    assert not np.isin(contents(data.splits["test"].ids), contents(data.splits["train"].ids)).any()


def test_splits_may_be_named_and_left_out(folder: Path) -> None:
    write(folder, {"train": SENTENCES, "validation": SENTENCES.slice(0, 1), "test_other": SENTENCES.slice(0, 3)})
    data = load(test="test_other", validation="")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 4, "test": 3}
    with pytest.raises(DataInvalid, match='no split `test_othr`; did you mean "test_other"'):
        load(test="test_othr")


def test_an_only_split_of_whatever_name_is_parted(folder: Path) -> None:
    texts = [f"text {number}" for number in range(10)]
    write(folder, {"full": table({"text": texts, "label": [0, 1] * 5})})
    data = load()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 8, "test": 2}
    assert data.source.notes["train"] == "drawn from `full`, the only split"


def test_a_split_to_train_on_that_is_named_for_something_else_is_said(folder: Path) -> None:
    write(folder, {"train": SENTENCES})
    with pytest.raises(DataInvalid, match='no split called `train` beside validation = "train": leave that out'):
        load(validation="train")
    write(folder, {"train": SENTENCES, "held": SENTENCES}, hub_id="owner/two")
    with pytest.raises(DataInvalid, match=r'beside test = "train": name the one to train on, .* out of: held$'):
        load(id="owner/two", test="train")


def test_splits_of_strange_names_are_listed(folder: Path) -> None:
    write(folder, {"first": SENTENCES, "second": SENTENCES})
    with pytest.raises(DataInvalid, match=r"no split called `train`: name the one to train on.*first, second"):
        load()


# ── texts ───────────────────────────────────────────────────────────────────────────────────────


def test_several_columns_of_text_are_joined_by_the_separator(folder: Path) -> None:
    rows = table({"one": ["a", None], "two": ["b", "d"], "label": [0, 1]})
    write(folder, {"train": rows, "test": rows})
    assert everything(load(inputs=("one", "two")), "train")["text"] == ["a\nb", "\nd"]
    assert everything(load(inputs=("two", "one"), separator=" | "), "train")["text"] == ["b | a", "d | "]


def test_a_missing_text_is_empty_and_counted_and_nothing_but_such_is_refused(folder: Path) -> None:
    rows = table({"text": ["a", None, "  "], "label": [0, 1, 0]})
    write(folder, {"train": rows, "test": rows.slice(0, 1)})
    data = load()
    assert everything(data, "train")["text"] == ["a", "", "  "]
    assert data.source.notes["empty texts"] == 2
    write(folder, {"train": table({"text": pa.array([None, ""], pa.string()), "label": [0, 1]})}, hub_id="owner/empty")
    with pytest.raises(DataInvalid, match="all 2 texts of train are empty"):
        load(id="owner/empty")


# ── tables ──────────────────────────────────────────────────────────────────────────────────────

PEOPLE = table(
    {
        "age": [30, None, 50],
        "pay": [1.5, 2.5, None],
        "owner": [True, False, None],
        "job": ["nurse", "clerk", None],
        "since": pa.array([0, 1, 2], pa.date32()),
        "sex": pa.array(["f", "m", None]).dictionary_encode(),
        "label": ["no", "yes", "no"],
    }
)


def test_a_table_has_a_column_of_each_number_and_of_each_category_of_train(folder: Path) -> None:
    write(folder, {"train": PEOPLE, "test": PEOPLE})
    data = load(inputs=("age", "pay", "owner", "job", "since"))
    assert data.spec["columns"] == ("age", "pay", "owner", "job=clerk", "job=nurse", "job=missing", "since")
    nan = np.nan
    expected = [[30, 1.5, 1, 0, 1, 0, 0], [nan, 2.5, 0, 1, 0, 0, 1], [50, nan, nan, 0, 0, 1, 2]]
    assert np.array_equal(everything(data, "train")["table"], np.array(expected), equal_nan=True)
    assert data.source.notes["missing values"] == 8


def test_a_category_that_train_has_not_is_none_of_its_columns(folder: Path) -> None:
    write(
        folder,
        {
            "train": table({"job": ["clerk", "nurse", "nurse"], "age": [1, 2, 3], "label": [0, 1, 1]}),
            "test": table({"job": ["pilot", None, "nurse"], "age": [1, 2, 3], "label": [0, 1, 1]}),
        },
    )
    data = load(inputs=("job", "age"))
    assert data.spec["columns"] == ("job=clerk", "job=nurse", "age")
    assert everything(data, "test")["table"].tolist() == [[0, 0, 1], [0, 0, 2], [0, 1, 3]]
    assert data.source.notes["values of rare categories, or of categories that train lacks"] == "1 of 6 (16.7%)"


def test_splits_of_other_names_are_noted_as_not_used(folder: Path) -> None:
    write(folder, dict.fromkeys(("train", "test_set", "extra"), SENTENCES))
    assert load().source.notes["unused splits"] == "extra, test_set"
    assert "unused splits" not in load(test="test_set", validation="extra").source.notes


def test_a_column_of_numbers_that_is_read_as_text_is_noted_with_its_first_odd_value(folder: Path) -> None:
    age = [*(f"{number}.5" for number in range(19)), "1O"]
    columns = {"age": age, "code": ["7"] * 20, "zip": ["10115", "20095"] * 10, "job": ["clerk", "7"] * 10}
    rows = table({**columns, "size": range(20), "label": ["yes", "no"] * 10})
    write(folder, {"train": rows, "test": rows})
    notes = load(inputs=("age", "code", "zip", "job", "size"), categorical=("zip",)).source.notes
    assert {name: note for name, note in notes.items() if name.startswith("column")} == {
        "column `age`": "read as text, although 19 of its 20 different values look like numbers; the first other value "
        "is '1O': missing_values = [\"1O\"] would make it numbers",
        "column `code`": "read as text, although 1 of its 1 different values look like numbers: "
        'columns = { code = "number" } would make it numbers',
    }


def test_only_the_most_frequent_categories_get_a_column(folder: Path) -> None:
    rows = table({"job": ["a", "b", "b", "c", "c"], "age": [1, 2, 3, 4, 5], "label": [0, 1, 1, 0, 1]})
    write(folder, {"train": rows, "test": rows})
    assert load(inputs=("job", "age"), categories=2).spec["columns"] == ("job=b", "job=c", "age")


def test_numbers_that_are_codes_and_class_numbers_are_categories(folder: Path) -> None:
    rows = table({"zip": [10115, 20095], "kind": [1, 0], "label": [0, 1]}, {"kind": ["flat", "house"]})
    write(folder, {"train": rows, "test": rows})
    data = load(inputs=("zip", "kind"), categorical=("zip",))
    assert data.spec["columns"] == ("zip=10115", "zip=20095", "kind=flat", "kind=house")


def test_a_table_of_nothing_but_text_is_one_where_the_suite_says_so(folder: Path) -> None:
    rows = table({"cap": ["flat", "bell"], "odor": ["none", "foul"], "label": ["edible", "poisonous"]})
    write(folder, {"train": rows, "test": rows})
    assert "text" in everything(load(inputs=("cap", "odor")), "train")
    assert everything(load(inputs=("cap", "odor"), modality="table"), "train")["table"].shape == (2, 4)


def test_a_column_of_lists_is_refused_by_name(folder: Path) -> None:
    write(folder, {"train": table({"tags": [["a"], []], "label": [0, 1]})})
    with pytest.raises(DataInvalid, match=r"the input `tags` holds list<.*>; images, texts, numbers"):
        load(inputs="tags")


def test_groups_are_kept_beside_and_are_no_inputs(folder: Path) -> None:
    write(folder, {"train": PEOPLE, "test": PEOPLE})
    data = load(inputs=("age", "pay"), groups=("sex", "owner"))
    assert data.spec["columns"] == ("age", "pay")
    assert data.splits["test"].groups["sex"].tolist() == ["f", "m", "unknown"]
    assert data.splits["test"].groups["owner"].tolist() == ["yes", "no", "unknown"]


def test_a_column_that_is_not_there_is_named_with_the_nearest_and_all(folder: Path) -> None:
    write(folder, {"train": SENTENCES})
    with pytest.raises(DataInvalid, match=r'no column `txt`; did you mean "text"\? \(it has: text, label\)'):
        load(inputs="txt")
    with pytest.raises(DataInvalid, match=r"no column `race` \(it has"):
        load(groups=("race",))


# ── images ──────────────────────────────────────────────────────────────────────────────────────


def picture(mode: str, size: tuple[int, int] = (6, 4), form: str = "PNG", **save: Any) -> dict[str, Any]:
    from PIL import Image

    values = np.random.default_rng(len(mode) + size[0]).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).convert(mode).save(stream, form, **save)
    return {"bytes": stream.getvalue(), "path": None}


def pictures(folder: Path, *images: Any, hub_id: str = "owner/name") -> None:
    rows = table({"image": list(images), "label": [number % 2 for number in range(len(images))]})
    write(folder, {"train": rows, "test": rows}, hub_id=hub_id)


def test_images_that_are_all_grey_are_grey_and_one_with_colour_makes_all_so(folder: Path) -> None:
    pictures(folder, picture("L"), picture("L"))
    assert load(inputs="image").spec["shape"] == (4, 6, 1)
    kinds = picture("L"), picture("RGB"), picture("CMYK", form="JPEG"), picture("RGBA"), picture("P"), picture("LA")
    pictures(folder, *kinds, hub_id="owner/mixed")
    data = load(id="owner/mixed", inputs="image")
    assert data.spec["shape"] == (4, 6, 3)
    assert everything(data, "train")["image"].shape == (6, 4, 6, 3)


def test_images_of_different_sizes_need_one_that_all_are_brought_to(folder: Path) -> None:
    pictures(folder, picture("RGB", (30, 20)), picture("RGB", (12, 40)))
    with pytest.raises(DataInvalid, match=r"images of 2 sizes, from 12×40 to 30×20: state the size .* size = 64"):
        load(inputs="image")
    assert load(inputs="image", size=16).spec["shape"] == (16, 16, 3)


def test_images_in_files_beside_the_table_are_read_and_no_others(folder: Path) -> None:
    images = folder / "owner" / "name" / "images"
    images.mkdir(parents=True)
    for name in ("a", "b"):
        (images / f"{name}.png").write_bytes(picture("L")["bytes"])
    pictures(folder, *({"bytes": None, "path": f"images/{name}.png"} for name in ("a", "b")))
    assert everything(load(inputs="image"), "train")["image"].shape == (2, 4, 6, 1)
    (folder / "secret.png").write_bytes(picture("L")["bytes"])
    pictures(folder, *[{"bytes": None, "path": str(folder / "secret.png")}] * 2)
    with pytest.raises(DataInvalid, match=r"row 0: its file `secret\.png` is not in the data set's own folder"):
        load(inputs="image")


def test_an_image_that_does_not_decode_is_named(folder: Path) -> None:
    pictures(folder, picture("L"), {"bytes": b"no image", "path": None})
    with pytest.raises(DataInvalid, match="owner/name, split train: the image of row 1"):
        load(inputs="image")


def test_more_pixels_than_memory_holds_are_refused_before_one_is_decoded(folder: Path, monkeypatch: Any) -> None:
    pictures(folder, picture("L"), picture("L"))
    monkeypatch.setattr(model_inputs, "MAX_BYTES", 64)
    with pytest.raises(DataInvalid, match="state a smaller size"):
        load(inputs="image")


def test_an_image_beside_other_columns_is_refused(folder: Path) -> None:
    rows = table({"image": [picture("L"), picture("L")], "age": [1, 2], "label": [0, 1]})
    write(folder, {"train": rows})
    with pytest.raises(DataInvalid, match='`image` holds images, so it must be the only input: inputs = "image"'):
        load(inputs=("image", "age"))
    with pytest.raises(DataInvalid, match="column `age` holds int64, no pictures and no paths of pictures"):
        load(inputs="age", modality="image")


# ── configurations, other forms, places ─────────────────────────────────────────────────────────


def test_one_of_several_configurations_must_be_named(folder: Path) -> None:
    write(folder, {"train": SENTENCES}, subfolder="emotion")
    write(folder, {"train": SENTENCES, "test": SENTENCES.slice(0, 2)}, subfolder="irony")
    with pytest.raises(DataInvalid, match="state one of them as `config`; it has: emotion, irony"):
        load()
    data = load(config="irony")
    assert data.source.name == "owner/name:irony"
    assert len(data.splits["test"]) == 2
    with pytest.raises(DataInvalid, match=r'no configuration `irnoy`; did you mean "irony"\?'):
        load(config="irnoy")


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_text_files_of_the_same_layout_are_read_too(folder: Path, form: str) -> None:
    target = folder / "owner" / "name"
    target.mkdir(parents=True)
    rows = [("good, really", "positive"), ("bad", "negative")]
    for split in ("train", "test"):
        if form == "jsonl":
            lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
        else:
            gap = "," if form == "csv" else "\t"
            lines = [gap.join(("text", "label")), *(gap.join((f'"{text}"', label)) for text, label in rows)]
        (target / f"{split}.{form}").write_text("\n".join(lines) + "\n")
    data = load()
    assert everything(data, "test")["text"] == ["good, really", "bad"]
    assert data.spec["classes"] == ("negative", "positive")


def test_in_a_text_file_a_class_may_be_called_as_a_missing_number_is_written(folder: Path) -> None:
    target = folder / "owner" / "name"
    target.mkdir(parents=True)
    for split in ("train", "test"):
        (target / f"{split}.csv").write_text("text,label\na,EU\nb,NA\nc,null\nd,None\ne,\n")
    data = load()
    assert data.spec["classes"] == ("EU", "NA", "None", "null")
    assert data.source.notes["examples left out, without a label"] == 2
    for split in ("train", "test"):
        (target / f"{split}.csv").write_text("text,label\na,1\nb,NA\nc,2\n")
    data = load()
    assert data.spec["classes"] == ("1", "2")
    assert data.source.notes["examples left out, without a label"] == 2


@pytest.mark.parametrize("root", ["relative", "linked"])
def test_the_folder_may_be_stated_relative_or_through_a_link(
    folder: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    texts = {split: table({"text": ["a", "b"], "label": ["p", "q"]}) for split in ("train", "test")}
    write(folder / "relative", texts, "emotion")
    write(folder / "relative", texts, "irony")
    (folder / "linked").symlink_to(folder / "relative")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BENCH_DATA", root)
    assert {name: len(split) for name, split in load(config="irony").splits.items()} == {"train": 2, "test": 2}


def test_a_configuration_that_a_folder_without_any_does_not_have_is_said(folder: Path) -> None:
    write(folder, {"train": SENTENCES, "test": SENTENCES})
    with pytest.raises(DataInvalid, match="no configuration `emotion`: leave `config` out"):
        load(config="emotion")
    assert len(load(config="default").splits["test"]) == 4


def test_where_no_place_has_it_the_command_to_paste_is_given() -> None:
    with pytest.raises(DataUnavailable) as raised:
        load(revision="v1")
    assert raised.value.command is not None
    assert "download --repo-type dataset --revision v1 owner/name" in raised.value.command


# ── options ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"id": "https://huggingface.co/datasets/owner/name"}, "is not the id of a data set: write owner/name"),
        ({"id": "../elsewhere"}, "is a path and not the id of a data set"),
        ({"id": "admissions.csv"}, 'use = "files" and path = "admissions.csv"'),
        ({"inputs": ()}, "inputs names no column"),
        ({"inputs": ("a", "a")}, "inputs names a column twice"),
        ({"id": "owner/a\n\x1b[31mname"}, r"id = 'owner/a\\n\\x1b\[31mname' is not the id of a data set"),
        ({"inputs": "label"}, "label = 'label' is also in `inputs`"),
        ({"groups": ("label",)}, "label = 'label' is also in `groups`"),
        (
            {"inputs": ("zip", "age"), "categorical": ("zap",)},
            "names 'zap', which is not an input; did you mean \"zip\"",
        ),
        ({"train": "a\tb", "test": "a\tb"}, r"one split is named twice .*: 'a\\tb', 'a\\tb'"),
    ],
)
def test_contradictions_are_said_before_anything_is_loaded(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(**options)


def test_an_infinite_number_is_refused_with_the_name_of_its_column(folder: Path) -> None:
    write(folder, {"train": table({"a": [1.0, float("inf")] * 20, "label": ["no", "yes"] * 20})})
    with pytest.raises(DataInvalid, match=r"a.*20 values are infinite; correct them"):
        load(inputs="a")
