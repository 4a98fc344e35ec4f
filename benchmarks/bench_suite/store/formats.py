"""The formats of the files beside a record (predictions, samples, artifacts, weights): to and from bytes.

NumPy, pyarrow, Pillow and safetensors are imported in the functions that use them: reading a record needs none of them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import Artifact, History, MetricRow, Predictions, PrivacySpent, Window
from bench_suite.store import forms
from bench_suite.store.json_reader import Damage, read_json
from bench_suite.store.records import dumps, plain

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MAX_SCORES = 100
"With more classes than this, a row contains the scores of its target and of the `TOP_SCORES` highest classes only."
TOP_SCORES = 20
"Number of highest scores that a row contains, if it does not contain all."

SINGULAR = {"targets": "target", "predictions": "prediction"}
"Names of columns of predictions in files and frames, which have a row for each example, by their names in memory."
_PLURAL = {name: column for column, name in SINGULAR.items()}
_FORMS: Mapping[str, tuple[str, ...]] = {
    "lines": ("x", "y", "series"),
    "bars": ("y", "bars"),
    "matrix": ("rows", "columns", "values"),
    "table": ("columns", "rows"),
    "examples": ("examples",),
}


# ── predictions: Parquet ────────────────────────────────────────────────────────────────────────


def predictions_to_parquet(predictions: Predictions) -> bytes:
    """Return predictions as a Parquet file with one row for each example.

    Its columns are `example` int64, `target`, `prediction`, `scores` (list of float32), `group/NAME`, and all others by
    their names. With more than `MAX_SCORES` classes, `scores` contains the highest ones only, and `score_classes` (list
    of int32) contains their classes. A metric of the scores has the same value when it is computed from the file.

    Args:
        predictions: its columns are (n,), (n, k), or n sequences of any length, of numbers or strings.

    Raises:
        ValueError: a column does not have one row for each example.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet

    columns: dict[str, Any] = {"example": np.asarray(predictions.ids, dtype=np.int64)}
    for name, values in predictions.columns.items():
        if name != "scores":
            columns[SINGULAR.get(name, name)] = values
            continue
        scores = np.asarray(values)
        if scores.ndim == 2 and scores.shape[1] > MAX_SCORES:
            scores, columns["score_classes"] = _highest(scores, predictions.columns.get("targets"))
        columns["scores"] = scores.astype(np.float32)
    columns |= {f"group/{name}": values for name, values in predictions.groups.items()}
    for name, values in columns.items():
        if len(values) != len(predictions):
            raise ValueError(f"predictions: column {name!r} has {len(values)} rows for {len(predictions)} examples")
    arrays = {name: _arrow(values) for name, values in columns.items()}
    table = pa.table(arrays, metadata={"split": predictions.split})
    # Only strings are dictionary-encoded: for numbers it triples the time and saves nothing.
    strings = [name for name, array in arrays.items() if pa.types.is_string(array.type)]
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, use_dictionary=strings)
    return sink.getvalue()


