"""The Hugging Face hub: loads data sets through `datasets`, looks into its caches, and explains its errors."""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError, DataInvalid, DataUnavailable

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Fetched:
    """One split as an Arrow table, with images still encoded as struct<bytes, path>."""

    table: pa.Table
    "The metadata of its schema name the classes if they are known (`card.class_names`)."
    origin: str
    "`folder:HUB-ID` or `hub:HUB-ID`."
    revision: str | None = None
    "Commit of the hub repository, if it is known."
    licence: str | None = None
    folders: tuple[Path, ...] = ()
    "Folders that files named in rows must lie in: the data set's own folder, or the caches of `datasets`."


class HubUnreachable(DataUnavailable):
    """Error of a hub that does not answer, or answers with a server error, noticed after about 25 s (measured)."""


CONNECT_SECONDS = 3
"""Seconds that each address of the hub has to accept a connection."""
RECHECK_SECONDS = 60
"""Seconds before the connection to the hub is tried again: every cell asks for it."""


@dataclass(frozen=True)
class HubRequest:
    """A request to the hub for a data set."""

    hub_id: str
    config: str | None = None
    revision: str | None = None
    split: str | None = None
    "None for all."
    not_found_locally: str = "not in a folder"
    "Why no folder on this machine holds it, for messages."

    def unavailable(self, reason: str, kind: type[DataUnavailable] = DataUnavailable) -> DataUnavailable:
        """Return the error for a request that the hub cannot serve, with the command that downloads the data set."""
        message = f"{self.hub_id}: {self.not_found_locally}; {reason}"
        return kind(message, hub_command(self.hub_id, revision=self.revision))


_FILE_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


def own_files(path: str = "FILE or FOLDER") -> str:
    """Return what a user writes to learn from files of their own."""
    return f'for files of your own write use = "files" and path = "{path}"'


def path_error(hub_id: str) -> str | None:
    """Return the message for an id that is the path of a file or folder; None if it may be an id of the hub."""
    if not hub_id.startswith((".", "/", "~")) and not hub_id.lower().endswith(_FILE_ENDINGS):
        return None
    return f"{show(hub_id)} is a path and not the id of a data set\n  {own_files(hub_id)}"


def hub_command(hub_id: str, kind: Literal["dataset", "model"] = "dataset", revision: str | None = None) -> str:
    """Return the command that downloads a repository of the hub."""
    prefix = "" if os.environ.get("BENCH_DATA") else "export BENCH_DATA=~/bench-data && "
    flags = ("--repo-type dataset " if kind == "dataset" else "") + (f"--revision {revision} " if revision else "")
    return f'{prefix}{_program()} download {flags}{hub_id} --local-dir "$BENCH_DATA/{hub_id}"'


def _program() -> str:
    """Return the name of the hub's command: `hf` since huggingface_hub 0.34, `huggingface-cli` before."""
    try:
        version = importlib.metadata.version("huggingface_hub")
    except importlib.metadata.PackageNotFoundError:
        return "hf"
    numbers = [int(number) for number in re.findall(r"\d+", version)[:2]]
    return "huggingface-cli" if numbers < [0, 34] else "hf"


def cached(hub_id: str, kind: Literal["dataset", "model"] = "dataset") -> list[Path]:
    """Return the folders of the hub's local caches that hold files of a repository. Imports nothing."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface").expanduser()
    downloaded = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    repository = downloaded / f"{kind}s--{hub_id.replace('/', '--')}"
    folders = [repository] if _is_filled(repository / "snapshots") else []
    if kind == "dataset":
        datasets_cache = Path(os.environ.get("HF_DATASETS_CACHE") or home / "datasets").expanduser()
        prepared = datasets_cache / hub_id.replace("/", "___")
        folders += [prepared] if _is_filled(prepared) else []
    return folders


def _is_filled(folder: Path) -> bool:
    return os.path.isdir(folder) and any(folder.iterdir())  # False for a name that is too long; `is_dir` would raise


def first_line(error: BaseException, folder: Path | None = None) -> str:
    """Return the first line of an error's message, without the path of `folder`."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line if folder is None else line.replace(f"{folder}{os.sep}", "")


def with_columns(
    table: pa.Table, name: str, columns: Sequence[str] | None, all_columns: Sequence[str] | None = None
) -> pa.Table:
    """Return the table with only the given columns, in that order.

    Args:
        table: The table.
        name: What messages call the data.
        columns: Names of the columns; None for all.
        all_columns: Names of all columns of the file, if the table holds only some of them.

    Raises:
        DataInvalid: A column is missing; the message gives the nearest name.
    """
    if columns is None:
        return table
    known = list(all_columns or table.column_names)
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        near = nearest(missing[0], known)
        raise DataInvalid(f"{name} has no column `{missing[0]}`{near} (it has: {', '.join(known)})")
    return table.select(list(columns))


