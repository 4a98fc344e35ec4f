"""The Hugging Face hub: data sets through `datasets`, what its caches hold, and what to do where it gives none."""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
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
    """One split as it was found: an Arrow table, images still encoded as struct<bytes, path>."""

    table: pa.Table
    "Its schema's metadata name the classes, where they are known (`card.class_names`)."
    origin: str
    "`folder:HUB-ID` or `hub:HUB-ID`."
    revision: str | None = None
    "Commit of the hub repository, where it is known."
    licence: str | None = None
    folders: tuple[Path, ...] = ()
    "Where the files must lie that rows name by their paths: its own folder, or those that `datasets` caches in."


class HubUnreachable(DataUnavailable):
    """The hub does not answer, or with an error of its own, which takes half a minute to find out (measured: 25 s)."""


PATIENCE = 3
"""Seconds that each address of the hub has to take a connection."""
REMEMBERED = 60
"""Seconds for which it is not tried again whether the hub takes one: every cell asks."""


@dataclass(frozen=True)
class Asked:
    """What is asked of the hub."""

    hub_id: str
    config: str | None = None
    revision: str | None = None
    split: str | None = None
    "None for all."
    looked: str = "not in a folder"
    "Where it was looked for before, for messages."


_FILE_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


def own_files(name: str = "NAME") -> str:
    """What to do to learn from files of one's own."""
    first = "" if os.environ.get("BENCH_DATA") else " (after export BENCH_DATA=~/bench-data)"
    return (
        f"for files of your own: put train.csv (and test.csv) in $BENCH_DATA/me/{name}{first} and "
        f'write id = "me/{name}"'
    )


def path_fault(hub_id: str) -> str | None:
    """Why an id is rather the path of a file or folder, and what to do then; None where it may be an id of the hub."""
    if not hub_id.startswith((".", "/", "~")) and not hub_id.lower().endswith(_FILE_ENDINGS):
        return None
    stem = Path(hub_id).stem
    name = stem if re.fullmatch(r"\w[\w-]*", stem) else "NAME"
    return f"{show(hub_id)} is no id of a data set, but a path\n  {own_files(name)}"


def hub_command(hub_id: str, kind: Literal["dataset", "model"] = "dataset", revision: str | None = None) -> str:
    """What to paste to get a repository of the hub on this machine."""
    prefix = "" if os.environ.get("BENCH_DATA") else "export BENCH_DATA=~/bench-data && "
    flags = ("--repo-type dataset " if kind == "dataset" else "") + (f"--revision {revision} " if revision else "")
    return f'{prefix}{_program()} download {flags}{hub_id} --local-dir "$BENCH_DATA/{hub_id}"'


def _program() -> str:
    """`hf`, as the hub's command is called since huggingface_hub 0.34; before, `huggingface-cli`."""
    try:
        version = importlib.metadata.version("huggingface_hub")
    except importlib.metadata.PackageNotFoundError:
        return "hf"
    numbers = [int(number) for number in re.findall(r"\d+", version)[:2]]
    return "huggingface-cli" if numbers < [0, 34] else "hf"


def cached(hub_id: str, kind: Literal["dataset", "model"] = "dataset") -> list[Path]:
    """Folders of the hub's local caches that hold something of a repository: a look at names, nothing imported."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface").expanduser()
    downloaded = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    repository = downloaded / f"{kind}s--{hub_id.replace('/', '--')}"
    found = [repository] if _holds_something(repository / "snapshots") else []
    if kind == "dataset":
        prepared = Path(os.environ.get("HF_DATASETS_CACHE") or home / "datasets").expanduser()
        place = prepared / hub_id.replace("/", "___")
        found += [place] if _holds_something(place) else []
    return found


def _holds_something(folder: Path) -> bool:
    return os.path.isdir(folder) and any(folder.iterdir())  # False for a name that is too long, where `is_dir` raises


def first_line(error: BaseException, folder: Path | None = None) -> str:
    """An error's first line, without the path of `folder`."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line if folder is None else line.replace(f"{folder}{os.sep}", "")


def with_columns(
    table: pa.Table, name: str, columns: Sequence[str] | None, there: Sequence[str] | None = None
) -> pa.Table:
    """The columns asked for, in that order; None for all. Raises DataInvalid with the nearest name there is.

    Args:
        name: of the data, for messages.
        there: names of all columns of the file, where the table holds only some.
    """
    if columns is None:
        return table
    known = list(there or table.column_names)
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        near = nearest(missing[0], known)
        raise DataInvalid(f"{name} has no column `{missing[0]}`{near} (it has: {', '.join(known)})")
    return table.select(list(columns))


