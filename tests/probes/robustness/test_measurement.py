"""The probe as a suite runs it: what applies where, what is refused before training, and the same numbers each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_suite import run
from bench_suite.components import discovery
from bench_suite.contracts import OptionError
from bench_suite.probes import robustness
from bench_suite.suite.document import SuiteError
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

TASKS = {
    "images": '[[tasks]]\nuse = "planted_pixels"\nsize = 200\n[[models]]\nuse = "mlp"\ntrain = { epochs = 1 }\n',
    "texts": '[[tasks]]\nuse = "planted_terms"\nsize = 20\n[[models]]\nuse = "planted_words"\n',
    "tables": '[[tasks]]\nuse = "planted_groups"\n[[models]]\nuse = "planted_rule"\n',
    "numbers": '[[tasks]]\nuse = "planted_line"\n[[models]]\nuse = "planted_rule"\n',
}


def suite(folder: Path, kind: str, probe: str = "") -> Path:
    path = folder / f"{kind}.toml"
    path.write_text(f"{TASKS[kind]}\n[matrix]\nthreads = 1\n[probes.robustness]\n{probe}\n", encoding="utf-8")
    return path


def rows(folder: Path, kind: str, probe: str = "") -> dict[tuple, object]:
    (record,) = run(suite(folder, kind, probe), results=folder / "results").records
    assert record.status == "ok", record.reason
    assert record.probes["robustness"].status == "ok", record.probes["robustness"].reason
    return {(row.name.partition("/")[2], *row.at.values()): row for row in record.metrics}


@pytest.mark.parametrize(
    ("kind", "known", "mean"),
    [
        ("images", {("accuracy", "rotation", 3), ("flip_rate", "shift_left")}, "mean_corruption_error"),
        ("texts", {("accuracy", "typos", 3), ("flip_rate", "upper_case")}, "mean_corruption_error"),
        ("tables", {("accuracy", "units", 3), ("flip_rate", "rounded")}, "mean_corruption_error"),
        ("numbers", {("rmse", "noise", 3), ("flip_rate",)}, "mean_corruption_rmse"),
    ],
)
def test_it_applies_to_every_modality_and_to_regressions(tmp_path, kind, known, mean):
    measured = rows(tmp_path, kind, "severities = [3]\nexamples = 30")
    assert known | {(mean,)} <= set(measured)
    assert all(row.value is not None or row.reason for row in measured.values())


def test_two_runs_have_the_same_numbers(tmp_path):
    probe = "severities = [1, 5]\nexamples = 20\nradii = [0.1]\nattacked = 20\nsteps = 3\nqueries = 20"
    first, second = (rows(tmp_path / name, "images", probe) for name in folders(tmp_path))
    assert first == second
    assert first["robust_accuracy", 0.1].value is not None


def folders(tmp_path: Path) -> list[str]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return ["one", "two"]


def test_a_reference_gives_relative_errors_of_the_run(tmp_path):
    path = suite(tmp_path, "tables", 'severities = [3]\nreference = "planted_rule"')
    done = run(path, results=tmp_path / "results")
    metrics, artifacts = done.run.summaries()
    assert {row.name for row in metrics} == {
        "robustness/relative_corruption_error", "robustness/mean_relative_corruption_error"
    }  # fmt: skip
    assert [row.name for row in artifacts] == ["robustness/relative"]


REFUSED = [
    ("images", 'corruptions = ["blur", "typos"]', "typos.*needs texts"),
    ("texts", 'corruptions = ["jpeg"]', "needs images"),
    ("tables", 'forms = ["synonyms"]', "needs texts"),
    ("tables", 'corruptions = ["nois"]', "noise"),
    ("tables", 'reference = "planted_rul"', "planted_rule"),
    ("tables", "severities = [0]", "1"),
    ("tables", "severities = [6]", "5"),
]


@pytest.mark.parametrize(("kind", "probe", "message"), REFUSED)
def test_what_cannot_apply_is_refused_with_its_line_before_anything_is_trained(tmp_path, kind, probe, message):
    path = suite(tmp_path, kind, probe)
    with pytest.raises(SuiteError, match=rf"(?s)robustness.*{message}|{message}.*robustness"):
        make_plan(read_suite(str(path)))


@pytest.mark.parametrize(
    ("options", "key", "message"),
    [
        ({"radii": (8.0,)}, "radii", "0.03137"),
        ({"radii": (0.01, 2.0)}, "radii", "0.007843"),
        ({"radii": (255.0,)}, "radii", "for 255 of 255 levels write 1"),
        ({"radii": (300.0,)}, "radii", "at most 1; a pixel has only 255 levels, so no share stands for 300 of them"),
        ({"radii": (0.0,)}, "radii", "changes nothing"),
        ({"radii": (0.1,), "attacks": ()}, "attacks", "attacks is empty"),
        ({"severities": ()}, "severities", "empty"),
        ({"corruptions": "none", "forms": "none"}, "corruptions", "nothing would be measured"),
        ({"corruptions": (), "forms": ()}, "corruptions", "nothing would be measured"),
    ],
)
def test_radii_of_another_scale_and_options_that_measure_nothing_are_refused_with_what_is_right(options, key, message):
    with pytest.raises(OptionError, match=message) as error:
        robustness.check(robustness.Options(**options))
    assert error.value.key == (key,)


def test_attacks_alone_and_the_defaults_are_accepted():
    robustness.check(robustness.Options())
    robustness.check(robustness.Options(corruptions="none", forms="none", radii=(0.1, 1.0)))


def test_the_radius_is_refused_at_its_line_before_training(tmp_path):
    with pytest.raises(SuiteError, match=r"0\.03137") as error:
        run(suite(tmp_path, "images", "radii = [8]"), results=tmp_path / "results")
    assert "radii" in str(error.value)
    assert not list((tmp_path / "results").glob("*/records/*"))


def test_the_summary_needs_no_torch():
    import subprocess
    import sys

    code = "import sys; from bench_suite.probes import robustness; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert ended.stdout.strip() == "False"


def test_the_defaults_attack_nothing_and_a_smoke_run_is_small(tmp_path):
    probe = discovery.find("probes", "robustness", tmp_path)
    assert probe.options["radii"].default == ()
    assert probe.facts["SMOKE"]["examples"] <= 64
    assert json.dumps(probe.facts["METRICS"])
