"""`bench export`: the formats of a run, the file, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench_suite.cli.export import run_exporters
from bench_suite.components import discovery
from bench_suite.contracts import MetricRow

TIMING = MetricRow("throughput/train", 50.0, "samples/s", "higher", samples=(50.0, 100.0), timing=True)
ACCURACY = MetricRow("quality/accuracy", 0.9, "fraction", "higher")


@pytest.fixture
def other_exporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that installs an exporter `notebook` with some source, as another distribution would."""

    def install(source: str) -> None:
        folder = tmp_path / "installed"
        folder.mkdir()
        (folder / "notebook_exporter.py").write_text(f'"""Write a notebook."""\n{source}\n')
        monkeypatch.syspath_prepend(folder)
        mine = {"exporters": {"notebook": "notebook_exporter"}}
        monkeypatch.setattr(discovery, "installed", lambda kind: mine.get(kind, {}))
        monkeypatch.delitem(sys.modules, "notebook_exporter", raising=False)

    return install


def test_only_exporters_of_a_run_are_offered(bench) -> None:
    names = [exporter.name for exporter in run_exporters()]
    assert "pytest_benchmark" in names
    listed = bench("export", "--format")
    assert listed.status == 0
    assert [line.split("  ")[0] for line in listed.out.split("\n\n")[0].splitlines()] == [
        name.replace("_", "-") for name in names
    ]


def test_the_newest_run_is_written_to_a_file_or_to_the_output(bench, history_runs, tmp_path: Path) -> None:
    history_runs.add([TIMING], model="cnn")
    run = history_runs.add([TIMING], smoke=False)
    ended = bench("export", "--format", "pytest_benchmark", "--output", "out/t.json")
    assert (ended.status, ended.out) == (0, f"{run.name} written to out/t.json\n"), ended.err
    document = json.loads((tmp_path / "out" / "t.json").read_text())
    assert document == json.loads(bench("export", run.name, "--format", "pytest-benchmark").out)
    (entry,) = document["benchmarks"]
    assert (entry["fullname"], entry["stats"]["data"]) == ("ci::digits-mlp-seed0[throughput/train]", [0.02, 0.01])
    assert document["commit_info"]["id"] == history_runs.commit(2)
    assert document["machine_info"]["cpu"] == {"brand_raw": "a processor"}
    assert document["datetime"] == run.info["started"]


def test_a_run_without_timings_and_a_smoke_run_are_refused(bench, history_runs, tmp_path: Path) -> None:
    untimed = history_runs.add([ACCURACY])
    ended = bench("export", untimed.name, "--format", "pytest-benchmark")
    assert (ended.status, "has no timings" in ended.err, ended.out) == (2, True, "")
    assert "add [probes.throughput]" in ended.err
    smoke = history_runs.add([TIMING], smoke=True)
    ended = bench("export", smoke.name, "--format", "pytest-benchmark", "--output", "x.json")
    assert (ended.status, "is a smoke run" in ended.err) == (2, True)
    assert not (tmp_path / "x.json").exists()


def test_an_unknown_format_names_the_known_ones(bench, history_runs) -> None:
    run = history_runs.add([TIMING])
    for words in (("--format", "pytest-benchmrk"), ("--format", "evaluate"), ()):
        ended = bench("export", run.name, *words)
        assert (ended.status, "pytest-benchmark" in ended.err) == (2, True)
    assert "did you mean" in bench("export", run.name, "--format", "pytest-benchmrk").err


def test_an_exporter_may_write_by_itself_and_has_options(bench, history_runs, other_exporter) -> None:
    other_exporter(
        "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Options:\n"
        '    title: str = "none"\n    "Title."\n    pages: int = 1\n    "Pages."\n\n\n'
        "def export_to(run, target, options):\n    return f'{target} of {run.name}: {options}'"
    )
    run = history_runs.add([TIMING])
    ended = bench(
        "export", "--format", "notebook", "--output", "http://host:5000", "--set", "title=2026", "--set", "pages=2"
    )
    assert ended.err == ""
    assert ended.out == (f"{run.name} written to http://host:5000 of {run.name}: Options(title='2026', pages=2)\n")
    assert "written to None of" in bench("export", "--format", "notebook").out


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ("page=2", "has no option 'page'; did you mean \"pages\"? (options: pages)"),
        ("pages=many", '--set pages=many: "many" is not an integer'),
        ("pages", "--set pages is not OPTION=VALUE"),
    ],
)
def test_a_wrong_option_is_refused(bench, history_runs, other_exporter, setting: str, error: str) -> None:
    other_exporter(
        "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Options:\n"
        '    pages: int = 1\n    "Pages."\n\n\ndef export(run, options):\n    return b""'
    )
    history_runs.add([TIMING])
    ended = bench("export", "--format", "notebook", "--set", setting)
    assert (ended.status, ended.out) == (2, "")
    assert error in " ".join(ended.err.split())


