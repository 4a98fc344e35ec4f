"""Claims about option types: which type the source states, and which values fit it."""

from __future__ import annotations

import ast
import copy
import math
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.components.options import (
    LARGEST,
    MISSING,
    Mixin,
    Option,
    Type,
    choices,
    describe,
    find_mixin,
    fit,
    json_schema,
    read_options,
    read_type,
    show,
)

SOURCE = """
@dataclass(frozen=True)
class Options:
    "Docstring."
    width: int = 3
    "How wide,
    in units."
    rate: float = 1
    names: tuple[str, ...] = ("a",)
    pair: "tuple[int, float]" = (1, 2)
    choice: Literal["a", "b", 3] | None = None
    table: Mapping[str, int] | None = None
    path: str
    "Must be given."
""".replace('"How wide,\n    in units."', '"""How wide,\n    in units."""')


def type_of(text: str) -> Type:
    """Return the option type of an annotation."""
    return read_type(ast.parse(text, mode="eval").body)


def test_options_are_read_with_type_default_help_and_line():
    options = read_options(ast.parse(SOURCE), "Options", {"width": (1, None)})
    assert {name: option.default for name, option in options.items()} == {
        "width": 3,
        "rate": 1.0,
        "names": ("a",),
        "pair": (1, 2.0),
        "choice": None,
        "table": None,
        "path": MISSING,
    }
    assert isinstance(options["rate"].default, float)
    assert options["width"].help == "How wide, in units."
    assert options["width"].line == 5
    assert options["width"].bounds == (1, None)
    assert options["path"].help == "Must be given."
    assert options["names"].help == ""


def test_a_file_without_the_class_has_no_options():
    assert read_options(ast.parse("x = 1"), "Options", {}) == {}


SHARED = """
@dataclass(frozen=True)
class Shared:
    width: int = 3
    "How wide."
    pooling: Literal["mean", "last"] = "mean"
    "How pooled."
"""
HEIR = """
from package.room.shared import Shared

@dataclass(frozen=True)
class Options(Shared):
    layers: int = 2
    "How deep."
    width: int = 4
    "How wide, from another default."
"""


@pytest.fixture
def package(tmp_path):
    """Return the folder of a package whose module `room.shared` contains a base and raises on import."""
    room = tmp_path / "package" / "room"
    room.mkdir(parents=True)
    (room / "shared.py").write_text("raise SystemExit('imported')\n" + SHARED)
    return tmp_path / "package"


def test_fields_of_a_base_come_first_and_one_that_is_stated_again_keeps_its_position(package):
    options = read_options(ast.parse(HEIR), "Options", {"pooling": (None, None), "width": (1, 9)}, package)
    assert list(options) == ["width", "pooling", "layers"]
    assert (options["width"].default, options["width"].help) == (4, "How wide, from another default.")
    assert options["width"].bounds == (1, 9)
    assert (options["pooling"].default, options["pooling"].help) == ("mean", "How pooled.")
    assert find_mixin(ast.parse(HEIR), "Options", package) == Mixin("Shared", package / "room" / "shared.py")


def test_bounds_hold_for_the_default_of_a_base_unless_the_class_states_another(package):
    assert read_options(ast.parse(HEIR), "Options", {"width": (4, None)}, package)["width"].bounds == (4, None)
    with pytest.raises(SyntaxError, match="the default of `width`: 3 is out of bounds: 4 or more"):
        read_options(ast.parse(HEIR.replace("width", "height")), "Options", {"width": (4, None)}, package)


OTHER_BASES = {
    "two": HEIR.replace("(Shared)", "(Shared, Other)"),
    "of another package": HEIR.replace("from package", "from other"),
    "of the package itself": HEIR.replace("package.room.shared", "package"),
    "of a module that is not there": HEIR.replace("room.shared", "room.absent"),
    "relative": HEIR.replace("from package", "from ."),
    "an attribute": HEIR.replace("(Shared)", "(shared.Shared)"),
    "not imported": HEIR.replace("from package.room.shared import Shared", ""),
    "a metaclass": HEIR.replace("(Shared)", "(metaclass=Shared)"),
}


@pytest.mark.parametrize("case", OTHER_BASES)
def test_any_other_base_is_refused(package, case):
    with pytest.raises(SyntaxError, match=r"`Options` must be a @dataclass.frozen=True. without bases, or with one"):
        read_options(ast.parse(OTHER_BASES[case]), "Options", {}, package)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("class Shared:", "class Shared(Other):", "`Shared` must be a @dataclass(frozen=True) without bases"),
        ("(frozen=True)", "", "`Shared` must be a @dataclass(frozen=True)"),
        ("class Shared:", "class Sharer:", "`Shared` must be a @dataclass(frozen=True) without bases"),
        ("int = 3", 'int = "3"', "the default of `width` must be a literal of type int"),
        ("int = 3", "list[int]", "`list[int]`: an option's type is built from"),
    ],
)
def test_an_error_in_a_base_names_the_base_s_file(package, before, after, message):
    file = package / "room" / "shared.py"
    file.write_text(file.read_text().replace(before, after))
    with pytest.raises(SyntaxError, match=re.escape(message)) as error:
        read_options(ast.parse(HEIR), "Options", {}, package)
    assert error.value.filename == str(file)
    assert error.value.lineno


