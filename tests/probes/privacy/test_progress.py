"""Claims about progress: a text reaches whoever looks, and nobody has to."""

from __future__ import annotations

from types import SimpleNamespace

from bench_suite.probes.privacy.progress import reporter


def test_a_text_reaches_whoever_looks_at_the_cell():
    shown: list[str] = []
    reporter(SimpleNamespace(on_progress=shown.append))("training shadow model 1 of 4")
    assert shown == ["training shadow model 1 of 4"]


def test_without_anybody_who_looks_nothing_happens():
    reporter(SimpleNamespace(on_progress=None))("training")
    reporter(SimpleNamespace())("training")
