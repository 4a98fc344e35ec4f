"""`bench view`: the address of the page, and how the command ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import bench_suite
from bench_suite.cli import view
from bench_suite.reports.watch.server import PageServer
from bench_suite.store.runs import Run, Store


@pytest.fixture
def runs(bench) -> list[Run]:
    """Return two runs, the older one first."""
    created = [Store(Path("results")).create("s", {"title": title, "cells": 1}) for title in ("First", "Second")]
    return sorted(created, key=lambda run: (run.info["started"], run.name))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[PageServer]:
    """Return the servers that the command starts; each ends at once, as if Ctrl-C were pressed."""
    servers: list[PageServer] = []

    def serve(self: PageServer) -> None:
        servers.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", serve)
    return servers


def test_ctrl_c_ends_the_command_with_130_and_frees_the_port(tmp_path: Path) -> None:
    Store(tmp_path / "results").create("s", {"title": "A title", "cells": 1})
    environment = {**os.environ, "PYTHONPATH": str(Path(bench_suite.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench_suite", "view"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored, if tests run in the background
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/[\w-]{43}/", url)
    assert match is not None
    with urllib.request.urlopen(url) as answer:
        assert "<title>A title</title>" in answer.read().decode()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", int(match[1])))


@pytest.mark.parametrize(("arguments", "number"), [((), -1), (("{first}",), 0), (("results/{first}",), 0)])
def test_the_newest_run_is_shown_or_the_one_that_is_named(bench, runs, served, arguments, number) -> None:
    ended = bench("view", *(word.format(first=runs[0].name) for word in arguments))
    assert (ended.status, ended.out) == (130, f"{served[0].url}\n")
    assert f"the page of {runs[number].name}; Ctrl-C ends this command\n" in ended.err


def test_the_port_can_be_chosen_and_one_that_is_taken_is_named(bench, runs, served) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = bench("view", "--port", str(port))
        assert ended.status == 2
        assert f"bench: port {port} of 127.0.0.1 cannot be used: " in ended.err
    bench("view", "--port", str(port))
    assert served[0].server_port == port
    assert bench("view", "--port", "65536").status == 2


def test_the_browser_gets_an_address_that_works_once(bench, runs, served, monkeypatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(view.webbrowser, "open", opened.append)
    bench("view", "--open")
    (address,) = opened
    assert address.startswith(f"http://127.0.0.1:{served[0].server_port}/open/")
    assert served[0].token not in address


def test_without_runs_the_command_says_how_to_make_one(bench) -> None:
    ended = bench("view")
    assert ended.status == 2
    assert "contains no runs yet\n  make one with: bench run quickstart" in ended.err


def test_a_reference_that_is_no_model_is_refused(bench, runs) -> None:
    ended = bench("view", "--reference", "nothing")
    assert ended.status == 2
    assert "--reference nothing: there is no such model" in ended.err