FITS = [
    ("int", 3, 3),
    ("float", 3, 3.0),
    ("bool", True, True),
    ("str", "", ""),
    ("tuple[int, ...]", [], ()),
    ("tuple[int, ...]", [1, 2], (1, 2)),
    ("tuple[int, str]", [1, "a"], (1, "a")),
    ("int | float", 3, 3),
    ("float | int", 3, 3.0),
    ('Literal["a", 1]', 1, 1),
    ("Mapping[str, float]", {"a": 1}, {"a": 1.0}),
    ("tuple[tuple[int, ...], ...]", [[1], []], ((1,), ())),
    ("None | str", None, None),
    ("Literal[-1]", -1, -1),
]
FITS_NOT = [
    ("int", True),
    ("int", 3.0),
    ("int", "3"),
    ("float", True),
    ("bool", 1),
    ("str", None),
    ("tuple[int, ...]", 3),
    ("tuple[int, ...]", "12"),
    ("tuple[int, str]", [1]),
    ("Literal[1]", True),
    ("Literal[True]", 1),
    ("Mapping[str, int]", [1]),
    ("Mapping[str, int]", {"a": "b"}),
    ("int | None", "x"),
    ('Literal["a"]', ["a"]),
]


@pytest.mark.parametrize(("kind", "value", "expected"), FITS)
def test_a_value_that_fits_is_converted(kind, value, expected):
    fitted = fit(value, type_of(kind))
    assert (fitted, type(fitted)) == (expected, type(expected))


@pytest.mark.parametrize(("kind", "value"), FITS_NOT)
def test_a_value_that_does_not_fit_is_refused_in_words(kind, value):
    with pytest.raises(ValueError, match="is not "):
        Option("x", type_of(kind)).accept(value)


@pytest.mark.parametrize(
    "text", ["list[int]", "Any", "Optional[int]", "tuple", "Mapping[str]", "Literal[A]", "'int |'", "1", "int or str"]
)
def test_an_annotation_of_any_other_form_is_refused(text):
    with pytest.raises(SyntaxError, match="an option's type is built from"):
        type_of(text)


WORDS = {
    "int": "an integer",
    "tuple[float, ...]": "a list of numbers",
    "tuple[int, str]": "a list of 2: an integer, a string",
    "tuple[tuple[int, ...], ...]": "a list, each item a list of integers",
    'int | Literal["auto"]': 'an integer or one of "auto"',
    "int | None": "an integer",
    "Mapping[str, int]": "a table whose values are each an integer",
}


@pytest.mark.parametrize("text", WORDS)
def test_a_type_in_words(text):
    assert describe(type_of(text)) == WORDS[text]


@given(st.floats())
def test_a_float_is_accepted_only_where_it_is_finite_and_within_bounds(value):
    option = Option("x", Type("float"), bounds=(0.0, 1.0))
    if 0 <= value <= 1:
        assert option.accept(value) == value
    else:
        with pytest.raises(ValueError, match=r"out of bounds|not a finite number"):
            option.accept(value)


@given(st.integers())
def test_a_whole_number_is_accepted_only_where_it_fits_into_64_bits(value):
    option = Option("x", Type("int"))
    if abs(value) <= LARGEST:
        assert option.accept(value) == value
    else:
        with pytest.raises(ValueError, match="64 bits"):
            option.accept(value)


def test_bounds_hold_for_each_number_of_a_list_and_of_a_table():
    for kind, value in (("tuple[int, ...]", [1, 0]), ("Mapping[str, int]", {"a": 0}), ("int | None", 0)):
        with pytest.raises(ValueError, match="0 is out of bounds: 1 or more"):
            Option("x", type_of(kind), bounds=(1, None)).accept(value)
    assert Option("x", type_of("int | None"), bounds=(1, None)).accept(None) is None
    with pytest.raises(ValueError, match="5 is out of bounds: 3 or less"):
        Option("x", Type("int"), bounds=(None, 3)).accept(5)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    )
)
def test_any_value_is_shown_in_one_short_line(value):
    assert len(show(value)) <= 60
    assert "\n" not in show(value)


def test_values_that_cannot_be_written_are_shown_all_the_same():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert show(deep) == "a value nested too deeply"
    assert show(10**5000) == "a whole number of 16610 bits"
    assert (show(math.nan), show(-math.inf)) == ("nan", "-inf")


def test_choices_are_found_within_unions_and_lists():
    assert choices(type_of('int | Literal["a"] | tuple[Literal["b", 3], ...]')) == ("a", "b")


def test_json_schema_says_what_accept_does():
    option = Option("x", type_of('int | Literal["auto"]'), "auto", "Help.", bounds=(1, None))
    assert json_schema(option) == {
        "anyOf": [{"type": "integer", "minimum": 1}, {"enum": ["auto"]}],
        "description": "Help.",
        "default": "auto",
    }
    assert json_schema(Option("x", type_of("tuple[int, ...]"), (1,)))["items"] == {"type": "integer"}


def test_the_mark_of_a_missing_default_stays_itself_in_copies_and_in_other_processes():
    option = Option("path", Type("str"))
    assert pickle.loads(pickle.dumps(option)).default is MISSING
    assert copy.deepcopy(option).default is MISSING
    assert not MISSING


@pytest.mark.parametrize("value", ["auto", "cuda", "xpu", "npu", "sim", "privateuseone"])
def test_a_word_may_be_one_that_nobody_listed(value):
    assert Option("device", Type("word", ("auto", "cpu", "cuda", "mps"))).accept(value) == value


@pytest.mark.parametrize("value", ["cdua", "cudaa", "CUDA", "cuda:1", "cuda0", "", 3, None])
def test_a_word_is_neither_a_slip_nor_anything_else(value):
    with pytest.raises(ValueError, match='is not a lower-case word, such as "auto", "cpu", "cuda", "mps"'):
        Option("device", Type("word", ("auto", "cpu", "cuda", "mps"))).accept(value)
