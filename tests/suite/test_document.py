"""Claims about a suite's text: the position of an error, and the changes that `--set` makes."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_suite.suite.document import SuiteError, label, read_document, spell

TEXT = """\
title = "x"
[[tasks]]
use = "loans"
[[tasks]]
use = "./my_task.py"
[[models]]
use = "mlp"
name = "small"
hidden = [
  8,
  4,
]
[train]
epochs = 3
"""


@pytest.fixture
def read(tmp_path):
    """Read TEXT, or another text, with flags."""

    def read(*overrides: str, text: str = TEXT):
        (tmp_path / "s.toml").write_text(text, encoding="utf-8")
        return read_document(tmp_path / "s.toml", "s.toml", overrides)

    return read


def messages(document) -> list[str]:
    """Return all errors of the raised exception."""
    with pytest.raises(SuiteError) as error:
        document.raise_errors()
    return list(error.value.errors)


def test_a_fault_shows_file_line_key_and_the_line_itself(read):
    document = read()
    document.error(("models", 0, "hidden", 1), "too small")
    assert messages(document) == ["s.toml:11: models[0].hidden[1]: too small\n    4,"]


def test_an_error_has_its_line_key_and_flag_in_fields(read):
    document = read("train.epochs=5")
    document.error(("models", 0, "hidden", 1), "too small")
    document.error(("train", "epochs"), "too many")
    with pytest.raises(SuiteError) as error:
        document.raise_errors()
    assert [(entry.line, entry.key, entry.flag, entry.message) for entry in error.value.entries] == [
        (0, (), "--set train.epochs=5", "too many"),
        (11, ("models", 0, "hidden", 1), None, "too small"),
    ]


def test_a_flag_is_named_beside_an_error_of_a_line_unless_it_is_to_blame_itself(read):
    document = read("train.epochs=5", "title=x")
    document.error(("models",), "--set train.epochs=5: is only quoted here")
    assert messages(document)[-1] == "the suite was read with --set train.epochs=5 --set title=x"
    document.error(("title",), "too short")
    assert messages(document)[-1] == "the suite was read with --set train.epochs=5"


def test_a_fault_of_what_is_not_there_stands_at_what_is_around_it(read):
    document = read()
    document.error(("models", 0, "dropout"), "missing")
    document.error((), "empty")
    assert messages(document) == ["s.toml:1: empty", "s.toml:6: models[0].dropout: missing\n    [[models]]"]


def test_faults_come_in_the_order_of_lines_those_of_flags_first_and_none_twice(read):
    document = read("train.epochs=4", "new.table=1")
    for path in (("train",), ("title",), ("train", "epochs"), ("new",), ("title",)):
        document.error(path, "wrong")
    assert [error.partition(": wrong")[0] for error in messages(document)] == [
        "--set train.epochs=4",
        "--set new.table=1",
        "s.toml:1: title",
        "s.toml:13: train",
    ]


def test_a_document_without_faults_raises_nothing(read):
    read().raise_errors()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("tasks", 0, "use"), "tasks[0].use"),
        (("gate", "quality/accuracy", "min"), 'gate."quality/accuracy".min'),
        (("", "a b"), '""."a b"'),
    ],
)
def test_a_path_is_spelt_as_toml_would(path, text):
    assert spell(path) == text


def test_an_entry_is_called_by_its_name_else_by_its_component():
    assert [label(e) for e in ({"use": "mlp", "name": "a"}, {"use": "mlp"}, {"use": "./x/my_task.py"}, {})] == [
        "a",
        "mlp",
        "my_task",
        None,
    ]


SETS = [
    ("train.epochs=5", ("train", "epochs"), 5),
    ("train.epochs = 5 ", ("train", "epochs"), 5),
    ("title=a=b", ("title",), "a=b"),
    ("title=plain words", ("title",), "plain words"),
    ('title="5"', ("title",), "5"),
    ("train.optimizer=sgd", ("train", "optimizer"), "sgd"),
    ("matrix.seed=[0, 1]", ("matrix", "seed"), [0, 1]),
    ('matrix."train.epochs"=[1]', ("matrix", "train.epochs"), [1]),
    ("matrix.train.epochs=[1]", ("matrix", "train.epochs"), [1]),
    ("matrix.exclude=[]", ("matrix", "exclude"), []),
    ("models.small.hidden=[2]", ("models", 0, "hidden"), [2]),
    ("models.0.hidden=[2]", ("models", 0, "hidden"), [2]),
    ("tasks.my_task.data=sample", ("tasks", 1, "data"), "sample"),
    ("gate.quality/accuracy.min=0.5", ("gate", "quality/accuracy", "min"), 0.5),
    ("title=1\nx = 2", ("title",), "1\nx = 2"),
    ("title=", ("title",), ""),
]


@pytest.mark.parametrize(("flag", "path", "value"), SETS)
def test_set_changes_one_value(read, flag, path, value):
    document = read(flag)
    current = document.values
    for key in path:
        current = current[key]
    assert current == value
    assert document.flags == {path: f"--set {flag}"}


def test_a_later_set_wins(read):
    assert read("train.epochs=5", "train.epochs=6").values["train"]["epochs"] == 6


def test_the_text_is_kept_as_it_is_read_and_flags_do_not_change_it(read):
    assert read("title=y").text == TEXT


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_any_text_is_either_toml_or_one_fault_with_a_line(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "s.toml"
    path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    errors: tuple[str, ...] = ()
    try:
        document = read_document(path, "s.toml")
    except SuiteError as error:
        errors = error.errors
    else:
        assert document.values == tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    assert len(errors) <= 1
    assert all(error.startswith("s.toml:") for error in errors)


@settings(max_examples=300)
@given(st.text(max_size=30))
def test_any_set_is_taken_or_explained(tmp_path_factory, flag):
    path = tmp_path_factory.mktemp("any") / "s.toml"
    path.write_text(TEXT)
    errors: tuple[str, ...] = ()
    try:
        read_document(path, "s.toml", [flag])
    except SuiteError as error:
        errors = error.errors
    assert len(errors) <= 1
    assert all(error.startswith("--set ") for error in errors)


PART = ".".join(["a"] * 20_000)


@pytest.mark.parametrize(
    "text",
    [
        f"{PART} = 1\n",
        f"[{PART}]\n",
        f"[[ {PART} ]]\n",
        "k = { " + PART + " = 1 }\n",
        " . ".join(['"a b"'] * 20_000) + " = 1\n",
    ],
    ids=["dotted", "table", "array of tables", "inline table", "quoted"],
)
def test_a_key_of_very_many_parts_is_one_message_before_the_text_is_parsed(text, monkeypatch, read):
    monkeypatch.setattr(tomllib, "loads", lambda text: pytest.fail("parsing the key takes a minute"))
    with pytest.raises(SuiteError) as error:
        read(text="# a comment\n" + text)
    (message,) = error.value.errors
    assert message.startswith(
        "s.toml:2: a key with 20,000 parts between dots; no key of a suite has more than 100\n    "
    )
    assert len(message) < 300


def test_a_flag_with_a_key_of_very_many_parts_is_one_message(read):
    with pytest.raises(SuiteError) as error:
        read(f"{PART}=1")
    assert error.value.errors[0].endswith("a key with 20,000 parts between dots; no key of a suite has more than 100")


def test_many_dots_that_are_no_key_are_read(read):
    text = f'title = "{PART}"\ndescription = """\n{PART}"""\n# {PART}\n' + ".".join(["a"] * 100) + " = 1\n"
    assert read(text=text).values["title"] == PART


def test_the_text_is_split_into_lines_once_for_all_errors(read):
    class Text(str):
        split = 0

        def splitlines(self, keepends=False):
            Text.split += 1
            return super().splitlines(keepends)

    document = read()
    document.text = Text(document.text)
    for index in range(20):
        document.error(("models", 0), f"wrong {index}")
    assert Text.split == 1
    assert len(document.errors) == 20
