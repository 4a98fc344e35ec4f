"""Cache: arrays on disk under a key of their content, for what is slow to make: decoded images, tokenised text.

An entry is a folder of `.npy` files. It is written under a temporary name, flushed to disk and renamed, so a finished
name means a finished entry: two runs at once do no harm (the later one takes what the earlier one left), nor does a
kill in the middle. What cannot be written is made again next time.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

LAYOUT = 1
"""Raised when the files of an entry change; entries of another layout are left alone."""
NAMES = "names.json"
ABANDONED_SECONDS = 24 * 3600
"""A temporary folder that has not been written to for this long belongs to a run that was killed."""


def default_root() -> Path:
    """`$BENCH_CACHE`, else `$XDG_CACHE_HOME/bench-suite`, else `~/.cache/bench-suite`."""
    if os.environ.get("BENCH_CACHE"):
        return Path(os.environ["BENCH_CACHE"]).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path("~/.cache").expanduser()) / "bench-suite"


@dataclass
class Cache:
    """A folder of arrays by key. Nothing is written before the first entry is."""

    root: Path = field(default_factory=default_root)
    _writable: bool = field(default=True, init=False, repr=False)
    _swept: bool = field(default=False, init=False, repr=False)

    def arrays(self, key: str, make: Callable[[], Mapping[str, np.ndarray]]) -> Mapping[str, np.ndarray]:
        """The arrays kept under `key`, else those that `make` gives, which are kept then.

        Args:
            key: says all that the content depends on; hexadecimal, as `fingerprint.hash_of` gives it.
            make: called at most once.

        Returns:
            Arrays by name; those found are memory-mapped copy-on-write, so writing into them changes no file.
        """
        found = self.find(key)
        if found is not None:
            return found
        made = make()
        self.keep(key, made)
        return made

    def find(self, key: str) -> Mapping[str, np.ndarray] | None:
        """The arrays kept under `key`, memory-mapped, or None where there are none that can be read."""
        folder = self._folder(key)
        if not folder.is_dir():
            return None
        try:
            names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
            return {name: _mapped(folder / f"{number}.npy") for number, name in enumerate(names)}
        except (OSError, ValueError, EOFError):
            # A failing disk, or a person's edit: out of the way, so that it is made anew.
            shutil.rmtree(folder, ignore_errors=True)
            return None

    def keep(self, key: str, arrays: Mapping[str, np.ndarray]) -> bool:
        """Keeps arrays under `key`, unless another run has done so meanwhile; False where the disk does not let it."""
        if not self._writable:
            return False
        workspace = self.root / "unfinished"
        temporary = workspace / uuid.uuid4().hex
        try:
            workspace.mkdir(parents=True, exist_ok=True)
            self._sweep(workspace)
            temporary.mkdir()
            for number, array in enumerate(arrays.values()):
                with (temporary / f"{number}.npy").open("wb") as file:
                    np.save(file, array, allow_pickle=False)
                    file.flush()
                    _flush(file.fileno())
            with (temporary / NAMES).open("w", encoding="utf-8") as names:
                json.dump(list(arrays), names)
                names.flush()
                _flush(names.fileno())
            _flush_folder(temporary)
            self._publish(temporary, self._folder(key))
        except OSError as error:
            self._writable = False
            warnings.warn(
                f"the cache cannot be written ({error.strerror or error}); going on without, which costs time only. "
                "Set BENCH_CACHE to a folder with room to change that.",
                stacklevel=2,
            )
            return False
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return True

    def _publish(self, temporary: Path, folder: Path) -> None:
        """Gives a finished entry its name; where another run was first, its entry stays."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        _flush_folder(folder.parent)

    def _folder(self, key: str) -> Path:
        return self.root / f"v{LAYOUT}" / key[:2] / key

    def _sweep(self, workspace: Path) -> None:
        """Removes what killed runs left, once a process."""
        if self._swept:
            return
        self._swept = True
        for left in workspace.iterdir():
            try:
                abandoned = time.time() - left.stat().st_mtime > ABANDONED_SECONDS
            except FileNotFoundError:
                continue
            if abandoned:
                shutil.rmtree(left, ignore_errors=True)


def _mapped(file: Path) -> np.ndarray:
    """Copy-on-write, since torch wants memory that may be written to."""
    try:
        return np.load(file, mmap_mode="c", allow_pickle=False)
    except ValueError:
        return np.load(file, allow_pickle=False)  # empty arrays cannot be mapped; damaged ones fail here too


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)


def _flush_folder(folder: Path) -> None:
    """A rename is on disk once its folder is; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
