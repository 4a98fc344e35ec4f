"""The server shows a run to whoever has its address, and nothing to anybody else."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import re
import runpy
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_suite.contracts import ArtifactRow
from bench_suite.reports.html import page as pages
from bench_suite.reports.watch.server import MAX_SHARE, PageServer, ServerError
from bench_suite.store.runs import Run


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


class Client:
    """Sends requests to a server that runs in a thread."""

    def __init__(self, server: PageServer) -> None:
        self.server = server

    def raw(self, request: bytes) -> Answer:
        """Send bytes, which need be no request, and return the answer."""
        with socket.create_connection(("127.0.0.1", self.server.server_port)) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection, method=request.split(b" ")[0].decode("ascii", "replace"))
            response.begin()
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())

    def ask(self, target: str, *, method: str = "GET", host: str | None = None, more: str = "") -> Answer:
        """Request a target as it is written, below the token if it does not begin with a slash."""
        target = target if target.startswith(("/", "http:", "*")) else f"/{self.server.token}/{target}"
        host = f"Host: 127.0.0.1:{self.server.server_port}\r\n" if host is None else host
        return self.raw(f"{method} {target} HTTP/1.1\r\n{host}{more}\r\n".encode())


Serve = Callable[[Run], Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that serves a run in a thread until the test ends."""
    with contextlib.ExitStack() as stack:

        def start(path: Path) -> Client:
            server = stack.enter_context(PageServer(path))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return Client(server)

        yield lambda run: start(getattr(run, "path", run))


@pytest.fixture
def client(serve: Serve, make_run, record) -> Client:
    """Return a client of the page of a run with predictions and a traceback."""
    run = make_run(record(id="a", artifacts=(ArtifactRow("predictions/test", "predictions", "x"),)))
    run.write_text("cells/a/predictions-test.parquet", "PAR1")
    run.write_text("cells/a/traceback-cell.txt", "Traceback <b>")
    run.write_text("cells/a/quality/table.json", "{}")
    run.write_text("cells/a/quality/a=b.png", "PNG")
    run.write_text("summaries/quality/all.png", "PNG")
    run.write_text("secret.txt", "secret")
    return serve(run)


def text_of(page: str) -> str:
    """Return the text of a page, in which no character reference is left, without scripts and styles."""
    texts: list[str] = []

    class Parser(HTMLParser):
        inside = ""

        def handle_starttag(self, tag, attrs):
            self.inside = tag

        def handle_data(self, data):
            if self.inside not in ("script", "style"):
                texts.append(data)

    Parser().feed(page)
    return "".join(texts)


# ── what is served ──────────────────────────────────────────────────────────────────────────────


def test_a_real_run_is_shown_from_its_first_cell_to_its_end(serve: Serve, live_run) -> None:
    client = serve(live_run.path)

    def progress() -> dict:
        return json.loads(client.ask("progress").content)

    live_run.wait_for(lambda: any(cell["step"] == "training" for cell in progress()["running"]))
    first, page = progress(), client.ask("").text
    (cell,) = first["running"]
    assert (first["planned"], first["done"], first["failed"], first["is_running"]) == (3, 0, 0, True)
    assert (cell["name"].startswith("loans, waits"), cell["alive"]) == (True, True)
    assert (first["driver"]["process"], first["driver"]["alive"]) == (live_run.process.pid, True)
    assert "None of the 3 cells has been recorded" in text_of(page)
    assert f'data-version="{first["version"]}"' in page

    assert live_run.end() == 3
    last, page = progress(), client.ask("").text
    assert (last["planned"], last["done"], last["failed"], last["is_running"]) == (3, 3, 1, False)
    assert (last["running"], last["driver"], last["seconds_left"]) == ([], None, None)
    assert last["version"] != first["version"]
    assert f'data-version="{last["version"]}"' in page
    (failure,) = last["failures"]
    assert failure["result"].startswith("ValueError: the model says")
    (address,) = failure["tracebacks"]
    assert "ValueError: the model says" in client.ask(address).text
    # The title and the error of the suite are text, wherever they are.
    assert "<script>alert" not in page
    assert """Run of <script>alert(1)</script> "quoted" & 'so'""" in text_of(page)


