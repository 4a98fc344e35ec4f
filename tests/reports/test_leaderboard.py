"""Leaderboards, and their insertion into a user's file."""

import html
import os
import re
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from bench_suite.contracts import Record
from bench_suite.reports.leaderboard import (
    BEGIN,
    END,
    ReportError,
    anchors,
    insert,
    leaderboard,
    write,
    write_leaderboard,
)
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_each_task_has_its_table_with_ranks_intervals_and_seeds(make_run: Make, record: Make_record) -> None:
    run = make_run(record(model="a", accuracy=0.8), record(model="b"), record(task="loans"), record(model="b", seed=1))
    text = leaderboard([run])
    assert [line for line in text.splitlines() if line.startswith("###")] == [
        "### imdb – imdb-25k",
        "### loans – loans-25k",
    ]
    squeezed = re.sub(r" +", " ", text)
    assert "| 1 | b | **0.900 ± 0.012** |" in squeezed
    assert "| 2 | a | 0.800 ± 0.012 |" in squeezed
    assert run.name in text
    assert "Two seeds are few" in text


def test_rows_of_different_files_share_a_footnote(make_run: Make, record: Make_record) -> None:
    runs = [make_run(record(seed=seed, sources={"model": f"{seed}" * 16})) for seed in (1, 0)]
    text = leaderboard(runs)
    assert re.search(r"\| minilm \(files=0{8}\) ¹ +\|", text)
    assert re.search(r"\| minilm \(files=1{8}\) ¹ +\|", text)
    assert "¹ the cells of this label differ in the file of the model, so they are not averaged together" in text


def test_the_run_that_began_last_counts_and_the_cells_that_it_supersedes_are_named(
    make_run: Make, record: Make_record
) -> None:
    old, new = make_run(record(accuracy=0.5), record(model="a")), make_run(record(accuracy=0.9))
    for order in ([old, new], [new, old]):
        text = leaderboard(order)
        assert "0.900" in text
        assert "0.500" not in text
        assert f"*Superseded: 1 cell of `{old.name}` by newer results of `{new.name}`.*" in text
    assert "Superseded" not in leaderboard([old])


def test_smoke_runs_are_not_ranked(make_run: Make, record: Make_record) -> None:
    smoke = make_run(record(smoke=True), smoke=True)
    assert "smoke runs, which are not ranked: 1" in leaderboard([smoke])
    assert "bench run quickstart" in leaderboard([])
    assert smoke.name not in leaderboard([make_run(record()), smoke])


def test_a_run_of_a_part_says_so_below_the_tables(make_run: Make, record: Make_record) -> None:
    part = make_run(record(), only=["model=minilm", "-k not loans"], cells=1)
    failed = make_run(record(), record(model="b", status="failed", metrics=()))
    whole = make_run(record())
    text = leaderboard([part, failed, whole])
    assert f"*Incomplete run of the suite nlp: {part.name}, --only model=minilm -k 'not loans'.*" in text
    assert f"*Incomplete run of the suite nlp: {failed.name}, 1 of 2 cells succeeded.*" in text
    assert "Of a part" not in leaderboard([whole])


def test_a_leaderboard_is_put_between_the_markers_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    before, after = "# Mine\r\n\r\nÜber\ttext  \r\n", "\r\nend without newline"
    path.write_bytes(f"{before}{BEGIN}\r\nold\r\n{END}{after}".encode())
    insert("### a\n\n| x |\n", path)
    first = path.read_bytes()
    assert first.decode() == f"{before}{BEGIN}\r\n\r\n### a\r\n\r\n| x |\r\n\r\n{END}{after}"
    insert("### a\n\n| x |\n", path)
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize("text", ["nothing", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"])
def test_a_file_without_the_markers_is_left_alone_and_says_what_it_needs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ReportError, match="must contain these two lines"):
        insert("x", path)
    assert path.read_text() == text


def test_a_missing_or_foreign_file_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be read: there is no such file") as missing:
        insert("x", tmp_path / "absent.md")
    assert "Errno" not in str(missing.value)
    assert BEGIN in str(missing.value)
    (tmp_path / "latin.md").write_bytes(b"\xff")
    with pytest.raises(ReportError, match="cannot be read"):
        insert("x", tmp_path / "latin.md")


def test_no_name_can_end_the_place_between_the_markers(make_run: Make, record: Make_record, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"{BEGIN}\n{END}\n")
    for _ in range(2):
        insert(leaderboard([make_run(record(task=END, model=BEGIN))]), path)
    assert path.read_text().count(END) == 1


def test_a_leaderboard_can_be_a_file_of_its_own(make_run: Make, record: Make_record, tmp_path: Path) -> None:
    path = write_leaderboard([make_run(record())], tmp_path / "reports" / "LEADERBOARD.md")
    assert path.read_text().startswith("# Leaderboard\n\n## imdb")


def test_several_suites_are_one_page_that_tells_their_tables_of_one_task_apart(
    make_run: Make, record: Make_record, tmp_path: Path
) -> None:
    other = {"name": "imdb-25k", "source": "package:other", "fingerprint": "e" * 8, "train": 10, "test": 10}
    one = make_run(record(), record(task="a|b [c](d)"), record(task="a-b--c-d"), suite="one")
    two = make_run(record(id="other", suite="two", data=other), suite="two")
    text = write_leaderboard([one, two], tmp_path / "L.md").read_text()
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert re.findall("<h1>(.*)</h1>", page) == ["Leaderboard"]
    headings = [html.unescape(heading) for heading in re.findall("<h2>(.*)</h2>", page)]
    assert sorted(headings) == sorted([
        "imdb – imdb-25k – suite one, data ffffffff", "imdb – imdb-25k – suite two, data eeeeeeee",
        "a|b [c](d) – a|b [c](d)-25k", "a-b--c-d – a-b--c-d-25k",
    ])  # fmt: skip
    listed = [html.unescape(entry) for entry in re.findall('<a href="#.*?">(.*)</a>', page)]
    assert listed == headings
    targets = re.findall('<a id="(.*?)">', page)
    assert re.findall('<a href="#(.*?)">', page) == targets
    assert len(set(targets)) == 4
    assert "Suite: one." in text
    assert "Suite: two." in text


def test_a_task_that_two_suites_share_is_one_table_that_names_both(make_run: Make, record: Make_record) -> None:
    runs = [make_run(record(), suite="one"), make_run(record(suite="two", model="b"), suite="two")]
    text = leaderboard(runs)
    assert text.count("###") == 1
    assert "Suites: one and two." in text
    three = [*runs, make_run(record(suite="three", model="c"), suite="three")]
    assert "Suites: one, three and two." in leaderboard(three)
    assert "Suite" not in leaderboard(runs[:1]).partition("*Made by")[0]


def test_names_of_links_are_never_the_same() -> None:
    assert anchors(["a b", "A-B", "a b 2", "–", "a b"], "across-tasks") == [
        "a-b", "a-b-2", "a-b-2-2", "part", "a-b-3", "across-tasks",
    ]  # fmt: skip


def test_heads_are_narrow_the_probe_the_metric_and_the_unit_on_their_own_lines(
    make_run: Make, record: Make_record
) -> None:
    text = leaderboard([make_run(record())])
    assert "quality/<br>accuracy ↑ |" in text
    assert "throughput/<br>train ↑<br>(samples/s) |" in text


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    """A regular file never replaces a pipe or a device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe, b"table")
    reader.join()
    assert read == [b"table"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
