"""Artifacts in a report: tables and texts as Markdown, pictures beside each other, and damaged ones named."""

import html
import re
from collections.abc import Callable
from pathlib import Path

from markdown_it import MarkdownIt

from bench_suite.contracts import Artifact, ArtifactRow, Record
from bench_suite.reports.artifacts import MAX_CHARACTERS, MAX_ROWS, Picture, arrange_pictures, render_artifact
from bench_suite.reports.markdown import report, write_report
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
CURVE = Artifact("curve", "lines", {"x": "epoch", "y": "loss", "series": {"a": [[0, 1.0], [1, 0.5]]}}, "The curve")


def rendered(markdown: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", MARKDOWN.render(markdown)))


def test_a_table_is_markdown_under_its_caption_and_cell(make_run: Make) -> None:
    run = make_run()
    data = {"columns": ["a|b", "n"], "rows": [["x", 1.23456], [None, 2]]}
    row = run.write_artifact("a", "quality", Artifact("worst", "table", data, "The worst"))
    assert render_artifact(run, row, "mnist, mlp", "name", None) == (
        "*The worst – mnist, mlp*\n\n| a\\|b | n     |\n| ---- | ----- |\n| x    | 1.235 |\n| –    | 2     |"
    )


def test_a_long_table_and_a_long_text_are_cut_and_the_rest_is_counted(make_run: Make) -> None:
    run = make_run()
    table = {"columns": ["n"], "rows": [[number] for number in range(MAX_ROWS + 2)]}
    row = run.write_artifact("a", "quality", Artifact("t", "table", table, "T"))
    shown = render_artifact(run, row, "", "name", None)
    assert isinstance(shown, str)
    assert shown.endswith("\n\n*and 2 more rows*")
    assert shown.count("\n| ") == 2 + MAX_ROWS
    row = run.write_artifact("a", "quality", Artifact("x", "text", "x" * (MAX_CHARACTERS + 1500), "X"))
    assert render_artifact(run, row, "", "name", None) == (
        f"*X*\n\n```\n{'x' * MAX_CHARACTERS}\n```\n\n*and 1,500 more characters*"
    )


def test_a_picture_is_saved_or_named_by_its_file(make_run: Make) -> None:
    run = make_run()
    row = run.write_artifact("a", "quality", CURVE)
    assert render_artifact(run, row, "mnist", "n", None) == (
        f"*The curve – mnist: see `{row.file}` in the run's folder.*"
    )
    saved: dict[str, bytes] = {}

    def save(content: bytes, name: str) -> str:
        saved[name] = content
        return f"pictures/{name}.png"

    picture = render_artifact(run, row, "mnist", "a-curve", save)
    assert isinstance(picture, Picture)
    assert (picture.caption, picture.cell_name, picture.path) == ("The curve", "mnist", "pictures/a-curve.png")
    assert saved["a-curve"].startswith(b"\x89PNG")


def test_a_missing_file_costs_its_artifact_only(make_run: Make) -> None:
    row = ArtifactRow("quality/curve", "lines", "cells/a/absent.json", "The curve")
    shown = render_artifact(make_run(), row, "", "name", None)
    assert isinstance(shown, str)
    assert shown.startswith("*The curve: not shown (")


def test_pictures_with_one_caption_share_rows_as_wide_as_the_page() -> None:
    pictures = [Picture("Curve", f"cell {number}", f"a b/{number}.png", 400) for number in range(3)]
    heading, first, second, text, other = arrange_pictures([*pictures, "text", Picture("Other", "", "o.png", 400)])[:5]
    assert (heading, text, other) == ("*Curve*", "text", "*Other*")
    assert (first.count("<img"), second.count("<img")) == (2, 1)
    assert '<img src="a%20b/0.png" width="400" alt="Curve – cell 0">' in first


def test_texts_and_tables_are_written_out(with_artifacts: Run) -> None:
    page = rendered(report(with_artifacts))
    for words in (
        "once upon | a `time`",
        "bad|",
        "−0.80",
        "The tokens that weigh most",
        "a|b",
        "1.235",
        "<b>",
        "Tokens",
    ):
        assert words in page, words
    assert "cells/a/quality/curve.json" in page  # without a folder for images the page refers to the run's own file


def test_a_damaged_artifact_costs_only_itself(with_artifacts: Run, tmp_path: Path) -> None:
    folder = with_artifacts.path / "cells" / "a" / "quality"
    (folder / "curve.json").write_text('{"kind": "lines", "data": {"series": 3}}')
    (folder / "saliency.png").write_bytes(b"no")
    (folder / "worst.json").unlink()
    written = write_report([with_artifacts], tmp_path / "out")
    text = written[0].read_text()
    assert text.count("not shown (") == 3
    assert str(tmp_path) not in text  # reports are published, so they contain no local path
    assert len(written) == 1 + 2


def test_pictures_of_one_kind_stand_side_by_side(make_run: Make, record: Make_record, tmp_path: Path) -> None:
    run = make_run()
    with run.writer() as writer:
        for number in range(3):
            row = run.write_artifact(str(number), "quality", CURVE)
            writer.write(record(id=str(number), model=f"model_{number}", artifacts=(row,)))
    text = write_report([run], tmp_path / "a folder")[0].read_text()
    rows = [line for line in text.splitlines() if "<img" in line]
    assert [row.count("<img") for row in rows] == [2, 1]
    assert "model_0, seed 0" in text
    assert 'alt="The curve – model&#95;0, seed 0"' in text
    assert text.count("*The curve*") == 1
    assert MARKDOWN.render(text).count("<img") == 3
