"""Where the tables of a data set that a person brings came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Origin:
    """Where the tables of a data set came from."""

    origin: str
    "`file:NAME`, `folder:HUB-ID` or `hub:HUB-ID`."
    name: str
    "What reports and messages call the data set."
    revision: str | None = None
    licence: str | None = None
    folders: tuple[Path, ...] = ()
    "The only folders whose files are opened if a row names one; a relative path starts from the first."
    download: str = ""
    "The command that downloads the data again; empty for a person's own files."
