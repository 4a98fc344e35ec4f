"""The head of a CSV file: comment lines, which are refused, the separator, and the names of the columns."""

from __future__ import annotations

import csv
import io
import itertools
import re

from bench_suite.contracts import DataInvalid

HEAD = 1 << 20
"Bytes at the beginning of a file in which the names of the columns stand."
NOT_UTF8 = 'it is not written in UTF-8: state its encoding, such as encoding = "cp1252"'
COMMENTS = ("#", "%", "//")
"What comment lines begin with."
MAX_LINE = 1 << 16
"Letters of a line of which columns are counted; Python's reader takes values of twice as many."
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def without_separator_line(content: bytes) -> tuple[bytes, str | None]:
    """Return the content without a first line such as `sep=;`, which spreadsheets write, and that separator."""
    if match := re.match(rb"sep=([^\r\n\w])\r?\n", content):
        return content[match.end() :], match[1].decode()
    return content, None


def check_comments(content: bytes, delimiter: str | None, name: str, first: int = 1) -> None:
    """Refuse comment lines before the line of names: it would be taken for a comment, or a comment for it.

    A line that begins with such a mark and has as many columns as the next one is the line of names, as in
    `#chromosome,start,end`; several lines that all have as many are a table, such as one of hashtags.

    Args:
        content: The beginning of the file.
        delimiter: The separator if it is known.
        name: What messages call the file.
        first: The number of the first line of `content` in the file.

    Raises:
        DataInvalid: There are comment lines; the message says which to remove.
    """
    if not content.lstrip().startswith(tuple(mark.encode() for mark in COMMENTS)):
        return
    lines = re.split(r"\r\n|\n|\r", _first_rows(content).decode(errors="replace"))
    written = [(number, line) for number, line in enumerate(lines, first) if line.strip()]
    comments = list(itertools.takewhile(lambda entry: entry[1].lstrip().startswith(COMMENTS), written))
    after = written[len(comments)] if len(comments) < len(written) else None
    mark = delimiter or separator((comments[-1] if after is None else after)[1].encode())
    counts = [_count_columns(line, mark) for _, line in (*comments, *([] if after is None else [after]))]
    if len({*counts}) == 1 and (counts[0] > 1 or (len(comments) == 1 and after is not None)):
        return
    if counts[len(comments) - 1] == counts[-1] > 1:
        after = comments.pop()
    (start, shown), end = comments[0], comments[-1][0]
    which = f"line {start}" if start == end else f"lines {start} to {end}"
    what = "is a comment" if start == end else "are comments"
    rest = f", so that line {after[0]}, {after[1][:40]!r}, is the first" if after is not None else ""
    raise DataInvalid(
        f"{name}: {which} {what} ({shown[:40]!r}), and the line with the names of the columns must be the first: "
        f"remove {'it' if start == end else 'them'}{rest}"
    )


def _count_columns(line: str, delimiter: str) -> int:
    return len(next(csv.reader([line[:MAX_LINE]], delimiter=delimiter)))


def separator(head: bytes) -> str:
    """Return what separates the columns: a comma if the line of names holds one unquoted, else `;`, tab or bar."""
    line = head.replace(b"\r", b"\n").split(b"\n", 1)[0].decode(errors="replace")
    names = "".join(line.split('"')[::2])
    return next((mark for mark in (",", ";", "\t", "|") if mark in names), ",")


def _first_rows(head: bytes) -> bytes:
    """Return the beginning of a file up to a line break, so that no letter is cut in two."""
    return head if len(head) < HEAD else head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head


def column_names(head: bytes, delimiter: str, quotes: bool, name: str) -> list[str]:
    """Return the names of the columns. Raise DataInvalid if two are equal."""
    try:
        lines = _first_rows(head).decode()
    except UnicodeDecodeError as error:
        raise DataInvalid(f"{name}: {NOT_UTF8}") from error
    limit = csv.field_size_limit(HEAD)
    try:
        names = next(
            csv.reader(
                io.StringIO(lines, newline=""),
                delimiter=delimiter,
                quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
            )
        )
    except (csv.Error, StopIteration) as error:
        raise DataInvalid(f"{name}: its line of names cannot be read: {error}") from error
    finally:
        csv.field_size_limit(limit)
    named = [column for column in names if column]
    if repeated := [column for column in dict.fromkeys(named) if named.count(column) > 1]:
        raise DataInvalid(
            f"{name}: {names.count(repeated[0])} columns are called `{repeated[0]}`: give each a name of its own"
        )
    return names