# ── loading ─────────────────────────────────────────────────────────────────────────────────────


def load(request: HubRequest, *, offline: bool = False, progress: bool = False) -> dict[str, Fetched]:
    """Return the splits of a data set of the hub or its local cache by name: memory-mapped, with all columns.

    Args:
        request: The data set.
        offline: Read the local cache only.
        progress: Show the progress of the download on standard error.

    Raises:
        DataUnavailable: The hub does not serve the data set. The message holds the reason and the command that
            downloads it. The error is a `HubUnreachable` if the hub does not answer.
        DataInvalid: There is no such configuration, or one must be chosen.
    """
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read by `datasets` when it is imported, just below
    try:
        import datasets
    except ImportError:
        command = hub_command(request.hub_id, revision=request.revision)
        raise DataUnavailable(
            f"{request.hub_id}: {request.not_found_locally}, and the package `datasets`, which reads the hub, is not "
            "installed",
            f"pip install datasets  or  {command}",
        ) from None
    if not offline and not cached(request.hub_id) and (reason := unreachable()) is not None:
        # `datasets` would find out too, after 23 s of further attempts for each split.
        raise request.unavailable(f"the hub cannot be reached: {reason}", HubUnreachable)
    if Path(request.hub_id).exists():
        # `datasets` would read that folder, and the result would look like the hub's.
        raise request.unavailable(
            f"the current folder contains `{request.hub_id}`, which `datasets` would read in its place: run from "
            "another folder, or set BENCH_DATA to its parent"
        )
    settings: dict[str, Any] = {} if request.revision is None else {"revision": request.revision}
    # The record reports an error once; the library would log it at each of its attempts.
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    for library in (datasets, sys.modules["huggingface_hub"].utils):
        (library.enable_progress_bars if progress else library.disable_progress_bars)()
    try:
        loaded: Any = datasets.load_dataset(request.hub_id, request.config, split=request.split, **settings)
    except _load_errors(datasets) as error:
        raise _explain(request, error, offline=offline) from error
    splits = dict(loaded) if request.split is None else {request.split: loaded}
    return {name: _fetched(split, request.hub_id) for name, split in splits.items()}


def _fetched(split: Any, hub_id: str) -> Fetched:
    """Return a split of `datasets` with its classes in the metadata of the table's schema, as in a Parquet file."""
    commits = re.findall(r"@([0-9a-f]{40})/", " ".join(split.info.download_checksums or {}))
    table = split.data.table.replace_schema_metadata(split.features.arrow_schema.metadata)
    origin, commit = f"hub:{hub_id}", commits[0] if commits else None
    return Fetched(table, origin, commit, split.info.license or None, _cache_folders(hub_id))


def _cache_folders(hub_id: str) -> tuple[Path, ...]:
    """Return the folders in which `datasets` keeps the files of a data set, as downloaded or extracted."""
    import datasets
    import huggingface_hub

    repository = Path(huggingface_hub.constants.HF_HUB_CACHE) / f"datasets--{hub_id.replace('/', '--')}"
    caches = datasets.config.DOWNLOADED_DATASETS_PATH, datasets.config.EXTRACTED_DATASETS_PATH
    return repository, *map(Path, caches)


def unreachable() -> str | None:
    """Return why the hub accepts no connection from here; None if it accepts one, or if a proxy would make it."""
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    scheme = endpoint.scheme or "https"
    proxies = (f"{scheme}_proxy", "all_proxy")
    if any(os.environ.get(name) or os.environ.get(name.upper()) for name in proxies):
        return None
    try:
        port = endpoint.port or (80 if scheme == "http" else 443)
    except ValueError:
        return f"HF_ENDPOINT = {os.environ['HF_ENDPOINT']!r} has no valid port"
    return _connection_error(endpoint.hostname or "huggingface.co", port, int(time.monotonic() / RECHECK_SECONDS))


@functools.lru_cache(maxsize=1)
def _connection_error(host: str, port: int, period: int) -> str | None:
    """Return why a host accepts no connection; tried once in a period, for data sets and weights together."""
    import socket

    del period  # part of the cache's key only: a network may come back
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except (socket.gaierror, UnicodeError):  # UnicodeError: a name that is too long
        return f"no network, or no address for {host}"
    except OSError as error:
        return f"{host} accepts no connection at port {port} ({error.strerror or error})"
    return None


def hub_error(error: BaseException) -> str | None:
    """Return the message for a server error of the hub, such as 503; None if the error is of another kind."""
    for link in causes(error):
        status = getattr(getattr(link, "response", None), "status_code", 0)
        if status == 429 or status >= 500:
            meaning = {429: "too many requests", 503: "service unavailable"}.get(status, "server error")
            return (
                f"the hub answered with the error {status} ({meaning}): try again later, or use --offline to go on "
                "with what is on this machine"
            )
    return None


