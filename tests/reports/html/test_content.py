"""The content of a page: sections by question, failures, notes and cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest

from bench_suite.contracts import ArtifactRow, ProbeRow, Record
from bench_suite.reports.html.content import (
    DETAILS,
    MAX_LISTED,
    MAX_TRACEBACK,
    cell_lines,
    detailed,
    failures,
    findings,
    identities,
    problem_lines,
    reader_notes,
    sections,
    without_predictions,
)
from bench_suite.reports.html.figures import Pictures
from bench_suite.reports.html.questions import HEADINGS
from bench_suite.reports.html.view import Section
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]
FINDING = {"code": "one_class", "severity": "note", "task": "imdb", "summary": "few", "mend": "take more"}


def of(run: Run, detail: int = 0) -> list[Section]:
    return sections(run, detailed(tables([run])), Pictures(), DETAILS[detail])


def test_sections_follow_the_order_of_the_questions(make_run: Make, record: Make_record) -> None:
    run = make_run(record(model="a", accuracy=0.8), record(model="b"), record(task="loans"))
    shown = of(run)
    order = list(HEADINGS.values())
    assert [one.heading for one in shown] == [HEADINGS["quality"], HEADINGS["cost"]]
    assert sorted(shown, key=lambda one: order.index(one.heading)) == shown
    assert [part.task for part in shown[0].parts] == ["imdb", "loans"]
    assert [row[0] for row in shown[0].parts[0].grid.rows][:1] == ["quality/accuracy ↑"]


def test_a_reader_sees_less_of_each_task_the_less_room_there_is(with_artifacts: Run) -> None:
    full, least = of(with_artifacts), of(with_artifacts, len(DETAILS) - 1)
    assert sum(len(part.gallery) for section in full for part in section.parts) >= 6
    assert sum(len(part.gallery) for section in least for part in section.parts) == 0


@pytest.mark.parametrize("number", range(1, len(DETAILS)))
def test_each_detail_shows_no_more_than_the_one_before(number: int) -> None:
    more, less = vars(DETAILS[number - 1]), vars(DETAILS[number])
    assert all(less[name] <= more[name] for name in more)
    assert more != less


def test_an_artifact_that_cannot_be_read_is_counted(make_run: Make, record: Make_record) -> None:
    lost = ArtifactRow("quality/lost", "text", "cells/none/quality/lost.json", "lost")
    [section, *_] = of(make_run(record(artifacts=(lost,))))
    assert section.parts[0].gallery == []
    assert section.parts[0].unread


def test_failures_have_their_traceback_from_its_end(make_run: Make, record: Make_record) -> None:
    run = make_run(record(id="a" * 16, status="failed", reason="ValueError: x", metrics=()), record(model="b"))
    run.write_traceback("a" * 16, "cell", "first line\n" + "x" * MAX_TRACEBACK + "last line")
    [failure] = failures(run, run.records())
    assert (failure.what, failure.status, failure.reason) == ("cell", "failed", "ValueError: x")
    assert failure.traceback.startswith("…")
    assert failure.traceback.endswith("last line")
    assert "minilm" in failure.cells


def test_a_failed_probe_is_a_failure_and_one_that_does_not_apply_has_no_traceback(
    make_run: Make, record: Make_record
) -> None:
    probes = {"fair": ProbeRow("failed", "k", reason="KeyError"), "ood": ProbeRow("not applicable", "k", reason="one")}
    run = make_run(record(id="a" * 16, probes=probes))
    run.write_traceback("a" * 16, "ood", "never shown")
    shown = {one.what: one for one in failures(run, run.records())}
    assert shown["probe fair"].reason == "KeyError"
    assert shown["probe ood"].traceback == ""


def test_a_reader_must_know_of_failures_data_and_findings_but_not_of_notes(make_run: Make, record: Make_record) -> None:
    data = {**record().data, "prominent": ["subset"], "notes": {"subset": "the first 100 rows", "other": "quiet"}}
    broken = record(model="b", status="failed", reason="x", metrics=())
    loud = {**FINDING, "severity": "warning", "summary": "one class only"}
    run = make_run(record(data=data), broken, findings=[FINDING, loud])
    texts = [remark.text for remark in reader_notes(run, run.records(), "")]
    assert texts[0].startswith("1 of 2 cells")
    assert any("the first 100 rows" in text for text in texts)
    assert any("one class only" in text for text in texts)
    assert not any("quiet" in text or "few" in text for text in texts)
    grid = findings(run)
    assert grid is not None
    assert [row[1:4:2] for row in grid.rows] == [["warning", "one class only; few"]], "of one kind: one line"
    assert findings(make_run(record())) is None


def test_cells_name_the_files_that_are_there(make_run: Make, record: Make_record) -> None:
    rows = [
        ArtifactRow("predictions/test", "predictions", f"cells/{id}/predictions-test.parquet") for id in ("a#", "b")
    ]
    run = make_run(record(id="a#", artifacts=(rows[0],)), record(id="b", seed=1, artifacts=(rows[1],)))
    (run.path / "cells" / "a#").mkdir(parents=True)
    (run.path / "cells" / "a#" / "predictions-test.parquet").write_bytes(b"x")
    lines = cell_lines(run.records(), run, "../r/")
    assert [line.files for line in lines] == [[("predictions/test", "../r/cells/a%23/predictions-test.parquet")], []]
    assert without_predictions(run, run.records()) == ["b"]


def test_a_run_without_predictions_names_no_cell(make_run: Make, record: Make_record) -> None:
    run = make_run(record())
    assert without_predictions(run, run.records()) is True


def test_a_page_lists_the_first_cells(make_run: Make, record: Make_record) -> None:
    run = make_run(record())
    [one] = run.records()
    assert len(cell_lines([replace(one, id=str(n)) for n in range(MAX_LISTED + 5)], run, "")) == MAX_LISTED


def test_boards_have_identities_of_their_own() -> None:
    assert list(islice(identities(), 3)) == ["board-0", "board-1", "board-2"]


def test_what_went_wrong_names_more_than_failures(make_run: Make, record: Make_record) -> None:
    calm = make_run(record())
    assert problem_lines(calm, calm.records()) == ["No cell and no probe failed."]
    busy = replace(record(model="b"), machine_busy=True)
    run = make_run(busy, cells=3, left_out=[["imdb", "cnn", "takes image"]])
    text = " ".join(problem_lines(run, run.records()))
    assert "2 cells were not run" in text
    assert "The machine was busy with other work during all cells" in text
    assert "One pair of task and model was left out" in text
    broken = make_run(record(status="failed", metrics=()), record(seed=1, probes={"q": ProbeRow("failed", "k", "x")}))
    assert problem_lines(broken, broken.records()) == ["1 of 2 cells failed.", "A probe failed once."]


def test_cells_without_a_result_are_named(make_run: Make, record: Make_record) -> None:
    failed = record(task="loans", model="cnn", status="failed", reason="x", metrics=())
    run = make_run(record(model="mlp"), failed)
    assert reader_notes(run, run.records(), "")[0].text == "1 of 2 cells have no result: cnn on loans."
