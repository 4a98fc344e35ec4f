"""Folders `$BENCH_DATA/<hub id>`: where they are, and at which commit their files were downloaded."""

from __future__ import annotations

import os
import re
from pathlib import Path


def data_folder(hub_id: str) -> Path | None:
    """Return `$BENCH_DATA/<hub id>` if it is a folder, else None."""
    root = os.environ.get("BENCH_DATA")
    if not root:
        return None
    folder = Path(root).expanduser() / hub_id
    return folder if os.path.isdir(folder) else None  # for a name that is too long `is_dir` would raise


def downloaded_commit(folder: Path, file: Path) -> str | None:
    """Return the commit that a file was downloaded at, from the metadata that `hf download` writes; None without."""
    metadata = folder / ".cache" / "huggingface" / "download" / f"{file.relative_to(folder).as_posix()}.metadata"
    try:
        first = (metadata.read_text(encoding="utf-8").splitlines() or [""])[0]
    except (OSError, UnicodeDecodeError):
        return None
    return first if re.fullmatch(r"[0-9a-f]{40}", first) else None