def test_the_page_is_under_a_policy_for_exactly_its_own_programs(client: Client) -> None:
    answer = client.ask("")
    policy = answer.headers["content-security-policy"]
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert policy == f"{pages.policy(live=True)}; frame-ancestors 'none'"
    assert pages.policy(live=True) in answer.text.replace("&#39;", "'")
    assert ("connect-src 'self'" in policy, "unsafe" in policy) == (True, False)
    assert len(re.findall("'sha256-", policy)) == len(re.findall("<script>|<style>", answer.text)) == 3


def test_a_page_on_disk_has_no_live_part(make_run, record) -> None:
    page = pages.page([make_run(record())])
    assert ('id="live"' in page, "fetch(" in page, "connect-src" in page) == (False, False, False)


@pytest.mark.parametrize(
    "target", ["", "progress", "examples", "cells/a/predictions-test.parquet", "nothing", "/", "/wrong/"]
)
def test_every_answer_keeps_its_content_to_itself(client: Client, target: str) -> None:
    headers = client.ask(target).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    wanted = {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "cross-origin-resource-policy": "same-origin",
    }
    assert {name: headers.get(name) for name in wanted} == wanted
    assert "set-cookie" not in headers
    assert client.server.token not in str(headers)


@pytest.mark.parametrize(
    ("address", "kind", "content"),
    [
        ("cells/a/predictions-test.parquet", "application/vnd.apache.parquet", b"PAR1"),
        ("cells/a/traceback-cell.txt", "text/plain; charset=utf-8", b"Traceback <b>"),
        ("cells/a/quality/a%3Db.png", "image/png", b"PNG"),
        ("summaries/quality/all.png", "image/png", b"PNG"),
    ],
)
def test_files_that_the_page_links_to_are_served(client: Client, address: str, kind: str, content: bytes) -> None:
    answer = client.ask(address)
    assert (answer.status, answer.headers["content-type"], answer.content) == (200, kind, content)
    assert client.ask(f"{address}?x=1").content == content


def test_a_head_has_the_headers_of_a_get_and_no_content(client: Client) -> None:
    for target in ("", "progress", "cells/a/traceback-cell.txt"):
        get, head = client.ask(target), client.ask(target, method="HEAD")
        assert (head.status, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(get.content))


def test_the_page_is_made_again_only_if_the_results_have_changed(serve: Serve, make_run, record, monkeypatch) -> None:
    versions: list[str] = []
    make = pages.page
    monkeypatch.setattr(
        pages, "page", lambda *args, **options: versions.append(options["version"]) or make(*args, **options)
    )
    run = make_run(record())
    client = serve(run)
    assert client.ask("").text == client.ask("").text
    assert len(versions) == 1
    with run.writer() as writer:
        writer.write(record(model="another"))
    assert "another" in client.ask("").text
    assert len({*versions}) == 2


def test_examples_are_those_of_the_ended_cells_and_made_when_somebody_asks_and_the_results_changed(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "example_runs.py")))
    data, options = functions.load("digits")
    models = {"first": functions.wrong_answers(data, {3: 0.8}, 10)}
    run = functions.example_run(tmp_path, "digits", models, data=data, options=options)
    pages_made: list[str] = []
    make = pages.examples_page
    monkeypatch.setattr(
        pages, "examples_page", lambda *args, **options: pages_made.append("made") or make(*args, **options)
    )
    client = serve(run)
    assert '<a href="examples">' in client.ask("").text
    assert pages_made == []
    answer = client.ask("examples")
    policy = answer.headers["content-security-policy"]
    assert policy == f"{pages.examples_policy()}; frame-ancestors 'none'"
    assert (answer.headers["content-type"], "unsafe" in policy, "connect-src" in policy) == (
        "text/html; charset=utf-8", False, False,
    )  # fmt: skip
    assert len(re.findall("'sha256-", policy)) == len(re.findall("<script>|<style>", answer.text)) == 2
    assert f"Example <code>{data.splits['test'].ids[3]}</code>" in answer.text
    assert client.ask("examples").content == answer.content
    assert pages_made == ["made"]
    record = run.records()[0]
    with run.writer() as writer:
        writer.write(dataclasses.replace(record, id="f" * 16, cell={**record.cell, "model": "second"}))
    assert ">second</a>" in client.ask("examples").text
    assert pages_made == ["made"] * 2


