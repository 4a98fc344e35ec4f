"""Claims about the positions of keys in a TOML file."""

import tomllib

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_suite.suite.toml_positions import positions

KEYS = st.text(min_size=0, max_size=6)
SCALARS = st.one_of(st.integers(-9, 9**9), st.booleans(), st.floats(allow_nan=False), st.text(max_size=12))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)


def paths(value, path=()):
    """Return every path of a parsed document, including tables and array items."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


@settings(max_examples=300)
@given(st.dictionaries(KEYS, VALUES, max_size=5), st.booleans())
def test_every_path_that_tomllib_finds_has_a_line_and_no_other(document, multiline):
    text = tomli_w.dumps(document, multiline_strings=multiline)
    assert set(positions(text)) == set(paths(tomllib.loads(text)))


@settings(max_examples=200)
@given(st.dictionaries(st.text(min_size=1, max_size=6), SCALARS, min_size=1, max_size=6), st.integers(0, 3))
def test_a_keys_line_is_the_one_it_was_written_on(document, blank):
    lines, expected = [], {}
    for key, value in document.items():
        lines += ["# [not] = 'a key'"] * blank
        expected[(key,)] = len(lines) + 1
        lines += tomli_w.dumps({key: value}).rstrip("\n").split("\n")
    assert positions("\n".join(lines)) == expected


def test_arrays_of_tables_dotted_keys_comments_and_strings():
    text = '''title = "a # b [x]"   # comment = 1
[[tasks]]
use = "mnist"
[[tasks]]
use = """
[not.a.table]
key = 1 """
[tasks.deep]
"a.b" . c = [1, # one
  { d = 'x', "e" = [[]] },
]
[matrix]
seed = [
  0,
  1, ]
'''
    lines = positions(text)
    assert set(lines) == set(paths(tomllib.loads(text)))
    assert lines["tasks", 0, "use"] == 3
    assert lines["tasks", 1, "use"] == 5
    assert lines["tasks", 1, "deep", "a.b", "c", 1, "e"] == 10
    assert lines["matrix", "seed", 1] == 15
