"""The short report: gates, boards, what a reader must know, and what to open; nothing of the rest."""

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from bench_suite.comparison.baselines import set_baseline
from bench_suite.contracts import ProbeRow, Record
from bench_suite.reports.markdown import report, short_report, write_report
from bench_suite.reports.short_report import MAX_ROWS
from bench_suite.store.runs import Run, Store

Make = Callable[..., Run]
Make_record = Callable[..., Record]
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
FACTS = {
    "title": "Sentiment on IMDB", "description": "How much does an encoder buy?", "command": "bench run nlp",
    "text": 'title = "x"\n', "version": "0.1.0", "git": {"commit": "c" * 40, "branch": "trunk", "dirty": True},
    "gate": {"quality/accuracy": {"min": 0.85}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def beside_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands name the folder of the runs only if it is not `results` in the working folder."""
    monkeypatch.chdir(tmp_path)


def headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#")]


def test_it_answers_the_first_questions_and_names_what_shows_more(make_run: Make, record: Make_record) -> None:
    run = make_run(record(), record(model="b", accuracy=0.7), **FACTS)
    text = short_report(run)
    assert headings(text) == [
        "# Sentiment on IMDB", "## Gates", "## Results", "### imdb – imdb-25k", "## How it was made", "## What to open",
    ]  # fmt: skip
    for words in (
        "How much does an encoder buy?",
        "2 of 2 cells succeeded.",
        "**1 failed, 1 passed.**",
        f"`bench baseline set {run.name}` keeps this run as the baseline",
        "**0.900 ± 0.012**",
        "with uncommitted changes",
        "c" * 40,
        "bench run nlp",
        f"`bench report {run.name} --full`",
        f"`bench report {run.name} --html`",
    ):
        assert words in text, words
    assert len(text) < len(report(run))


def test_it_has_no_pictures_and_no_measurements(with_artifacts: Run, tmp_path: Path) -> None:
    written = write_report([with_artifacts], tmp_path / "out", short=True)
    assert [path.suffix for path in written] == [".md"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [written[0].name]
    assert "## Measurements" not in written[0].read_text()


def test_it_says_what_a_reader_must_know(make_run: Make, record: Make_record) -> None:
    data = {"name": "x", "notes": {"labels": "guessed"}, "prominent": ["labels"], "test": 5}
    probes = {"fair": ProbeRow("failed", "k", "KeyError: x"), "explain": ProbeRow("not applicable", "k", "no")}
    run = make_run(
        record(data=data, probes=probes, machine_busy=True),
        record(seed=1, status="failed", reason="ValueError: oh | no\n  at line 3", metrics=(), probes={}),
    )
    text = short_report(run)
    known = text[text.index("## What to know") : text.index("## How it was made")]
    assert known.count("\n- ") == 5
    for words in (
        "Incomplete: ",
        "**failed**: imdb, minilm, seed 1: ValueError: oh \\| no at line 3",
        "**failed**: probe fair in imdb, minilm, seed 0: KeyError: x",
        "Data of imdb: labels: guessed",
        "busy with other work during 1 of 2 cells",
    ):
        assert words in known, words


def test_many_rows_failures_and_verdicts_are_cut_and_counted(make_run: Make, record: Make_record) -> None:
    models = [record(model=f"m{number:02d}", accuracy=0.99 - number / 100) for number in range(MAX_ROWS + 3)]
    broken = [record(model=f"x{number}", status="failed", reason=f"E{number}", metrics=()) for number in range(10)]
    run = make_run(*models, *broken, gate=FACTS["gate"])
    text = short_report(run)
    assert f"3 more rows: `bench report {run.name} --full` shows all of them." in text
    assert "2 more failures" in text
    assert "13 more verdicts, none worse." in text
    assert "m22" not in text[text.index("## Results") : text.index("## What to know")]


def test_a_run_with_a_baseline_names_it_and_what_differs(make_run: Make, record: Make_record) -> None:
    base = make_run(record(half_width=0.001), **FACTS)
    set_baseline(Store(base.path.parent), base)
    run = make_run(record(accuracy=0.95, half_width=0.001), record(model="new"), **FACTS)
    text = short_report(run)
    assert f"Compared with the baseline `{base.name}`." in text
    assert "− baseline run" in text
    assert "- not compared: imdb, new" in text
    assert f"`bench compare baseline {run.name}`" in text
    assert "later runs are compared with it" in short_report(base)


def test_runs_without_results_have_a_short_report(make_run: Make, record: Make_record) -> None:
    assert "No cell has succeeded." in short_report(make_run(cells=6, **FACTS))
    smoke = short_report(make_run(record(smoke=True), smoke=True))
    assert "> **Smoke run**" in smoke
    assert "A smoke run is neither judged nor compared." in smoke
    bare = make_run()
    (bare.path / "run.json").write_text(f'{{"run": "{bare.name}", "suite": "nlp", "started": "2026"}}')
    assert short_report(Run(bare.path)).startswith("# nlp\n")


def test_several_runs_are_one_page_with_one_title_contents_and_targets_of_their_own(
    make_run: Make, record: Make_record, tmp_path: Path
) -> None:
    runs = [make_run(record(), title="Same | title", suite=suite) for suite in ("one", "two")]
    for short in (True, False):
        [path] = write_report(runs, tmp_path / f"{short}.md", short=short)
        text = path.read_text()
        assert [line for line in headings(text) if line.startswith("# ")] == ["# Reports of 2 runs"]
        assert headings(text).count("## Same \\| title") == 2
        assert headings(text).count("#### imdb – imdb-25k") >= 2
        page = MARKDOWN.render(text)
        targets = re.findall(r'<a id="([^"]+)">', page)
        assert len(set(targets)) == len(targets) == 2
        assert re.findall(r'<a href="#([^"]+)">', page) == targets


def test_hostile_names_render_as_themselves_and_break_nothing(make_run: Make, record: Make_record) -> None:
    hostile = "# a|b`c`<script>alert(1)</script>\n- d **e** [f](g) <!-- h --> @octocat #1 www.x.example \u202eevil"
    flat = " ".join(hostile.split()).replace("\u202e", "⟨U+202E⟩")
    finding_free = make_run(
        record(task=hostile, model=hostile, probes={hostile: ProbeRow("failed", "k", hostile)}),
        record(task=hostile, model="x", seed=1, status="failed", reason=hostile, metrics=()),
        record(task=hostile, model="y", data={"name": hostile, "source": hostile, "notes": {hostile: hostile},
                                              "prominent": [hostile]}),
        title=hostile, description=hostile, command=hostile, overrides=[hostile],
        gate={"quality/accuracy": {"min": 0.99}}, git={"commit": hostile, "branch": hostile},
    )  # fmt: skip
    page = MARKDOWN.render(short_report(finding_free))
    outside_code = re.sub(r"<code.*?</code>", "", page, flags=re.DOTALL)
    assert "<script" not in page
    assert "<!--" not in page
    assert "\u202e" not in page
    assert "@octocat" not in outside_code
    assert page.replace("\u200b", "").count(html.escape(flat, quote=False)) >= 5
    assert len(re.findall(r"<h1>", page)) == 1
    assert len(re.findall(r"<a ", page)) == 0