def test_examples_without_predictions_say_so_and_have_no_link(serve: Serve, make_run, record) -> None:
    client = serve(make_run(record()))
    assert 'href="examples"' not in client.ask("").text
    assert "No cell with predictions has ended yet." in client.ask("examples").text


def test_a_run_that_goes_on_announces_new_results_only_after_some_time(serve: Serve, make_run, record) -> None:
    run = make_run(record())
    client = serve(run)
    with run.lock():
        page = client.ask("").text
        (shown,) = re.findall('data-version="(.*?)"', page)
        with run.writer() as writer:
            writer.write(record(seed=1))
        progress = json.loads(client.ask("progress").content)
        assert (progress["done"], progress["version"]) == (2, shown)
        client.server._page_ended -= client.server._page_seconds / MAX_SHARE + 10
        assert json.loads(client.ask("progress").content)["version"] != shown
    assert json.loads(client.ask("progress").content)["version"] != shown


def test_a_run_in_a_folder_that_cannot_be_written_is_shown(serve: Serve, make_run, record) -> None:
    run = make_run(record(model="<i>hostile</i>"))
    folders = [run.path, *(path for path in run.path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        before = sorted(run.path.rglob("*"))
        client = serve(run)
        page = client.ask("").text
        assert ("<i>hostile" in page, "<i>hostile</i>" in text_of(page)) == (False, True)
        assert client.ask("progress").status == 200
        assert sorted(run.path.rglob("*")) == before
    finally:
        for folder in folders:
            folder.chmod(0o700)


# ── what is refused ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "target", ["/", "/progress", "//", "/{token}x/", "/{short}/", "/{token}é/", "/%00/", "/open/", "/open/x"]
)
def test_a_request_without_the_token_is_refused(client: Client, target: str) -> None:
    token = client.server.token
    answer = client.ask(target.format(token=token, short=token[:-1]))
    assert (answer.status, b"<" in answer.content) == (403, False)


@pytest.mark.parametrize(
    "host",
    [
        "", "Host: evil.example\r\n", "Host: 127.0.0.1\r\n", "Host: 127.0.0.1:1\r\n",
        "Host: 127.0.0.1:{port}.evil.example\r\n",
        "Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n", "Host: 0.0.0.0:{port}\r\n", "Host: \r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", ["", "progress", "cells/a/traceback-cell.txt"])
def test_a_request_to_another_host_is_refused_although_it_has_the_token(client: Client, host: str, target: str) -> None:
    assert client.ask(target, host=host.format(port=client.server.server_port)).status == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_this_machine_is_a_host(client: Client, name: str) -> None:
    assert client.ask("", host=f"Host: {name}:{client.server.server_port}\r\n").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "X"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    answer = client.ask("", method=method, more="Content-Length: 0\r\n")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "address",
    [
        "run.json", "secret.txt", "records/00001.jsonl", "summaries.json", "cells/a/quality/table.json",
        "cells/a/", "cells",
        "driver.json", "../secret.txt", "cells/../secret.txt", "cells/a/../../secret.txt", "cells/%2e%2e/secret.txt",
        "..%2fsecret.txt", "cells/a/%2e%2e%2f%2e%2e%2fsecret.txt", "cells/a\\..\\..\\secret.txt",
        "cells//a/traceback-cell.txt",
        "/etc/passwd", "%2fetc%2fpasswd", "cells/a/traceback-cell.txt%00.parquet", "cells/a/traceback-%ff.txt",
        "cells/a/traceback-..%2f..%2fsecret.txt", "cells/./a/traceback-cell.txt", "cells/b/traceback-cell.txt",
        "cells/a/traceback-cell.txt%0a", "summaries/../cells/a/quality/a=b.png", "cells/a/traceback-é.txt",
    ],
)  # fmt: skip
def test_no_other_file_is_served(client: Client, address: str) -> None:
    token = client.server.token
    answer = client.ask(f"/{token}/{address}")
    assert answer.status == 404
    assert b"secret" not in answer.content


def test_links_out_of_the_run_and_what_is_no_file_are_not_served(serve: Serve, make_run, record, tmp_path) -> None:
    run = make_run(record(id="a"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "traceback-cell.txt").write_text("secret")
    (run.path / "cells" / "a").mkdir(parents=True)
    (run.path / "cells" / "a" / "traceback-cell.txt").symlink_to(outside / "traceback-cell.txt")
    (run.path / "cells" / "b").symlink_to(outside)
    os.mkfifo(run.path / "cells" / "a" / "traceback-pipe.txt")
    (run.path / "cells" / "a" / "traceback-folder.txt").mkdir()
    client = serve(run)
    names = ("a/traceback-cell", "b/traceback-cell", "a/traceback-pipe", "a/traceback-folder")
    assert [client.ask(f"cells/{name}.txt").status for name in names] == [404] * 4


def test_a_run_in_a_folder_behind_a_link_is_served(serve: Serve, make_run, record, tmp_path) -> None:
    run = make_run(record(id="a"))
    run.write_text("cells/a/traceback-cell.txt", "Traceback")
    (tmp_path / "link").symlink_to(run.path)
    assert serve(tmp_path / "link").ask("cells/a/traceback-cell.txt").text == "Traceback"


@pytest.mark.parametrize(
    "request_text", ["GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x00\x01 \x02 HTTP/1.1\r\n\r\n", f"GET /{'x' * 70000}"]
)
def test_what_is_no_request_is_refused_and_the_server_goes_on(client: Client, request_text: str, capsys) -> None:
    with contextlib.suppress(http.client.HTTPException, ConnectionError):  # HTTP/0.9 has no status
        assert client.raw(request_text.encode()).status >= 400
    assert client.ask("").status == 200
    assert capsys.readouterr() == ("", "")


def test_a_run_that_was_removed_is_reported_and_the_server_goes_on(serve: Serve, make_run, record) -> None:
    run = make_run(record())
    client = serve(run)
    info = (run.path / "run.json").read_bytes()
    (run.path / "run.json").unlink()
    assert (client.ask("").status, client.ask("progress").status) == (503, 503)
    (run.path / "run.json").write_bytes(info)
    assert client.ask("progress").status == 200


# ── addresses ───────────────────────────────────────────────────────────────────────────────────


def test_the_address_for_a_browser_leads_to_the_page_once(client: Client) -> None:
    once = client.server.url_once().removeprefix(f"http://127.0.0.1:{client.server.server_port}")
    assert client.server.token not in once
    first = client.ask(once)
    assert (first.status, first.headers["location"]) == (303, f"/{client.server.token}/")
    assert client.ask(once).status == 403


def test_the_server_listens_on_the_loopback_interface_with_a_long_secret(client: Client) -> None:
    server = client.server
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/{server.token}/"
    assert len(server.token) >= 43
    assert not re.search(r"[^\w-]", server.token)


def test_a_port_that_is_taken_is_an_error_that_names_it(client: Client) -> None:
    port = client.server.server_port
    with pytest.raises(ServerError, match=rf"port {port} of 127\.0\.0\.1 cannot be used: .*\n  choose another one"):
        PageServer(client.server._watched.path, port)
