"""A comparison as Markdown, as text, and as a data frame: verdicts worst first, with the next step."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.gate_changes import GateChange
from bench_suite.comparison.pairing import UncomparedCell
from bench_suite.comparison.verdicts import Row
from bench_suite.reports.compared import Compared
from bench_suite.reports.comparison import READING, as_markdown, as_text, title, what_next

ACCURACY = Row(
    "quality/accuracy", "imdb, minilm", True, "", "fraction", "higher", "regressed", 0.9, 0.85, -0.05, (-0.06, -0.04),
    tolerance=0.01, smallest=0.02, p=0.001,
)  # fmt: skip
SPEED = Row(
    "throughput/train", "imdb, minilm", True, "", "samples/s", "higher", "not worse than the tolerance", 1000.0, 1010.0,
    0.01, (-0.01, 0.03), relative=True, tolerance=0.05, smallest=0.06, p=0.004,
)  # fmt: skip
QUIET = Row("quality/log_loss", "imdb, minilm", False, verdict="no difference found", base=0.5, head=0.5, p=0.9)
MISSING = UncomparedCell("missing", "mnist, mlp, seed 0", "head lacks it")


def comparison(*rows: Row, status: int = 0, gated: bool = True, **changes: Any) -> Comparison:
    options = {"undecided": "exit 4", "new": "pass"}
    return replace(Comparison("BASE", "HEAD", rows, (), (), gated, status, options), **changes)


def cells(text: str) -> list[list[str]]:
    """Return the rows of the Markdown tables in a text, without their headers."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| --")]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines if "| Verdict" not in line]


def test_the_markdown_has_a_row_for_each_gated_metric_and_cell_worst_first() -> None:
    text = as_markdown(comparison(SPEED, ACCURACY, QUIET, status=1, uncompared=(MISSING,)))
    assert text.startswith(
        "### 2 gated metrics: 1 regressed, 1 not worse than the tolerance; 1 kind of cell not compared\n\nBASE → HEAD\n"
    )
    table, folded = text.split("<details>")
    assert [row[0].strip("| ") for row in cells(table)] == [
        "**regressed**", "not compared", "not worse than the tolerance",
    ]  # fmt: skip
    regressed = cells(table)[0][1:8]
    assert regressed == [
        "quality/accuracy",
        "imdb, minilm",
        "0.900",
        "0.850",
        "−0.050 [−0.060, −0.040]",
        "−0.010",
        "−0.020",
    ]
    assert "1 metrics that are not gated, without a finding" in folded
    assert cells(folded)[0][:2] == ["| no difference found", "quality/log_loss"]


def test_a_timing_is_compared_in_percent() -> None:
    (row,) = cells(as_markdown(comparison(SPEED)))
    assert row[5:8] == ["1.0 % [−1.0, 3.0]", "−5 %", "−6 %"]


def test_the_text_has_each_finding_with_its_numbers_and_counts_the_rest() -> None:
    text = as_text(comparison(SPEED, QUIET, ACCURACY, status=1, notes=("other versions: torch",)))
    assert text.splitlines() == [
        "BASE → HEAD",
        "  other versions: torch",
        "",
        "regressed: quality/accuracy, imdb, minilm",
        "    0.900 → 0.850, difference −0.050 [−0.060, −0.040], allowed −0.010, finds −0.020",
        "not worse than the tolerance: throughput/train, imdb, minilm",
        "    1,000 → 1,010 samples/s, difference 1.0 % [−1.0, 3.0], allowed −5 %, finds −6 %",
        "not gated: 1 no difference found",
        "",
        "[…] decides a gate: regressed if both ends are worse than allowed, not worse",
        "if neither is",
        "",
        "2 gated metrics: 1 regressed, 1 not worse than the tolerance",
    ]


def test_the_title_names_the_first_failure_and_counts_the_others() -> None:
    failed = [UncomparedCell("failed", f"mnist, m{number}", "an error") for number in range(3)]
    probe = UncomparedCell("failed probe", "mnist, mlp", "an error", "speed")
    assert title(comparison(status=3, uncompared=tuple(failed))) == (
        "0 gated metrics: none; 3 kinds of cells not compared; failed: mnist, m0 and 2 more"
    )
    assert title(comparison(ACCURACY, status=3, uncompared=(probe,))) == (
        "1 gated metric: 1 regressed; failed: speed in mnist, mlp"
    )
    assert title(comparison(QUIET, gated=False)) == "Nothing is judged: the suite gates no metric"


