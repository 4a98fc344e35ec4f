"""Makes the component files that a suite names importable by name: here, and in the processes that a cell starts.

A spawned process finds functions and classes again by the name of their module, and a suite's files lie on no import
path. So their modules are submodules of this one, and the name says where the file is: nothing is handed over.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

__path__: list[str] = []  # makes this module a package in the eyes of `import`, one without a folder


def module_name(path: Path, source_hash: str) -> str:
    """The name under which `importlib.import_module` runs a file, once for each content."""
    stem = re.sub(r"\W", "_", path.stem)
    return f"{__name__}.{stem}_{source_hash}_{os.fsencode(path).hex()}"


class _Loader(SourceFileLoader):
    """Runs the source as it is: bytecode is told apart by whole seconds, and would lie about beside a suite."""

    def path_stats(self, path: str) -> dict[str, float]:
        raise OSError(f"no bytecode of {path} is kept")


class _Finder:
    """Finds the file that a name made by `module_name` says."""

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
