"""The package `datasets`, which reads folders and JSON files."""

from __future__ import annotations

import sys

import pytest

from bench_suite.contracts import DataUnavailable
from bench_suite.data.datasets_package import import_datasets


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataUnavailable, match=r"mine: the package `datasets`.* is not installed") as caught:
        import_datasets("mine")
    assert "pip install datasets" in str(caught.value)
