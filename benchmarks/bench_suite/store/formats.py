"""The file formats of what lies beside a record: predictions, samples, artifacts, weights. Bytes in, bytes out.

NumPy, pyarrow, Pillow and safetensors are imported where they are used: reading a record needs none of them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import Artifact, History, MetricRow, Predictions, Window
from bench_suite.store.records import dumps, plain

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MAX_SCORES = 100
"With more classes than this, a row keeps the scores of its target and of the `TOP_SCORES` highest classes."
TOP_SCORES = 20

_SINGULAR = {"targets": "target", "predictions": "prediction"}
_PLURAL = {name: column for column, name in _SINGULAR.items()}
_FORMS: Mapping[str, tuple[str, ...]] = {
    "lines": ("x", "y", "series"),
    "bars": ("y", "bars"),
    "matrix": ("rows", "columns", "values"),
    "table": ("columns", "rows"),
}


# ── predictions: Parquet ────────────────────────────────────────────────────────────────────────


def predictions_to_parquet(predictions: Predictions) -> bytes:
    """One row an example: `example` int64, `target`, `prediction`, `scores` float16 list, `group/NAME`, and the rest.

    Columns are (n,), (n, k) or n sequences of any length, of numbers or strings. Beyond `MAX_SCORES` classes `scores`
    is cut and `score_classes` (int32 list) says whose they are. float16 keeps three digits, and turns scores under
    3e-8 into 0. Raises ValueError where a column has not one row an example.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet

    columns: dict[str, Any] = {"example": np.asarray(predictions.ids, dtype=np.int64)}
    for name, values in predictions.columns.items():
        if name != "scores":
            columns[_SINGULAR.get(name, name)] = values
            continue
        scores = np.asarray(values)
        if scores.ndim == 2 and scores.shape[1] > MAX_SCORES:
            scores, columns["score_classes"] = _highest(scores, predictions.columns.get("targets"))
        columns["scores"] = scores.astype(np.float16)
    columns |= {f"group/{name}": values for name, values in predictions.groups.items()}
    for name, values in columns.items():
        if len(values) != len(predictions):
            raise ValueError(f"predictions: column {name!r} has {len(values)} rows for {len(predictions)} examples")
    arrays = {name: _arrow(values) for name, values in columns.items()}
    table = pa.table(arrays, metadata={"split": predictions.split})
    # Numbers as they are: dictionaries of them triple the time and save nothing.
    words = [name for name, array in arrays.items() if pa.types.is_string(array.type)]
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, use_dictionary=words)
    return sink.getvalue()


def predictions_from_parquet(content: bytes) -> Predictions:
    """What `predictions_to_parquet` wrote, `scores` as float32; columns are arrays, or lists where lengths differ."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(pa.BufferReader(content))
    columns, groups = {}, {}
    for name in table.column_names:
        values = _numpy(table.column(name))
        if name.startswith("group/"):
            groups[name.removeprefix("group/")] = values
        else:
            columns[_PLURAL.get(name, name)] = values
    ids = columns.pop("example")
    if isinstance(columns.get("scores"), np.ndarray):
        columns["scores"] = columns["scores"].astype(np.float32)
    split = (table.schema.metadata or {}).get(b"split", b"").decode()
    return Predictions(split, ids, columns, groups)


def _highest(scores: np.ndarray, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """The target's score, then the highest ones: (n, 1 + TOP_SCORES) each, scores and the classes they belong to."""
    import numpy as np

    classes = np.argpartition(-scores, TOP_SCORES - 1, axis=1)[:, :TOP_SCORES]
    order = np.argsort(-np.take_along_axis(scores, classes, 1), axis=1, kind="stable")
    classes = np.take_along_axis(classes, order, 1)
    if targets is not None:
        classes = np.column_stack([np.asarray(targets).astype(classes.dtype), classes])
    return np.take_along_axis(scores, classes, 1), classes.astype(np.int32)


def _arrow(values: Any) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    if isinstance(values, np.ndarray) and values.dtype != object and values.ndim >= 2:
        sizes = [len(values), *values.shape[1:]]
        array = pa.array(np.ascontiguousarray(values).reshape(-1))
        for depth in range(len(sizes) - 1, 0, -1):
            lists = int(np.prod(sizes[:depth]))
            array = pa.ListArray.from_arrays(pa.array(np.arange(lists + 1, dtype=np.int32) * sizes[depth]), array)
        return array
    if isinstance(values, np.ndarray) and values.dtype.kind in "biufU":
        return pa.array(values)
    return pa.array([entry if isinstance(entry, (str, bytes)) else plain(entry) for entry in values])