UNDECIDED = replace(ACCURACY, verdict="cannot tell")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (comparison(QUIET, gated=False), "give the suite a [gate]"),
        (comparison(SPEED), "bench baseline set   keeps the newer run as the baseline"),
        (comparison(ACCURACY, status=1), "--markdown FILE"),
        (comparison(status=3), "bench run … --resume runs again what failed"),
        (comparison(UNDECIDED, status=4), "more examples or seeds as stated above, or a wider tolerance"),
        (comparison(replace(UNDECIDED, p=None), status=4), "or do not gate them"),
        (comparison(SPEED, status=4, uncompared=(MISSING,)), "bench run … --resume   runs the missing cells"),
        (comparison(SPEED, status=4), "if its cells are the right ones"),
        (comparison(status=4), "bench results   lists the runs"),
    ],
)
def test_the_next_step_follows_from_the_result(result: Comparison, words: str) -> None:
    assert what_next(result).startswith("next: ")
    assert words in what_next(result)


FAILED = UncomparedCell("failed", "mnist, cnn, seed 0", "no memory")
NEW = UncomparedCell("new", "mnist, cnn, seed 0", "base has no such cell")
UNDECIDED = replace(ACCURACY, verdict="cannot tell")


def test_long_markdown_is_cut_from_the_end_below_the_limit_of_a_comment_and_counts_what_is_left_out() -> None:
    many = [replace(SPEED, where=f"task {number}, a model with a rather long name") for number in range(400)]
    folded = [replace(QUIET, where=f"task {number}, a model with a rather long name") for number in range(400)]
    notes = ("the code differs", "x" * 10_000, *(f"note {number} " * 20 for number in range(300)))
    text = as_markdown(comparison(ACCURACY, *many, *folded, status=1, notes=notes))
    assert 50_000 < len(text) <= 60_000
    table = text.split("<details>")[0]
    assert "**regressed**" in cells(table)[0][0]
    left_out = 401 - len(cells(table))
    assert 0 < left_out < 400
    command = "`bench compare BASE HEAD --json` prints all of them"
    assert f"\n{left_out} more rows, no worse than these; {command}\n" in text
    assert f"400 more rows; {command}" in text, "there is no room for any of those folded away"
    assert "- the code differs\n" in text
    assert f"more notes; {command}" in text
    assert text.endswith(READING + "\n")
    assert len(as_markdown(comparison(ACCURACY, *many[:50], status=1))) < 20_000


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (comparison(SPEED), "not worse"),
        (comparison(SPEED, QUIET, uncompared=(NEW,)), "not worse"),
        (comparison(QUIET, gated=False), "not judged"),
        (comparison(ACCURACY, UNDECIDED, status=1, uncompared=(FAILED,)), "regressed"),
        (comparison(UNDECIDED, status=3, uncompared=(FAILED,)), "failed"),
        (comparison(SPEED, UNDECIDED, status=4), "cannot tell"),
        (comparison(SPEED, UNDECIDED, options={"undecided": "warn", "new": "pass"}), "cannot tell"),
        (comparison(SPEED, status=4, uncompared=(MISSING,)), "cannot tell"),
        (comparison(SPEED, status=1, uncompared=(NEW,), options={"undecided": "warn", "new": "fail"}), "cannot tell"),
        (comparison(status=4, gated=False), "cannot tell"),
    ],
)
def test_the_verdict_is_the_worst_that_was_seen(result: Comparison, verdict: str) -> None:
    assert Compared.of(result).verdict == verdict


def test_a_compared_run_prints_and_writes_what_the_command_does_and_becomes_a_frame() -> None:
    result = comparison(ACCURACY, QUIET, status=1)
    compared = Compared.of(result)
    assert (str(compared), compared.markdown()) == (as_text(result), as_markdown(result))
    frame = compared.frame()
    assert frame.metric.tolist() == ["quality/accuracy", "quality/log_loss"]
    assert frame.loc[0, ["low", "high", "tolerance"]].tolist() == [-0.06, -0.04, 0.01]
    assert frame.loc[1, ["low", "high"]].isna().all()
    assert "interval" not in frame
    assert {"low_level", "high_level"} < set(frame)
    assert "levels" not in frame


def test_no_bound_reads_as_the_number_that_decides() -> None:
    near = replace(ACCURACY, verdict="not worse than the tolerance", difference=-0.004, tolerance=0.01)
    for interval, text in (
        ((-0.0096, 0.0016), "−0.0040 [−0.0096, 0.0016]"),
        ((-0.00997, 0.00197), "−0.0040 [−0.00997, 0.00197]"),
    ):
        difference = cells(as_markdown(comparison(replace(near, interval=interval))))[0][5]
        assert difference.rpartition("[")[2] == text.rpartition("[")[2]
    finding = replace(ACCURACY, gated=False, tolerance=None, smallest=None, verdict="worse", interval=(-0.1, -0.0004))
    assert cells(as_markdown(comparison(finding)))[0][5] == "−0.0500 [−0.1000, −0.0004]"