def predictions_from_parquet(content: bytes) -> Predictions:
    """Return what `predictions_to_parquet` wrote.

    `scores` are float32, also from an older file, which contains float16; a column is an array, or a list if the
    lengths of its rows differ.

    Raises:
        ValueError: ids of examples are missing, or whole numbers in another column.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(pa.BufferReader(content))
    if table.column_names.count("example") != 1 or not pa.types.is_integer(table.schema.field("example").type):
        raise ValueError("its column `example` must contain the numbers of the examples")
    for name in table.column_names:  # a gap among whole numbers would turn all of them into floats
        if pa.types.is_integer(table.schema.field(name).type) and (nulls := table.column(name).null_count):
            raise ValueError(f"its column `{name}` lacks {nulls} of {len(table)} values")
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
    rounded = "scores" in columns and pa.float16() in _types(table.schema.field("scores").type)
    return Predictions(split, ids, columns, groups, rounded)


def _types(kind: pa.DataType) -> Iterator[pa.DataType]:
    """Yield a type and, if it is of lists, the types of their entries."""
    import pyarrow as pa

    yield kind
    if pa.types.is_list(kind):
        yield from _types(kind.value_type)


def _highest(scores: np.ndarray, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of the target and of the highest classes, and these classes: (n, 1 + TOP_SCORES) each."""
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
    """Return all samples of `metrics` as a Parquet file with columns `name`, `at` (JSON), `unit`, `samples`.

    Args:
        metrics: the metrics; those without samples are left out.
        earlier: an earlier such file; its rows of other metrics are kept, unless it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet

    rows = [
        {"name": row.name, "at": dumps(row.at), "unit": row.unit, "samples": [float(value) for value in row.samples]}
        for row in metrics
        if row.samples
    ]
    if earlier is not None:
        names = {row["name"] for row in rows}
        with suppress(ValueError, KeyError, TypeError, OSError, NotImplementedError):  # damaged: it is replaced
            old = pyarrow.parquet.read_table(pa.BufferReader(earlier), columns=["name", "at", "unit", "samples"])
            rows = [*(row for row in old.to_pylist() if row["name"] not in names), *rows]
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


# ── artifacts: PNG and JSON ─────────────────────────────────────────────────────────────────────


def artifact_suffix(artifact: Artifact) -> str:
    """Return `.png` for an image and `.json` for every other kind."""
    return ".png" if artifact.kind == "image" else ".json"


def artifact_to_bytes(artifact: Artifact) -> bytes:
    """Return an image as PNG and every other artifact as JSON.

    Raises:
        ValueError: the data do not have the form of the artifact's kind.
    """
    if artifact.kind == "image":
        return _png(artifact)
    keys = _FORMS.get(artifact.kind, ())
    missing = [key for key in keys if not isinstance(artifact.data, Mapping) or key not in artifact.data]
    if missing or artifact.kind not in (*_FORMS, "text"):
        what = (
            f"its data lack {', '.join(missing)}"
            if missing
            else "the kind must be one of lines, bars, matrix, image, text, table, examples"
        )
        raise ValueError(f"artifact {artifact.name!r} of kind {artifact.kind!r}: {what}")
    # A number that is not finite becomes a gap: JSON has no such number, and nobody can draw one.
    data = plain(artifact.data, gaps=True)
    entry = {"name": artifact.name, "kind": artifact.kind, "caption": artifact.caption, "data": data}
    return dumps(entry).encode()


def artifact_from_bytes(name: str, kind: str, caption: str, content: bytes) -> Artifact:
    """Return the artifact that `artifact_to_bytes` wrote; an image is (H, W) or (H, W, 3) uint8.

    Raises:
        ValueError: the content does not have the form of the kind.
    """
    if kind == "image":
        import numpy as np
        from PIL import Image

        return Artifact(name, "image", np.asarray(Image.open(io.BytesIO(content))), caption)
    entry = read_json(content, forms.ARTIFACT)
    if entry["kind"] != kind:
        raise Damage(f"it must be {kind}, and is {entry['kind']}", ("kind",))
    missing = [key for key in _FORMS.get(kind, ()) if not isinstance(entry["data"], dict) or key not in entry["data"]]
    if missing:
        raise Damage(f"it lacks {', '.join(missing)}", ("data",))
    return Artifact(name, entry["kind"], entry["data"], caption)


def _png(artifact: Artifact) -> bytes:
    import numpy as np
    from PIL import Image

    pixels = np.asarray(artifact.data)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3) or 0 in pixels.shape:
        raise ValueError(f"artifact {artifact.name!r}: an image must be (H, W) or (H, W, 3), not {pixels.shape}")
    if pixels.dtype != np.uint8:
        pixels = (np.clip(np.nan_to_num(pixels.astype(np.float64)), 0, 1) * 255).round().astype(np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, format="PNG")
    return sink.getvalue()


# ── weights: safetensors ────────────────────────────────────────────────────────────────────────


def weights_to_bytes(state: Mapping[str, Any], weights_key: str, history: History | None) -> bytes:
    """Return a state dict as a safetensors file, with `weights_key` and the training's history in its header."""
    from safetensors.torch import save

    seen: set[int] = set()
    tensors = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu().contiguous()
        # The format refuses tensors that share memory, as tied weights and views do: the second name gets a copy.
        memory = tensor.untyped_storage().data_ptr()
        tensors[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    history_json = "" if history is None else dumps(asdict(history))
    return save(tensors, metadata={"weights_key": weights_key, "history": history_json})


def weights_from_bytes(content: bytes) -> tuple[str, dict[str, Any], History | None]:
    """Return the `weights_key`, the state dict and the history that `weights_to_bytes` wrote.

    Raises:
        ValueError: the content is not a safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
        header = read_json(content[8 : 8 + int.from_bytes(content[:8], "little")], forms.WEIGHTS_HEADER)
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"not a safetensors file: {error}") from error
    facts = header.get("__metadata__") or {}
    return facts.get("weights_key", ""), tensors, history_from_json(facts.get("history", ""))


def history_from_json(text: str) -> History | None:
    """Return the history of a training in a JSON text; None if the text is empty.

    Raises:
        ValueError: the text is no history, or one of another version.
    """
    if not text:
        return None
    entry = read_json(text.encode(errors="surrogatepass"), forms.HISTORY)
    try:
        windows = tuple(Window(**window) for window in entry.pop("windows"))
        epochs = tuple({key: float(value) for key, value in epoch.items()} for epoch in entry.pop("epochs"))
        privacy = entry.pop("privacy", None)
        spent = None if privacy is None else PrivacySpent(**privacy)
        return History(epochs=epochs, windows=windows, privacy=spent, **entry)
    except TypeError as error:  # a field of another version
        raise ValueError(f"no history of a training: {error}") from error
