"""Serve the page of a run to this machine: only to those who know the address, and nothing that the page does not need.

The server listens on the loopback interface. Its addresses begin with a secret token instead of a cookie, since a
browser sends the cookies of one server to every other port of the same machine. A request must name this machine as its
host: otherwise a page from elsewhere could let its own name point here, and read the answers (DNS rebinding).
"""

from __future__ import annotations

import dataclasses
import hmac
import json
import os
import re
import secrets
import shutil
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from bench_suite.contracts import BenchError
from bench_suite.reports.html import page
from bench_suite.reports.watch.progress import Progress, WatchedRun
from bench_suite.store.runs import Run

HOST = "127.0.0.1"
MAX_SHARE = 0.05
"Share of one core that making the page takes at most, while the results of a run change again and again."
MIN_PAGE_SECONDS = 5.0
"Seconds between two pages at least, unless somebody reloads the page."
REQUEST_SECONDS = 10.0
"A request that has not arrived after this time is dropped."
FILE = re.compile(
    r"cells/N/predictions-N\.parquet|cells/N/traceback-N\.txt|(?:cells/N|summaries)/N/N\.png".replace("N", r"[\w=+-]+"),
    re.ASCII,
)
"Files of a run that are served: the store writes no other characters into their names."
_KINDS = {
    ".parquet": "application/vnd.apache.parquet",
    ".txt": "text/plain; charset=utf-8",
    ".png": "image/png",
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NO_CONTENT_ALLOWED = "default-src 'none'; frame-ancestors 'none'; sandbox"


class ServerError(BenchError):
    """A port that cannot be used."""


class PageServer(ThreadingHTTPServer):
    """The server of the page of one run."""

    daemon_threads = True
    block_on_close = False
    # Elsewhere the option lets two programs listen on one port.
    allow_reuse_address = os.name == "posix"

    def __init__(self, run: Path, port: int = 0, *, reference: str | None = None) -> None:
        """Listen, and answer nothing yet: see `serve_forever`.

        Args:
            run: the folder of the run.
            port: the port; 0 takes one that is free.
            reference: the model that the others are compared with, or `best`; default: that of the suite.

        Raises:
            StoreError: the folder is no run, or its `run.json` is damaged.
            ServerError: the port cannot be used.
        """
        self._watched = WatchedRun(run)
        self._reference = reference
        self._lock = threading.Lock()
        self._page_lock = threading.Lock()
        self._page = ("", b"")
        "The version of the results that the newest page shows, and the page."
        self._examples_lock = threading.Lock()
        self._examples = ("", b"")
        "The same for the page of the examples, which is made when somebody asks for it."
        self._page_seconds = self._page_ended = 0.0
        self.token = secrets.token_urlsafe(32)
        self._once: str | None = None
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            raise ServerError(
                f"port {port} of {HOST} cannot be used: {reason}\n  choose another one, or leave out --port"
            ) from error
        self.hosts = frozenset(f"{name}:{self.server_port}" for name in (HOST, "localhost", "[::1]"))

    def server_bind(self) -> None:
        """Bind the port without looking up the name of this machine, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(self.allow_reuse_address))
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    @property
    def url(self) -> str:
        """The address of the page, with the token."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def url_once(self) -> str:
        """Return an address that leads to the page once: other users of this machine see the arguments of a browser."""
        self._once = secrets.token_urlsafe(32)
        return f"http://{HOST}:{self.server_port}/open/{self._once}"

    def takes_once(self, key: str) -> bool:
        """Return whether `key` is that of `url_once`, which then is used up."""
        with self._lock:
            expected, same = self._once, self._once is not None and _equals(key, self._once)
            self._once = None if same else expected
            return same

    def page(self) -> bytes:
        """Return the page; it is made only if the results have changed since the last one.

        Raises:
            StoreError: the run cannot be read any more.
        """
        with self._page_lock:
            version = self._watched.version()
            if version != self._page[0]:
                began = time.monotonic()
                with self._lock:
                    run = self._watched.run()
                text = page.page([run], run.path, reference=self._reference, live=True, version=version)
                self._page = version, text.encode("utf-8", "replace")
                self._page_ended = time.monotonic()
                self._page_seconds = self._page_ended - began
            return self._page[1]

    def examples(self) -> bytes:
        """Return the page of the examples; it is made only if the results have changed since the last one.

        Raises:
            StoreError: the run cannot be read any more.
        """
        with self._examples_lock:
            version = self._watched.version()
            if version != self._examples[0]:
                # A run of its own: the other page may be made at the same time.
                run = Run(self._watched.path, read_only=True)
                text = page.examples_page(run, reference=self._reference)
                self._examples = version, text.encode("utf-8", "replace")
            return self._examples[1]

    def progress(self) -> dict[str, Any]:
        """Return the progress of the run as JSON.

        `version` is that of the newest page for some time after it was made, although the results have changed since:
        the browser would reload the page, and the machine is there for the run.

        Raises:
            StoreError: the run cannot be read any more.
        """
        with self._lock:
            progress = self._watched.progress()
        waits = progress.is_running and time.monotonic() - self._page_ended < max(
            MIN_PAGE_SECONDS, self._page_seconds / MAX_SHARE
        )
        version = self._page[0] if waits and self._page[0] else progress.version
        return {"schema": 1, **_as_json(progress), "version": version, "is_running": progress.is_running}

    def file(self, address: str) -> IO[bytes] | None:
        """Return a file of the run that the page links to, open; None if there is none that may be served.

        Args:
            address: its path in the folder of the run.
        """
        if not FILE.fullmatch(address):
            return None
        folder = os.path.realpath(self._watched.path)
        path = os.path.join(folder, *address.split("/"))
        if os.path.realpath(path) != path or not os.path.isfile(path):  # a link may lead anywhere
            return None
        try:
            return open(path, "rb")
        except OSError:
            return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of an error of the program; a browser that goes away, or does not go on, is none."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request, and closes the connection."""

    server: PageServer
    server_version, sys_version = "bench", ""
    timeout = REQUEST_SECONDS

    def do_GET(self) -> None:
        """Answer with the page, that of the examples, the progress, or a file of the run."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            self._refuse(403, "this server answers only to 127.0.0.1 and localhost")
            return
        path = self.path.partition("?")[0]
        if path.startswith("/open/") and self.server.takes_once(path.removeprefix("/open/")):
            self._answer(303, b"", {"Location": f"/{self.server.token}/"})
            return
        first, _, address = path.removeprefix("/").partition("/")
        if not path.startswith("/") or not _equals(first, self.server.token):
            self._refuse(403, "use the whole address that `bench view` has printed: it contains a secret")
            return
        try:
            self._serve(unquote(address, errors="strict"))
        except BenchError as error:
            self._refuse(503, f"the run cannot be read any more: {error}")
        except UnicodeDecodeError:
            self._refuse(404, "there is no such page")

    do_HEAD = do_GET

    def _serve(self, address: str) -> None:
        if address == "":
            policy = f"{page.policy(live=True)}; frame-ancestors 'none'"
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
            self._answer(200, self.server.page(), headers)
        elif address == "examples":
            policy = f"{page.examples_policy()}; frame-ancestors 'none'"
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
            self._answer(200, self.server.examples(), headers)
        elif address == "progress":
            content = json.dumps(self.server.progress(), allow_nan=False).encode()
            self._answer(200, content, {"Content-Type": "application/json"})
        elif (file := self.server.file(address)) is not None:
            with file:
                self._send_file(file, address)
        else:
            self._refuse(404, "there is no such page")

    def _send_file(self, file: IO[bytes], address: str) -> None:
        size = os.fstat(file.fileno()).st_size
        suffix = Path(address).suffix
        headers = {"Content-Type": _KINDS[suffix], "Content-Length": str(size)}
        if suffix == ".parquet":
            headers["Content-Disposition"] = f'attachment; filename="{address.replace("/", "-")}"'
        self._answer(200, None, headers)
        if self.command == "GET":
            shutil.copyfileobj(file, self.wfile)

    def _refuse(self, status: int, why: str) -> None:
        self._answer(status, f"{why}\n".encode("utf-8", "replace"), {"Content-Type": "text/plain; charset=utf-8"})

    def _answer(self, status: int, content: bytes | None, headers: Mapping[str, str]) -> None:
        """Send the head of an answer, and its content unless that is None or only the head is asked for."""
        length = {} if content is None else {"Content-Length": str(len(content))}
        allowed = {"Allow": "GET, HEAD"} if status == 405 else {}
        defaults = {"Content-Security-Policy": _NO_CONTENT_ALLOWED, **_HEADERS}
        self.send_response(status)
        for name, value in {**defaults, **length, **allowed, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if content and self.command != "HEAD":
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that is none of HTTP, or whose method is neither GET nor HEAD."""
        self.close_connection = True
        known = code != 501  # a method without a function here
        with suppress(OSError):
            self._refuse(code if known else 405, message or "refused" if known else "only GET and HEAD are answered")

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log: it would contain the token."""


def _equals(text: str, secret: str) -> bool:
    """Return whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), secret.encode())


def _as_json(progress: Progress) -> dict[str, Any]:
    return dataclasses.asdict(progress)
