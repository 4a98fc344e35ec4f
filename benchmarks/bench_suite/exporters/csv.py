"""Export the metrics of a run as CSV: one row for each metric of each cell, for spreadsheets and statistics programs.

The file has the columns of `bench_suite.frame`: `run`, `suite` and `id` (of the cell); the labels of the cell (`task`,
`model`, `seed`, …); `data` (its name), `status` of the cell, and `metric`; a column `at.NAME` for each coordinate of a
metric; `value`; `low`, `high`, `level` and `over` of the interval; `n`, `unit`, `better`, `kind` and `reason`. A label
that has the name of another column is called `cell.NAME`. A cell without metrics, such as one that failed, has no row:
the format `json` contains all cells.

It follows RFC 4180, in UTF-8. A number has as many digits as it takes to read the same number back. A missing value is
an empty field. A list is written as JSON. Labels and reasons may contain any text, so no line of a text begins like a
formula: such a line gets an apostrophe before it, which spreadsheets read as "this is text". To get the original text
back, remove one apostrophe from the beginning of each line that has one.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from bench_suite.reports.long_table import long_table
from bench_suite.store.records import plain
from bench_suite.store.runs import Run

SUFFIXES = (".csv",)
FORMULA = re.compile(r"(^|[\r\n])(?=(?:[^\S\r\n]|[\x00-\x08\x0e-\x1f\u200b\ufeff])*[=+\-@＝＋－＠'\t])")
"""The beginning of a line that a spreadsheet may read as a formula, also after blanks, or that has an apostrophe.

The signs are those of https://owasp.org/www-community/attacks/CSV_Injection."""
BLOCK = 1 << 16
"Number of characters after which a part of the file is written."


@dataclass(frozen=True)
class Options:
    """Options of the file."""

    formulas: Literal["escape", "keep"] = "escape"
    "`keep` writes texts as they are; a spreadsheet may then run a text that begins with `=`."
    byte_order_mark: bool = False
    "Begin the file with a byte order mark: Excel needs it to read UTF-8 when it opens a file by a double click."


def export(run: Run, options: Options) -> Iterator[bytes]:
    """Yield the parts of the file."""
    table = long_table(run)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    escaped = functools.lru_cache(maxsize=10_000)(escape if options.formulas == "escape" else str)
    if options.byte_order_mark:
        buffer.write("\ufeff")
    writer.writerow(map(escaped, table.columns))
    for row in table.rows():
        writer.writerow([value if type(value) in AS_THEY_ARE else escaped(as_text(value)) for value in row])
        if buffer.tell() > BLOCK:
            yield _content(buffer)
    yield _content(buffer)


AS_THEY_ARE = (float, int, type(None))
"Types that the writer writes by itself: with all digits of a number, and nothing for None."


def as_text(value: Any) -> str:
    """Return a value that is no number as text."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def escape(text: str) -> str:
    """Return a text no line of which begins like a formula."""
    return FORMULA.sub(r"\1'", text)


def _content(buffer: io.StringIO) -> bytes:
    """Return what a buffer contains, and empty it."""
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", errors="backslashreplace")  # half of a surrogate pair has no UTF-8