# ── loading ─────────────────────────────────────────────────────────────────────────────────────


def load(asked: Asked, *, offline: bool = False, trust: bool = False, progress: bool = False) -> dict[str, Fetched]:
    """The splits of a data set of the hub or its local cache, by name; memory-mapped, and all of their columns.

    Args:
        offline: take it from the local cache only.
        trust: code that the data set brings may run (`datasets` before version 4).
        progress: show on standard error how far a download is.

    Raises:
        DataUnavailable: the hub does not give it; the message says why, and holds the command that gets it. It is a
            `HubUnreachable` where the hub does not answer.
        DataInvalid: there is no such configuration, or one must be chosen.
    """
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read when `datasets` is imported, which is below
    try:
        import datasets
    except ImportError:
        reason = "fetching from the hub needs the package `datasets`"
        command = hub_command(asked.hub_id, revision=asked.revision)
        raise DataUnavailable(
            f"{asked.hub_id}: {asked.looked}, and {reason}", f"pip install 'bench-suite[hub]'  or  {command}"
        ) from None
    if not offline and not cached(asked.hub_id) and (refused := unreachable()) is not None:
        # `datasets` would find out too, after 23 s of further attempts for each split.
        raise _unavailable(asked, f"the hub cannot be reached: {refused}", HubUnreachable)
    if Path(asked.hub_id).exists():
        # `datasets` takes what lies there for the data set, and nothing would tell it from the hub's.
        raise _unavailable(
            asked, f"a folder or file `{asked.hub_id}` lies where the program runs, which would be taken for it: "
            "run from another folder, or name its parent in BENCH_DATA",
        )  # fmt: skip
    # Up to version 3 a data set could bring code, which 2.19 ran unasked.
    old = int(datasets.__version__.split(".")[0]) < 4
    more: dict[str, Any] = {"trust_remote_code": trust} if old else {}
    more |= {} if asked.revision is None else {"revision": asked.revision}
    # What goes wrong is said once, in the record; the library would say it at each of its attempts.
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    for library in (datasets, sys.modules["huggingface_hub"].utils):
        (library.enable_progress_bars if progress else library.disable_progress_bars)()
    try:
        found: Any = datasets.load_dataset(asked.hub_id, asked.config, split=asked.split, **more)
    except _errors(datasets) as error:
        raise _explained(asked, error, offline=offline) from error
    return {name: _fetched(part, asked.hub_id) for name, part in _parts(found, asked.split).items()}


def _parts(found: Any, split: str | None) -> Mapping[str, Any]:
    return dict(found) if split is None else {split: found}


def _fetched(part: Any, hub_id: str) -> Fetched:
    """`datasets` keeps the classes beside the table; here they travel in its metadata, as in a Parquet file."""
    commits = re.findall(r"@([0-9a-f]{40})/", " ".join(part.info.download_checksums or {}))
    table = part.data.table.replace_schema_metadata(part.features.arrow_schema.metadata)
    origin, commit = f"hub:{hub_id}", commits[0] if commits else None
    return Fetched(table, origin, commit, part.info.license or None, _folders(hub_id))


def _folders(hub_id: str) -> tuple[Path, ...]:
    """Where `datasets` leaves the files of a data set of the hub, as they are or out of archives."""
    import datasets
    import huggingface_hub

    repository = Path(huggingface_hub.constants.HF_HUB_CACHE) / f"datasets--{hub_id.replace('/', '--')}"
    caches = datasets.config.DOWNLOADED_DATASETS_PATH, datasets.config.EXTRACTED_DATASETS_PATH
    return repository, *map(Path, caches)


def unreachable() -> str | None:
    """Why the hub takes no connection from here; None where it takes one, or where a proxy would make it."""
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    scheme = endpoint.scheme or "https"
    proxies = (f"{scheme}_proxy", "all_proxy")
    if any(os.environ.get(name) or os.environ.get(name.upper()) for name in proxies):
        return None
    try:
        port = endpoint.port or (80 if scheme == "http" else 443)
    except ValueError:
        return f"HF_ENDPOINT = {os.environ['HF_ENDPOINT']!r} has no port that can be one"
    return _refusal(endpoint.hostname or "huggingface.co", port, int(time.monotonic() / REMEMBERED))


