"""Dates and times: which texts are dates, and what moments they and stored values are."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.components.options import show
from bench_suite.contracts import DataInvalid
from bench_suite.data.column_types import Column, ColumnOptions, columns_line
from bench_suite.data.column_values import all_match, blanked

_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[-+][0-9]{2}:?[0-9]{2})?)?$"
_ZONE = r":.*(Z|[-+][0-9]{2}:?[0-9]{2})$"


def date_column(
    name: str, values: pa.Array, options: ColumnOptions, missing: tuple[str, ...], subject: str
) -> Column | None:
    """Return a column of dates if all values are written as YYYY-MM-DD, perhaps with a time; None if not.

    Raises:
        DataInvalid: Some times have a zone and others have none.
    """
    trimmed = pc.utf8_trim_whitespace(values)
    if not all_match(trimmed, _DATE):
        return None
    zoned = pc.match_substring_regex(trimmed, _ZONE)
    local = values.filter(pc.and_not(pc.match_substring(trimmed, ":"), zoned))
    if pc.any(zoned, min_count=0).as_py() and len(local):
        examples = f"with a zone, {values.filter(zoned)[0].as_py()!r}, and without a zone, {local[0].as_py()!r}"
        raise DataInvalid(mixed_zones(name, examples, subject))
    return Column(name, "date", "dates as YYYY-MM-DD", missing=missing)


def mixed_zones(name: str, what: str, subject: str) -> str:
    """Return the message for a column of times of which only some have a zone."""
    return (
        f"{subject}, column `{name}` holds times {what}: write all in one form; {columns_line(name, 'date')} takes "
        "those without one as UTC"
    )


def dates_of_text(column: Column, values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return texts as timestamps in microseconds, without a time zone: UTC where they state one."""
    present = pc.utf8_trim_whitespace(blanked(values, column.missing))
    distinct = pc.unique(present)
    moments: list[datetime | None] = []
    for value in distinct.to_pylist():
        try:
            if value is None:
                moments.append(None)
                continue
            moment = (
                datetime.strptime(value, column.date_format) if column.date_format else datetime.fromisoformat(value)
            )
            moments.append(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment)
        except (ValueError, OverflowError) as error:
            form = column.date_format or "YYYY-MM-DD"
            raise DataInvalid(
                f"{name}: {value!r} is no date written as {form}: correct it, state the form, such as "
                f"{columns_line(column.name, 'date:%d/%m/%Y')}, or missing_values = [{show(value)}] if it stands "
                "for a missing one"
            ) from error
    positions = pc.index_in(present, value_set=distinct).combine_chunks()
    return pa.chunked_array([pa.array(moments, pa.timestamp("us")).take(positions)])


def moments(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return stored dates and times in microseconds; finer parts are cut off."""
    kind = pa.timestamp("us")
    try:
        return values.cast(kind, safe=not (pa.types.is_timestamp(values.type) and values.type.unit == "ns"))
    except pa.ArrowException as error:
        raise DataInvalid(f"{name}: a time is out of range (years before -290,307 or after 294,246)") from error
