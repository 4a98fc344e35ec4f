"""The records that other processes add to a run, read while they write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench_suite.contracts import Record
from bench_suite.store.records import read_lines


class RecordTail:
    """Reads each new record of the named files once."""

    def __init__(self, run: Path, sizes: Mapping[str, int]) -> None:
        """Read nothing yet.

        Args:
            run: the folder of the run.
            sizes: number of bytes of each file, by name, whose records are known already.
        """
        self._folder = run / "records"
        self._offsets = dict(sizes)

    def read(self, name: str) -> Iterator[Record]:
        """Yield the records that were added to a file since the last call; none if there is no such file."""
        offset = self._offsets.get(name, 0)
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(offset)
                content = file.read()
        except OSError:
            return
        for line in content.splitlines(keepends=True):
            if not line.endswith(b"\n"):  # its rest will follow
                return
            self._offsets[name] = offset = offset + len(line)
            yield from read_lines(line)[0]