# ── errors of the hub's libraries ───────────────────────────────────────────────────────────────


def _load_errors(datasets: Any) -> tuple[type[BaseException], ...]:
    """Return what `load_dataset` raises if a data set, a configuration or the network is not there."""
    # RuntimeError: a data set with code, which `datasets` does not run.
    errors: list[type[BaseException]] = [OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError]
    for library, name in (("httpx", "HTTPError"), ("requests", "RequestException")):
        if library in sys.modules:
            errors.append(getattr(sys.modules[library], name))
    return tuple(errors)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, then its cause or context, and so on to the first one."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


HubErrorKind = Literal[
    "gated",
    "no revision",
    "no data set",
    "config needed",
    "no config",
    "script",
    "offline",
    "unreachable",
    "other",
]


def _classify(error: BaseException) -> HubErrorKind:
    """Return the kind of an error of `datasets` or `huggingface_hub`.

    Classes are compared by name, because they have moved between modules over the supported versions. Several errors
    of `datasets` are a plain ValueError or RuntimeError, which only its own message tells apart: that is read here, and
    nowhere else.
    """
    names = {base.__name__ for link in causes(error) for base in type(link).__mro__}
    text = str(error)
    tests: tuple[tuple[HubErrorKind, bool], ...] = (
        ("gated", "GatedRepoError" in names or "is a gated dataset" in text),
        ("no revision", "RevisionNotFoundError" in names),
        ("no data set", bool(names & {"RepositoryNotFoundError", "DatasetNotFoundError"})),
        ("config needed", "Config name is missing" in text),
        ("no config", re.match(r"BuilderConfig .* not found", text) is not None),
        ("script", "Dataset scripts are no longer supported" in text),
        ("offline", "OfflineModeIsEnabled" in names or "OfflineModeIsEnabled" in text),
        (
            "unreachable",
            bool(names & {"ConnectionError", "TransportError", "LocalEntryNotFoundError", "Timeout", "TimeoutError"}),
        ),
    )
    return next((kind for kind, holds in tests if holds), "other")


def _listed_configs(error: BaseException, kind: HubErrorKind) -> list[str]:
    """Return the configurations that an error of `datasets` lists."""
    text = str(error)
    if kind == "config needed":
        listed = text.partition("available configs:")[2].split("]")[0]
    else:
        listed = text.partition("vailable")[2].split("\n")[0]
    return re.findall(r"'([^']+)'", listed)


def _explain(request: HubRequest, error: BaseException, *, offline: bool) -> BenchError:
    """Return an error of `datasets` or `huggingface_hub` as one that says what the user can do."""
    hub_id, kind = request.hub_id, _classify(error)
    page = f"https://huggingface.co/datasets/{hub_id}"
    if kind == "gated":
        return request.unavailable(
            f"the hub asks for consent first (a gated data set): accept the terms on {page}, then log in with "
            f"`{_program()} {'auth login' if _program() == 'hf' else 'login'}`"
        )
    if kind == "no revision":
        return request.unavailable(f"the hub has no revision `{request.revision}` of it: see {page}/commits/main")
    if kind == "no data set":
        return request.unavailable(
            f"the hub has no such data set, or it is private: check the spelling on {page}, or log in first"
        )
    if kind == "config needed":
        known = ", ".join(_listed_configs(error, kind))
        return DataInvalid(f"{hub_id} has several configurations: state one of them as `config`; it has: {known}")
    if kind == "no config":
        known_configs = _listed_configs(error, kind)
        near = nearest(request.config or "", known_configs)
        return DataInvalid(
            f"{hub_id} has no configuration `{request.config}`{near} (it has: {', '.join(known_configs)})"
        )
    if kind == "script":
        return DataInvalid(
            f"{hub_id} is built by its own script, which `datasets` does not run any more; read the hub's Parquet copy "
            'instead: state revision = "refs/convert/parquet"'
        )
    return _explain_connection(request, error, kind, offline=offline)


def _explain_connection(
    request: HubRequest, error: BaseException, kind: HubErrorKind, *, offline: bool
) -> DataUnavailable:
    if offline or kind == "offline":
        return request.unavailable(
            "the hub is skipped (--offline, or HF_HUB_OFFLINE=1), and its local cache lacks this data set"
        )
    if (answer := hub_error(error)) is not None:
        return request.unavailable(answer, HubUnreachable)
    reason = first_line(error, Path.home())
    if kind == "unreachable":
        return request.unavailable(f"the hub cannot be reached: {reason}", HubUnreachable)
    return request.unavailable(f"the hub did not serve it: {reason}")
