"""Claims about word lists: the format of a suite's own file, and the errors for an invalid one."""

import pytest

from bench_suite.probes.fairness.counterfactuals import swapper
from bench_suite.probes.fairness.terms import FILE, read_lists

LIST = '[age]\ngroups = ["young", "old"]\nterms = [{ young = ["young"], old = ["old", "aged"] }]\n'


@pytest.fixture
def read(tmp_path):
    def of(text):
        (tmp_path / "terms.toml").write_text(text, encoding="utf-8")
        return read_lists(tmp_path / "terms.toml")

    return of


def test_a_list_needs_groups_and_terms_and_nothing_else(read):
    words = read(LIST)["age"]
    assert swapper(words, "old", "young")("An aged man, OLD") == "A young man, YOUNG"
    assert (words.sources, words.names_stay, words.not_after) == ((), False, ())


def test_the_programs_own_file_may_be_copied_and_changed(read):
    assert read(FILE.read_text(encoding="utf-8")) == read_lists(FILE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "contains no word list"),
        ("[age", "is not valid TOML"),
        ("age = 1", "age must be a table"),
        (LIST.replace("groups", "group"), r"\[age\] has no group; did you mean \"groups\""),
        (LIST.replace('"young", "old"]', '"young"]'), r"\[age\] groups must be a list of strings, 2 or more"),
        (LIST.replace('["young", "old"]', '["old", "old"]'), "contains a group twice"),
        ('[age]\ngroups = ["young", "old"]', r"\[age\] terms must be a list of tables: \{ young = \[\"…\"\], old"),
        (LIST.replace("{ young", "{ yung"), r"terms, row 1 has no yung; did you mean \"young\""),
        (LIST.replace(', old = ["old", "aged"]', ""), "terms, row 1: old must be a list of words, 1 or more"),
        (LIST.replace("aged", "long in the tooth"), "is not one word"),
        (LIST.replace("aged", "Young"), '"young" names both young and old'),
        (LIST + 'names_stay = "no"', "names_stay must be true or false"),
        (LIST + '[[age.by_next_word]]\nword = "old"', "by_next_word"),
    ],
)
def test_a_fault_says_where_it_is_and_what_would_be_right(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_lists(tmp_path / "none.toml")