def test_parts_are_written_one_after_another_and_never_a_half_file(
    bench, history_runs, other_exporter, tmp_path: Path
) -> None:
    other_exporter(
        'SUFFIXES = (".nb",)\n\n\ndef export(run):\n    yield b"one "\n    yield b"two"\n'
        '    if run.info["suite"] == "torn":\n        raise OSError(28, "No space left on device")'
    )
    run = history_runs.add([TIMING])
    assert bench("export", "--format", "notebook").out == "one two"
    assert bench("export", "--output", "run.nb").status == 0
    assert (tmp_path / "run.nb").read_bytes() == b"one two"
    assert bench("export", "--output", "folder/", "--format", "notebook").out.endswith(f"folder/{run.name}.nb\n")
    history_runs.add([TIMING], suite="torn")
    ended = bench("export", "--output", "run.nb")
    assert (ended.status, "No space left" in ended.err) == (2, True)
    assert (tmp_path / "run.nb").read_bytes() == b"one two"
    assert [path.name for path in tmp_path.glob(".*.tmp")] == []


def test_a_package_that_is_not_installed_is_named(bench, history_runs, other_exporter) -> None:
    other_exporter('IMPORTS = ("no_such_package",)\n\n\ndef export(run):\n    return b""')
    history_runs.add([TIMING])
    ended = bench("export", "--format", "notebook")
    assert ended.status == 2
    assert "needs the package no_such_package" in ended.err
    assert "pip install no_such_package" in ended.err


def test_a_binary_format_is_kept_off_a_terminal(bench, history_runs, other_exporter, monkeypatch) -> None:
    other_exporter('BINARY = True\n\n\ndef export(run):\n    return b"\\x00"')
    history_runs.add([TIMING])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    ended = bench("export", "--format", "notebook")
    assert (ended.status, ended.out) == (2, "")
    assert "is a binary format" in ended.err


def test_the_end_of_the_file_chooses_the_format(bench, history_runs, tmp_path: Path) -> None:
    history_runs.add([TIMING])
    assert bench("export", "--output", "t.benchmark.json").status == 0
    assert json.loads((tmp_path / "t.benchmark.json").read_text())["benchmarks"]
    ended = bench("export", "--output", "t.unknown")
    assert (ended.status, "t.unknown names no format" in ended.err) == (2, True)


def test_a_base_is_refused_by_a_format_without_gates(bench, history_runs) -> None:
    run = history_runs.add([TIMING])
    ended = bench("export", "--format", "pytest-benchmark", "--against", run.name)
    assert (ended.status, "contains no gates" in ended.err) == (2, True)


def test_gates_are_judged_against_the_baseline_or_a_stated_base(bench, history_runs) -> None:
    gate = {"quality/accuracy": {"tolerance": 0.01}}
    base = history_runs.add([ACCURACY], gate=gate)
    head = history_runs.add([MetricRow("quality/accuracy", 0.9, "fraction", "higher")], gate=gate)
    alone = bench("export", head.name, "--format", "junit")
    assert (alone.status, "ci has no baseline" in alone.out) == (0, True)
    against = bench("export", head.name, "--format", "junit", "--against", base.name)
    assert f"gates against {base.name}" in against.out
    assert bench("baseline", "set", base.name).status == 0
    assert f"gates against {base.name}" in bench("export", head.name, "--format", "junit").out
    assert bench("export", head.name, "--format", "junit", "--against", "nothing").status == 2


def test_a_list_may_be_stated_with_commas(bench, history_runs) -> None:
    history_runs.add([ACCURACY, TIMING])
    names = bench("export", "--format", "latex", "--set", "columns=throughput/train,quality/accuracy").out
    assert names.index("throughput") < names.index("accuracy")
    same = bench("export", "--format", "latex", "--set", 'columns=["throughput/train", "quality/accuracy"]').out
    assert same == names
