"""Claims about artifacts for trackers: pictures are PNG files, tables stay as stored, damage is left out."""

from __future__ import annotations

from dataclasses import replace

from bench_suite.tracking import artifacts
from bench_suite.tracking.artifacts import pictures, stored_files


def test_charts_become_pictures_and_tables_do_not(stored):
    (picture,) = pictures(stored, stored.records()[0].artifacts)
    assert (picture.name, picture.caption) == ("quality/confusion", "c")
    assert picture.png.startswith(b"\x89PNG")
    assert [name for name, _ in stored_files(stored, stored.records()[0].artifacts)] == [
        "quality/confusion", "quality/words",
    ]  # fmt: skip


def test_a_gallery_is_cut_off(stored, monkeypatch):
    monkeypatch.setattr(artifacts, "MAX_PICTURES", 2)
    assert len([*pictures(stored, stored.records()[0].artifacts[:1] * 5)]) == 2


def test_damaged_and_foreign_files_are_left_out(stored, tmp_path):
    chart, table = stored.records()[0].artifacts
    (stored.path / chart.file).write_text("{")
    (tmp_path / "secret.json").write_text("{}")
    assert [*pictures(stored, [chart])] == []
    assert [*stored_files(stored, [replace(table, file="../../secret.json"), replace(table, file="none.json")])] == []
