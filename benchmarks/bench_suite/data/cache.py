"""Cache of arrays on disk, under a key of their content, for slow results: decoded images, tokenised text.

An entry is a folder of `.npy` files. It is written under a temporary name, flushed to disk and renamed, so a final name
means a complete entry. Two runs at once do no harm (the later one reads the entry of the earlier), and neither does a
kill while writing. An entry that cannot be written is computed again next time.
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
"""Version of the files of an entry; entries of another layout are left alone."""
NAMES = "names.json"
ABANDONED_SECONDS = 24 * 3600
"""A temporary folder that was not written to for this long belongs to a killed run."""


def default_root() -> Path:
    """Return `$BENCH_CACHE`, else `$XDG_CACHE_HOME/bench-suite`, else `~/.cache/bench-suite`."""
    if os.environ.get("BENCH_CACHE"):
        return Path(os.environ["BENCH_CACHE"]).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path("~/.cache").expanduser()) / "bench-suite"


@dataclass
class Cache:
    """A folder of arrays by key, which is created with the first entry."""

    root: Path = field(default_factory=default_root)
    _writable: bool = field(default=True, init=False, repr=False)
    _swept: bool = field(default=False, init=False, repr=False)

    def arrays(self, key: str, make: Callable[[], Mapping[str, np.ndarray]]) -> Mapping[str, np.ndarray]:
        """Return the arrays of `key`, computed with `make` and stored if the cache lacks them.

        Args:
            key: Hash of everything that the arrays depend on; hexadecimal, from `fingerprint.hash_of`.
            make: Computes the arrays; called at most once.

        Returns:
            Arrays by name; arrays from disk are memory-mapped copy-on-write, so writing to them changes no file.
        """
        arrays = self.find(key)
        if arrays is None:
            arrays = make()
            self.keep(key, arrays)
        return arrays

    def find(self, key: str) -> Mapping[str, np.ndarray] | None:
        """Return the arrays of `key`, memory-mapped; None if there are none, or none that can be read."""
        folder = self._folder(key)
        if not folder.is_dir():
            return None
        try:
            names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
            return {name: _mapped(folder / f"{number}.npy") for number, name in enumerate(names)}
        except (OSError, ValueError, EOFError):
            # A failing disk or a manual edit: the entry is removed, so that it is computed again.
            shutil.rmtree(folder, ignore_errors=True)
            return None

    def keep(self, key: str, arrays: Mapping[str, np.ndarray]) -> bool:
        """Store arrays under `key`, unless another run did so meanwhile. Return False if they cannot be written."""
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
                f"the cache cannot be written ({error.strerror or error}); the run goes on without it and is slower. "
                "Set BENCH_CACHE to a folder with free space.",
                stacklevel=2,
            )
            return False
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return True

    def remove(self, key: str) -> None:
        """Remove the arrays of `key`, which their reader knows to be damaged."""
        shutil.rmtree(self._folder(key), ignore_errors=True)

    def _publish(self, temporary: Path, folder: Path) -> None:
        """Rename a complete entry to its final name; if another run was first, its entry stays."""
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
        """Remove the temporary folders of killed runs, once a process."""
        if self._swept:
            return
        self._swept = True
        for folder in workspace.iterdir():
            try:
                abandoned = time.time() - folder.stat().st_mtime > ABANDONED_SECONDS
            except FileNotFoundError:
                continue
            if abandoned:
                shutil.rmtree(folder, ignore_errors=True)


def _mapped(file: Path) -> np.ndarray:
    """Return an array mapped copy-on-write, because torch needs writable memory."""
    try:
        return np.load(file, mmap_mode="c", allow_pickle=False)
    except ValueError:
        return np.load(file, allow_pickle=False)  # empty arrays cannot be mapped; damaged files fail here too


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)


def _flush_folder(folder: Path) -> None:
    """Flush a folder, which puts a rename in it on disk. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
