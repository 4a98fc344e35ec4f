"""Errors of the hub about an unavailable data set become instructions for the user."""

from __future__ import annotations

import importlib.metadata
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.contracts import BenchError, DataInvalid, DataUnavailable
from bench_suite.data import hub
from bench_suite.data.class_names import class_names
from bench_suite.data.hub import HubRequest, cached, hub_command, load, unreachable, with_columns

datasets = pytest.importorskip("datasets", reason="needs the package `datasets` (extra `hub`)")
errors = pytest.importorskip("huggingface_hub.errors", reason="needs the package `huggingface_hub`")

REQUEST = HubRequest("owner/name", "emotion", not_found_locally="no folder $BENCH_DATA/owner/name")


@pytest.fixture(autouse=True)
def nothing_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    for name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[..., BenchError]:
    """Return the error that `load` raises if `load_dataset` raises this one, perhaps with another cause."""
    monkeypatch.setattr(hub, "unreachable", lambda: None)

    def explained(
        error: Exception, cause: Exception | None = None, request: HubRequest = REQUEST, **how: Any
    ) -> BenchError:
        def load_dataset(*arguments: Any, **options: Any) -> Any:
            raise error from cause

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        with pytest.raises(BenchError) as raised:
            load(request, **how)
        assert raised.value.exit_status == 3
        return raised.value

    return explained


def http(kind: str) -> Exception:
    """Return an error of `huggingface_hub` as for an answer of the hub; its constructors differ between versions."""
    error: Exception = getattr(errors, kind).__new__(getattr(errors, kind))
    error.args = (f"40x Client Error: {kind}",)
    return error


def test_a_data_set_that_does_not_exist_is_said_to_be_misspelt_or_private(raising: Callable[..., BenchError]) -> None:
    error = datasets.exceptions.DatasetNotFoundError(
        "Dataset 'owner/name' doesn't exist on the Hub or cannot be accessed."
    )
    explained = raising(error, http("RepositoryNotFoundError"))
    assert isinstance(explained, DataUnavailable)
    assert "the hub has no such data set, or it is private: check the spelling" in str(explained)


def test_a_gated_data_set_says_where_to_accept_its_terms_and_how_to_log_in(raising: Callable[..., BenchError]) -> None:
    message = "Dataset 'owner/name' is a gated dataset on the Hub. You must be authenticated to access it."
    for error, cause in (
        (datasets.exceptions.DatasetNotFoundError(message), http("GatedRepoError")),
        (http("GatedRepoError"), None),
    ):
        explained = raising(error, cause)
        assert isinstance(explained, DataUnavailable)
        assert "accept the terms on https://huggingface.co/datasets/owner/name" in str(explained)
        assert "`hf auth login`" in str(explained)


def test_a_revision_that_does_not_exist_is_named(raising: Callable[..., BenchError]) -> None:
    error = datasets.exceptions.DatasetNotFoundError("Revision 'v9' doesn't exist")
    explained = raising(error, http("RevisionNotFoundError"), HubRequest("owner/name", revision="v9"))
    assert "no revision `v9`" in str(explained)


@pytest.mark.parametrize(
    "error",
    [ConnectionError("Couldn't reach 'owner/name' on the Hub (LocalEntryNotFoundError)"), TimeoutError("timed out")],
)
def test_a_hub_that_does_not_answer_is_said_to_be_out_of_reach(
    raising: Callable[..., BenchError], error: Exception
) -> None:
    explained = raising(error)
    assert isinstance(explained, DataUnavailable)
    assert f"the hub cannot be reached: {error}" in str(explained)
    assert explained.command is not None
    assert explained.command.startswith("hf download --repo-type dataset owner/name")


def test_offline_is_said_to_be_why(raising: Callable[..., BenchError], monkeypatch: pytest.MonkeyPatch) -> None:
    error = ConnectionError("Couldn't reach 'owner/name' on the Hub (OfflineModeIsEnabled)")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "--offline, or HF_HUB_OFFLINE=1" in str(raising(error, errors.OfflineModeIsEnabled("offline"), offline=True))


def test_configurations_are_listed_where_one_must_be_chosen_or_is_misspelt(raising: Callable[..., BenchError]) -> None:
    missing = ValueError(
        "Config name is missing.\nPlease pick one among the available configs: ['emotion', 'irony']\n"
        "Example of usage:\n\t`load_dataset('name', 'emotion')`"
    )
    explained = raising(missing)
    assert isinstance(explained, DataInvalid)
    assert str(explained).endswith("it has: emotion, irony")
    explained = raising(
        ValueError("BuilderConfig 'emotoin' not found. Available: ['emotion', 'irony']"),
        None,
        HubRequest("o/n", "emotoin"),
    )
    assert str(explained) == 'o/n has no configuration `emotoin`; did you mean "emotion"? (it has: emotion, irony)'


def test_a_data_set_made_by_a_script_has_a_copy_that_needs_none(raising: Callable[..., BenchError]) -> None:
    explained = raising(RuntimeError("Dataset scripts are no longer supported, but found name.py"))
    assert 'revision = "refs/convert/parquet"' in str(explained)


def test_whatever_else_the_hub_says_is_passed_on_in_one_line(raising: Callable[..., BenchError]) -> None:
    assert "the hub did not serve it: no space left" in str(raising(OSError("no space left\nmore")))


