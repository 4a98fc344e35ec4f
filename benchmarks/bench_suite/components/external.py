"""External components: import the files that a suite names, here and in the processes that a cell starts.

A spawned process finds functions and classes by the name of their module, but a suite's files are on no import path.
So their modules are submodules of this one, and the module's name encodes the file's path: no state is passed on.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

__path__: list[str] = []  # for `import`, this module is a package without a folder


@lru_cache(maxsize=1024)
def module_name(path: Path, source_hash: str) -> str:
    """Return the name by which `importlib.import_module` runs a file; it differs for each content of the file."""
    stem = re.sub(r"\W", "_", path.stem)
    return f"{__name__}.{stem}_{source_hash}_{os.fsencode(path).hex()}"


class _Loader(SourceFileLoader):
    """A loader that uses no bytecode: its timestamps are whole seconds, and its files would lie beside a suite."""

    def path_stats(self, path: str) -> dict[str, float]:
        raise OSError(f"no bytecode of {path} is kept")


class _Finder:
    """A finder of the file whose path a name by `module_name` encodes."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{__name__}."):
            return None
        try:
            file = os.fsdecode(bytes.fromhex(fullname.rpartition("_")[2]))
        except ValueError:
            return None
        return spec_from_file_location(fullname, file, loader=_Loader(fullname, file))


sys.meta_path.append(_Finder())
