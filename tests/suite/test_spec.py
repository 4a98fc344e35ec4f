"""Claims about the specification: suites that ship with the package, and valid labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.suite.parser import read_suite
from bench_suite.suite.spec import PACKAGE, is_label, locate, shipped_suites

SMALL = 'title = "Loans"\n[[tasks]]\nuse = "loans"\n[[models]]\nuse = "mlp"\n[probes.quality]\n'


@pytest.mark.parametrize("name", shipped_suites())
def test_every_shipped_suite_is_valid_and_pins_samples(name):
    suite = read_suite(name)
    assert suite.title
    assert not suite.external
    assert locate(name) == PACKAGE / "suites" / f"{name}.toml"


def test_a_path_is_taken_before_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("quickstart").write_text(SMALL)
    assert locate("quickstart") == Path("quickstart")
    assert read_suite("quickstart").title == "Loans"


def test_labels_are_printable_without_space_around_them():
    assert all(map(is_label, ["a", "模型 1", "a/b", "x" * 100]))
    assert not any(map(is_label, ["", " a", "a ", "a\n", "a\x7f", "a\u202e", "x" * 101, 3, None]))