def _numpy(column: pa.ChunkedArray) -> Any:
    import numpy as np
    import pyarrow as pa

    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], type=array.type)
    if not pa.types.is_list(array.type):
        return array.to_numpy(zero_copy_only=False)
    lengths = np.diff(array.offsets.to_numpy())
    inner = array.flatten()
    if not pa.types.is_list(inner.type) and not array.null_count:
        flat = inner.to_numpy(zero_copy_only=False)
        if len(lengths) and (lengths == lengths[0]).all():
            return flat.reshape(len(lengths), -1)
        return np.split(flat, np.cumsum(lengths)[:-1]) if len(lengths) else []
    return array.to_pylist()


# ── samples: Parquet ────────────────────────────────────────────────────────────────────────────


def samples_to_parquet(metrics: Sequence[MetricRow], earlier: bytes | None = None) -> bytes:
    """All samples of `metrics`: `name`, `at` (JSON), `unit`, `samples`; rows of `earlier` with other names stay."""
    import pyarrow as pa
    import pyarrow.parquet

    rows = [
        {"name": row.name, "at": dumps(row.at), "unit": row.unit, "samples": [float(value) for value in row.samples]}
        for row in metrics
        if row.samples
    ]
    if earlier is not None:
        again = {row["name"] for row in rows}
        old = pyarrow.parquet.read_table(pa.BufferReader(earlier)).to_pylist()
        rows = [*(row for row in old if row["name"] not in again), *rows]
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


# ── artifacts: PNG and JSON ─────────────────────────────────────────────────────────────────────


def artifact_suffix(artifact: Artifact) -> str:
    """`.png` for an image, `.json` for every other kind."""
    return ".png" if artifact.kind == "image" else ".json"


def artifact_to_bytes(artifact: Artifact) -> bytes:
    """PNG of an image, JSON of everything else. Raises ValueError where the data have not the form of their kind."""
    if artifact.kind == "image":
        return _png(artifact)
    needed = _FORMS.get(artifact.kind, ())
    missing = [key for key in needed if not isinstance(artifact.data, Mapping) or key not in artifact.data]
    if missing or artifact.kind not in (*_FORMS, "text"):
        what = f"lacks {', '.join(missing)}" if missing else "is none of lines, bars, matrix, image, text, table"
        raise ValueError(f"artifact {artifact.name!r} of kind {artifact.kind!r}: it {what}")
    # A number that is not finite is a gap: JSON has none, and nobody can draw one.
    data = plain(artifact.data, gaps=True)
    entry = {"name": artifact.name, "kind": artifact.kind, "caption": artifact.caption, "data": data}
    return dumps(entry).encode()


def artifact_from_bytes(name: str, kind: str, caption: str, content: bytes) -> Artifact:
    """The artifact again; an image as (H, W) or (H, W, 3) uint8."""
    if kind == "image":
        import numpy as np
        from PIL import Image

        return Artifact(name, "image", np.asarray(Image.open(io.BytesIO(content))), caption)
    entry = json.loads(content)
    return Artifact(name, entry["kind"], entry["data"], caption)


def _png(artifact: Artifact) -> bytes:
    import numpy as np
    from PIL import Image

    pixels = np.asarray(artifact.data)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3) or 0 in pixels.shape:
        raise ValueError(f"artifact {artifact.name!r}: an image is (H, W) or (H, W, 3), not {pixels.shape}")
    if pixels.dtype != np.uint8:
        pixels = (np.clip(np.nan_to_num(pixels.astype(np.float64)), 0, 1) * 255).round().astype(np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, format="PNG")
    return sink.getvalue()


# ── weights: safetensors ────────────────────────────────────────────────────────────────────────


def weights_to_bytes(state: Mapping[str, Any], weights_key: str, history: History | None) -> bytes:
    """A state dict on the CPU, with `weights_key` and the training's history in the header."""
    from safetensors.torch import save

    seen: set[int] = set()
    tensors = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu().contiguous()
        # Tied weights share memory, which the format refuses: the second name gets a copy.
        tensors[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    story = "" if history is None else dumps(asdict(history))
    return save(tensors, metadata={"weights_key": weights_key, "history": story})


def weights_from_bytes(content: bytes) -> tuple[str, dict[str, Any], History | None]:
    """`weights_key`, state dict and history. Raises ValueError where the content is no such file."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        tensors = load(content)
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"not readable as safetensors: {error}") from error
    facts = header.get("__metadata__", {})
    return facts.get("weights_key", ""), tensors, _history(facts.get("history", ""))


def _history(story: str) -> History | None:
    if not story:
        return None
    entry = json.loads(story)
    windows = tuple(Window(**window) for window in entry.pop("windows"))
    epochs = tuple({key: float(value) for key, value in epoch.items()} for epoch in entry.pop("epochs"))
    return History(epochs=epochs, windows=windows, **entry)