@functools.lru_cache(maxsize=1)
def _refusal(host: str, port: int, period: int) -> str | None:
    """Why a host takes no connection; for data sets and weights alike, it is tried once in a period."""
    import socket

    del period  # part of the cache's key only: a network may come back
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except (socket.gaierror, UnicodeError):  # UnicodeError: a name that is too long
        return f"no network, or no address for {host}"
    except OSError as error:
        return f"{host} takes no connection at port {port} ({error.strerror or error})"
    return None


def hub_error(error: BaseException) -> str | None:
    """What to say where the hub answered with an error of its own, such as 503; None where it did not."""
    for link in causes(error):
        status = getattr(getattr(link, "response", None), "status_code", 0)
        if status == 429 or status >= 500:
            said = {429: "too many requests", 503: "service unavailable"}.get(status, "a fault of its own")
            return (
                f"the hub answered with the error {status} ({said}): try again later, or with --offline go on at once "
                "without what is not on this machine"
            )
    return None


# ── what went wrong ─────────────────────────────────────────────────────────────────────────────


def _errors(datasets: Any) -> tuple[type[BaseException], ...]:
    """What `load_dataset` raises where a set, a configuration or the network is not there."""
    # RuntimeError: a data set that brings code, which version 4 and later do not run.
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


def _unavailable(asked: Asked, reason: str, kind: type[DataUnavailable] = DataUnavailable) -> DataUnavailable:
    return kind(f"{asked.hub_id}: {asked.looked}; {reason}", hub_command(asked.hub_id, revision=asked.revision))


def _explained(asked: Asked, error: BaseException, *, offline: bool) -> BenchError:
    """A fault of `datasets` or `huggingface_hub` in the words of somebody who has to mend it.

    By names of classes, which have moved between modules over the versions that are supported.
    """
    kinds = {base.__name__ for link in causes(error) for base in type(link).__mro__}
    text = str(error)
    page = f"https://huggingface.co/datasets/{asked.hub_id}"
    if "GatedRepoError" in kinds or "is a gated dataset" in text:
        return _unavailable(
            asked,
            f"the hub asks for consent first (a gated data set): accept the terms on {page}, then log in with "
            f"`{_program()} {'auth login' if _program() == 'hf' else 'login'}`",
        )
    if "RevisionNotFoundError" in kinds:
        return _unavailable(asked, f"the hub has no revision `{asked.revision}` of it: see {page}/commits/main")
    if kinds & {"RepositoryNotFoundError", "DatasetNotFoundError"}:
        return _unavailable(
            asked, f"the hub has no such data set, or it is private: check the spelling on {page}, or log in first"
        )
    known = re.findall(r"'([^']+)'", text.partition("vailable")[2].split("\n")[0])
    if "Config name is missing" in text:
        known = re.findall(r"'([^']+)'", text.partition("available configs:")[2].split("]")[0])
        return DataInvalid(
            f"{asked.hub_id} has several configurations: state one of them as `config`; it has: {', '.join(known)}"
        )
    if re.match(r"BuilderConfig .* not found", text):
        near = nearest(asked.config or "", known)
        return DataInvalid(f"{asked.hub_id} has no configuration `{asked.config}`{near} (it has: {', '.join(known)})")
    if "Dataset scripts are no longer supported" in text:
        return DataInvalid(
            f"{asked.hub_id} is made by a script of its own, which `datasets` does not run any more; the hub's copy as "
            'Parquet needs none: state revision = "refs/convert/parquet"'
        )
    if "trust_remote_code" in text:
        return DataInvalid(
            f"{asked.hub_id} brings code of its own ({page}/tree/main): read it, then say so with --trust"
        )
    if offline or "OfflineModeIsEnabled" in kinds or "OfflineModeIsEnabled" in text:
        return _unavailable(
            asked, "the hub is skipped (--offline, or HF_HUB_OFFLINE=1), and its local cache lacks this"
        )
    if (answer := hub_error(error)) is not None:
        return _unavailable(asked, answer, HubUnreachable)
    if kinds & {"ConnectionError", "TransportError", "LocalEntryNotFoundError", "Timeout", "TimeoutError"}:
        return _unavailable(asked, f"the hub cannot be reached: {first_line(error, Path.home())}", HubUnreachable)
    return _unavailable(asked, f"the hub did not give it: {first_line(error, Path.home())}")