def test_a_tolerance_with_many_digits_is_written_as_exactly_as_the_interval() -> None:
    row = replace(ACCURACY, verdict="cannot tell", difference=-0.04, tolerance=0.04367, interval=(-0.0438, -0.0362))
    (line,) = cells(as_markdown(comparison(row)))
    assert line[5:7] == ["−0.0400 [−0.0438, −0.0362]", "−0.0437"]


def test_bounds_that_are_not_finite_or_far_beyond_all_values_are_written_as_infinite() -> None:
    for bound in (math.inf, 1e200):
        text = as_text(comparison(replace(SPEED, interval=(-0.01, bound)), replace(ACCURACY, interval=(-bound, -0.04))))
        assert "difference 1.0 % [−1.0, ∞]" in text
        assert "[−∞, −0.04" in text
    assert "[−1, 0.03]" not in text


def test_the_text_and_the_markdown_state_the_levels_of_their_intervals() -> None:
    """The worse end of a metric for which lower is better is the upper one."""
    higher = replace(ACCURACY, levels=(0.01, 0.005))
    lower = replace(higher, better="lower", levels=(0.005, 0.01))
    other = replace(ACCURACY, gated=False, levels=(0.0125, 0.0125))
    for row in (higher, lower):
        for text in (as_text(comparison(row, other)), as_markdown(comparison(row, other))):
            assert "the worse end errs in 1 % of comparisons, the better in 0.5 %" in text
            assert "97.5 % intervals" in text
    text = as_text(comparison(other))
    assert "the worse end" not in text
    assert "[…] decides a gate" not in text
    assert max(map(len, as_text(comparison(higher, other)).split("[…]", 1)[1].splitlines())) <= 80
    assert "[…]" not in as_text(comparison(QUIET))


REMOVED = GateChange("removed", "quality/log_loss", "max 0.7", "")
ADDED = GateChange("added", "quality/macro_f1", "", "min 0.5")


def test_changed_gates_come_before_the_notes_and_those_that_let_a_loss_pass_are_marked() -> None:
    result = comparison(ACCURACY, status=1, notes=("a note",), gate_changes=(REMOVED, ADDED))
    assert as_text(result).splitlines()[:5] == [
        "BASE → HEAD",
        "  the gates of the two suites differ; those of head are judged:",
        "    ! quality/log_loss: removed: max 0.7",
        "      quality/macro_f1: added: min 0.5",
        "  a note",
    ]
    text = as_markdown(result)
    marked, plain = "- **quality/log_loss: removed: max 0.7**\n", "- quality/macro_f1: added: min 0.5\n"
    assert text.index("The gates of the two suites differ") < text.index(marked) < text.index(plain)
    assert text.index(plain) < text.index("| Verdict") < text.index("- a note")
    many = comparison(ACCURACY, status=1, gate_changes=(REMOVED,) * 3000)
    assert len(as_markdown(many)) <= 60_000
    assert "more changes of gates; `bench compare BASE HEAD --json` prints all of them" in as_markdown(many)


@pytest.mark.parametrize(
    ("base", "head", "difference", "interval", "shown"),
    [
        (0.0001, 0.0002, -0.0001, (-0.02, 0.02), "0.0001 → 0.0002, difference −0.0001 [−0.0200, 0.0200]"),
        (0.9, 0.9001, 0.0001, (-0.02, 0.02), "0.9000 → 0.9001, difference 0.0001 [−0.0200, 0.0200]"),
        (0.73, -16.4, -17.13, (-60.0, 20.0), "0.7 → −16.4, difference −17 [−60, 20]"),
        (0.99996, 1.0, 0.00004, None, "0.99996 → 1, difference 4.00e−05"),
        (0.9, 0.9 + 1e-9, 1e-9, None, "0.900000000 → 0.900000001, difference 1.00e−09"),
        (1.0, 1.0 - 1e-9, -1e-9, (-0.02, 0.02), "1 → 0.999999999, difference −1.00e−09 [−0.020, 0.020]"),
        (0.9, 0.9, 0.0, (-0.02, 0.02), "0.900 → 0.900, difference 0.000 [−0.020, 0.020]"),
        (0.9, 0.91, 0.01, (0.0001, 0.02), "0.9000 → 0.9100, difference 0.0100 [0.0001, 0.0200]"),
    ],
)
def test_numbers_that_differ_never_read_as_equal_and_no_difference_reads_as_none(
    base, head, difference, interval, shown
) -> None:
    row = Row("q/x", "c", True, verdict="cannot tell", base=base, head=head, difference=difference, interval=interval)
    text = as_text(comparison(row))
    assert text.splitlines()[3] == f"    {shown}"
