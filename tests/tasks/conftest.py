"""Small folders in the layout of hub repositories, for data sets that are not available here; shares of a decoy."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench_suite.components.discovery import find

Write = Callable[[str, str, np.ndarray, Mapping[str, Sequence[int]]], None]
"""`(path within BENCH_DATA, name of the image column, images (n, H, W[, 3]) uint8, labels by column)`."""


@pytest.fixture
def write_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a function that writes PNG images and labels to a Parquet file of a new `$BENCH_DATA`."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))

    def write(path: str, column: str, images: np.ndarray, labels: Mapping[str, Sequence[int]]) -> None:
        encoded = []
        for image in images:
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG")
            encoded.append({"bytes": file.getvalue(), "path": None})
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({column: encoded, **labels}), tmp_path / path)

    return write


@pytest.fixture
def decoy_share() -> Callable[[str, float], float]:
    """Return `(task, r)`: the share of train whose decoy shows the class, by the formula of the option's docs."""

    def share(task: str, copied: float) -> float:
        option = find("tasks", task, Path()).options["decoy"]
        stated = re.search(r"r \+ \(1 − r\) / (\d+)", option.help)
        assert stated, option.help
        return copied + (1 - copied) / int(stated[1])

    return share