def test_all_splits_come_with_the_names_of_their_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    part = datasets.Dataset.from_dict({"text": ["a"], "label": [1]}, features=features)
    monkeypatch.setattr(hub, "unreachable", lambda: None)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: datasets.DatasetDict(train=part, test=part))
    splits = load(HubRequest("owner/name"))
    assert [*splits] == ["train", "test"]
    assert splits["test"].origin == "hub:owner/name"
    assert class_names(splits["test"].table.schema.metadata, "label") == ("no", "yes")
    assert class_names(splits["test"].table.schema.metadata, "text") is None


PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_without_network_it_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    without_proxies(monkeypatch)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    hub._connection_error.cache_clear()
    with pytest.raises(DataUnavailable, match=r"no network, or no address for huggingface\.co"):
        load(REQUEST)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert unreachable() is None
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.invalid")  # this request bypasses the proxy
    assert unreachable() == "no network, or no address for mirror.invalid"


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_an_endpoint_that_takes_no_connection_is_tried_once_for_data_and_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bench_suite.pretrained.weights import find

    without_proxies(monkeypatch)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("tried"))
    connect, tried = socket.create_connection, []
    monkeypatch.setattr(socket, "create_connection", lambda *to, **how: tried.append(to) or connect(*to, **how))
    hub._connection_error.cache_clear()
    monkeypatch.setattr(hub, "RECHECK_SECONDS", 1e9)
    for ask in (
        lambda: load(REQUEST),
        lambda: load(HubRequest("owner/other")),
        lambda: find("owner/model", offline=False),
    ):
        with pytest.raises(DataUnavailable, match=r"cannot be reached: 127\.0\.0\.1 accepts no connection at port"):
            ask()
    assert len(tried) == 1


def test_an_endpoint_with_a_port_that_is_none_is_said_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror:none")
    without_proxies(monkeypatch)
    with pytest.raises(DataUnavailable, match="HF_ENDPOINT = 'https://mirror:none' has no valid port"):
        load(REQUEST)


BUSY = """
import http.server, os, threading, time
class Busy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_HEAD = do_GET
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
time.sleep = lambda _: None  # the library waits longer after each of its attempts
from bench_suite.contracts import DataUnavailable
from bench_suite.data.hub import HubRequest, HubUnreachable, load
from bench_suite.pretrained.weights import find
try: load(HubRequest("owner/name"))
except HubUnreachable as fault: print(fault)
try: find("owner/model")
except DataUnavailable as fault: print(fault)
"""


def test_a_hub_that_answers_with_an_error_of_its_own_is_said_to_with_its_number(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}
    ended = subprocess.run(
        [sys.executable, "-c", BUSY], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )
    message = "the hub answered with the error 503 (service unavailable): try again later, or use --offline"
    lines = [line for line in ended.stdout.splitlines() if message in line]
    assert [line.split(":")[0] for line in lines] == ["owner/name", "pretrained = 'owner/model'"]
    assert str(tmp_path) not in ended.stdout
    assert ended.stderr == ""


def test_the_real_library_offline_gives_one_message_and_prints_nothing(tmp_path: Path) -> None:
    code = (
        "from bench_suite.data.hub import HubRequest, load\nfrom bench_suite.contracts import DataUnavailable\n"
        "try: load(HubRequest('owner/name'))\nexcept DataUnavailable as fault: print(fault)"
    )
    environment = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "the hub is skipped (--offline, or HF_HUB_OFFLINE=1)" in ended.stdout
    assert "hf download --repo-type dataset owner/name" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("version", "program"),
    [("0.20.3", "huggingface-cli"), ("0.33.0", "huggingface-cli"), ("0.34.0", "hf"), ("2.4.0", "hf")],
)
def test_the_command_is_called_as_the_installed_version_calls_it(
    monkeypatch: pytest.MonkeyPatch, version: str, program: str
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    assert (
        hub_command("owner/name")
        == f'{program} download --repo-type dataset owner/name --local-dir "$BENCH_DATA/owner/name"'
    )
    assert hub_command("owner/name", "model").startswith(f"{program} download owner/name ")


def test_what_the_caches_hold_is_seen_by_names(tmp_path: Path) -> None:
    assert cached("owner/name") == []
    (tmp_path / "hf" / "hub" / "models--owner--name" / "snapshots" / "abc").mkdir(parents=True)
    assert cached("owner/name") == []
    assert len(cached("owner/name", "model")) == 1
    (tmp_path / "hf" / "datasets" / "owner___name" / "default").mkdir(parents=True)
    assert len(cached("owner/name")) == 1


def test_a_missing_column_is_named_with_the_nearest() -> None:
    with pytest.raises(DataInvalid, match=r'no column `lable`; did you mean "label"\? \(it has: text, label\)'):
        with_columns(pa.table({"text": ["a"], "label": [1]}), "owner/name", ("lable",))


def test_a_folder_where_the_program_runs_is_never_taken_for_the_hubs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "owner" / "name" / "train.csv").write_text("a,label\n1,0\n2,1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "unreachable", lambda: None)
    with pytest.raises(DataUnavailable, match="which `datasets` would read in its place: run from another folder"):
        hub.load(hub.HubRequest("owner/name", "train"))
