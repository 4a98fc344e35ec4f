"""What is noted of a column: that its owner may have meant another type, with the line that states it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.components.options import show
from bench_suite.data.column_values import all_match, any_match
from bench_suite.data.dates import OTHER_DATE, date_format_of
from bench_suite.data.number_formats import CODE, NUMBER

_NUMBER_LIKE = (
    r"^[^0-9A-Za-z]{0,3}[-+]?[0-9]+([.,' \x{a0}\x{2009}\x{202f}\x{2019}][0-9]+)*([eE][-+]?[0-9]+)?[^0-9A-Za-z]{0,3}$"
)
NEARLY_ALL, FEW_OTHERS = 0.9, 2
"If this share of a column of text, or all but this many values, look like numbers or dates, a note says so."
MAX_LISTED = 5
"Values that a note lists."


def note_on_texts(name: str, values: pa.Array) -> str:
    """Return a note on a column of texts of which most look like dates or numbers; empty if they do not."""
    dates = pc.match_substring_regex(values, OTHER_DATE)
    numbers = pc.match_substring_regex(values, _NUMBER_LIKE)
    for kind, matches in (("dates", dates), ("numbers", numbers)):
        count = pc.sum(matches).as_py() or 0
        few = count > FEW_OTHERS and len(values) - count <= FEW_OTHERS
        if not count or (count < NEARLY_ALL * len(values) and not few):
            continue
        like, others = values.filter(matches), values.filter(pc.invert(matches))
        first = f"; the first other value is {others[0].as_py()[:40]!r}" if len(others) else ""
        marks = ", ".join(show(other[:40]) for other in others[:MAX_LISTED].to_pylist())
        absent = f"missing_values = [{marks}]" if len(others) else ""
        line = f'columns = {{ {name} = "{date_format_of(like) if kind == "dates" else "number"}" }}'
        if kind == "dates":
            advice = f"{line}{f' with {absent}' if absent else ''} reads them as dates"
        elif not all_match(like, NUMBER):
            advice = f"{line} with {absent or 'decimal or thousands'} would make it numbers"
        else:
            advice = f"{absent if absent and not any_match(like, CODE) else line} would make it numbers"
        return f"read as text, although {count} of its {len(values)} different values look like {kind}{first}: {advice}"
    return ""
