"""The leaderboard on a terminal fits its width and holds no control characters."""

from collections.abc import Callable

import pytest

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.escaping import width
from bench_suite.reports.terminal import MAX_ROWS, terminal_table
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_a_table_shows_rank_model_and_values(make_run: Make, record: Make_record) -> None:
    text = terminal_table(make_run(record(model="good"), record(model="bad", accuracy=0.5)))
    lines = text.splitlines()
    assert lines[0] == "imdb – imdb-25k"
    assert [line.split()[:5] for line in lines if line.startswith(("1", "2"))] == [
        ["1", "good", "0.900", "±", "0.012"],
        ["2", "bad", "0.500", "±", "0.012"],
    ]


@pytest.mark.parametrize("wide", [40, 60, 80, 200])
def test_it_fits_the_width_and_names_what_it_left_out(make_run: Make, record: Make_record, wide: int) -> None:
    rows = tuple(
        MetricRow(f"probe_{number}/some_longer_metric", 0.5, "samples/s", "higher", interval=Interval(0.4, 0.6))
        for number in range(5)
    )
    run = make_run(
        record(model="a model of a very long name indeed, " * 4, metrics=rows), record(model="模型" * 30, metrics=rows)
    )
    text = terminal_table(run, wide)
    assert max(map(width, text.splitlines())) <= wide
    words = " ".join(text.split())
    assert (f"not shown in {wide} columns: probe_" in words) == ("(see the report)" in words) == (wide < 200)
    assert "0.50 ± 0.10" in text


def test_a_heading_has_coordinates_and_unit_whole(make_run: Make, record: Make_record) -> None:
    between, methods = Interval(0.4, 0.6), ("integrated_gradients", "smoothed input_x_gradient")
    rows = tuple(
        MetricRow("attribution/insertion_auc", 0.5, "probability", "higher", at={"method": method}, interval=between)
        for method in methods
    )
    plain = MetricRow("quality/accuracy", 0.5, "fraction", "higher", interval=between)
    lines = terminal_table(make_run(record(metrics=(plain, *rows))), 100).splitlines()
    assert [line.split() for line in lines[1:5]] == [
        ["quality", "attribution", "attribution"],
        ["accuracy", "↑", "insertion_auc", "↑", "insertion_auc", "↑"],
        ["method=integrated_gradients", "method=smoothed", "input_x_gradient"],
        ["model", "probability", "probability"],
    ]
    assert terminal_table(make_run(record(metrics=(plain,))), 80).splitlines()[3].split() == ["model"]


def test_coordinates_that_are_too_long_lose_their_names_before_their_ends(make_run: Make, record: Make_record) -> None:
    def heading(**at: str) -> str:
        row = MetricRow("ood/auroc", 0.5, "fraction", "higher", at=at, interval=Interval(0.4, 0.6))
        return (
            terminal_table(make_run(record(metrics=(row,))), 100).splitlines()[3].strip().removeprefix("model").strip()
        )

    assert heading(against="letters", method="energy") == "against=letters method=energy"
    assert heading(against="shift:rotten_tomatoes", method="max_softmax") == "shift:rotten_tomatoes max_softmax"
    shortened = heading(against="shift:rotten_tomatoes", method="nearest_neighbours")
    assert (shortened[:14], shortened[-18:]) == ("shift:rotten_t", "nearest_neighbours")


def test_no_name_brings_control_characters_to_the_terminal(make_run: Make, record: Make_record) -> None:
    text = terminal_table(make_run(record(task="a\x1b[31m\nb", model="c\rd\x07")))
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_run_without_results_says_so(make_run: Make, record: Make_record) -> None:
    assert terminal_table(make_run()) == "no results: no cell has succeeded"
    assert terminal_table(make_run(record(status="failed", metrics=()))).startswith("no results")


def test_a_smoke_run_says_so(make_run: Make, record: Make_record) -> None:
    text = terminal_table(make_run(record(smoke=True), smoke=True))
    assert text.startswith("smoke run")
    assert "not ranked" in text


def test_the_first_metric_of_each_probe_goes_before_a_second_one(make_run: Make, record: Make_record) -> None:
    names = ["quality/accuracy", "quality/balanced_accuracy", "other/one", "third/one"]
    rows = tuple(MetricRow(name, 0.5, "fraction", "higher", interval=Interval(0.49, 0.51)) for name in names)
    text = terminal_table(make_run(record(metrics=rows, model="gradient_boosting")), 70)
    assert "not shown in 70 columns: quality/balanced_accuracy (see the report)" in text


def test_labels_that_differ_are_never_cut_into_the_same_text(make_run: Make, record: Make_record) -> None:
    rates = (0.001, 0.002)
    run = make_run(
        *(
            record(model="gradient_boosting", options={"train": {"learning_rate": rate}}, id=str(rate), accuracy=rate)
            for rate in rates
        )
    )
    text = terminal_table(run, 60)
    assert "gradient_boosting (learning_rate=0.001)" in text
    assert "gradient_boosting (learning_rate=0.002)" in text
    text = terminal_table(run, 50)
    assert "gradient_boosting (0.001)" in text
    assert "in parentheses after the model: train.learning_rate" in " ".join(text.split())
    text = terminal_table(run, 40)
    assert "…" in text
    assert "0.001)" in text
    assert "0.002)" in text
    assert max(map(width, text.splitlines())) <= 40


def test_several_runs_share_one_table(make_run: Make, record: Make_record) -> None:
    runs = [make_run(record(model="a")), make_run(record(model="b")), make_run(record(smoke=True), smoke=True)]
    text = terminal_table(runs, 80)
    assert text.count("imdb – imdb-25k") == 1
    assert [line.split()[1] for line in text.splitlines() if line.startswith("1=")] == ["b", "a"]
    assert "smoke" not in text


def many(*metrics: str) -> tuple[MetricRow, ...]:
    return tuple(MetricRow(name, 0.5, "fraction", "higher", interval=Interval(0.49, 0.51)) for name in metrics)


NAMES = [f"probe_{number}/a_long_metric_{number}" for number in range(9)]


def test_what_is_gated_or_sorted_by_is_never_left_out(make_run: Make, record: Make_record) -> None:
    gate, report = {NAMES[7]: {"min": 0.1}}, {"columns": NAMES, "sort": NAMES[8]}
    lines = terminal_table(make_run(record(metrics=many(*NAMES)), gate=gate, report=report), 80).splitlines()
    headings = {word for line in lines[1:4] for word in line.split() if word.startswith("a_long_metric")}
    assert {"a_long_metric_7", "a_long_metric_8"} <= headings
    left_out = " ".join(lines).partition("not shown in 80 columns: ")[2]
    for name in NAMES:
        assert (name.partition("/")[2] in headings) != (name in left_out), "shown, or named as not shown"


def test_gated_columns_that_do_not_fit_follow_below_with_the_same_rows(make_run: Make, record: Make_record) -> None:
    gate = {name: [{"min": 0.1}, {"max": 0.9, "only": {"model": ["one"]}}] for name in NAMES}
    records = [record(model=model, metrics=many(*NAMES)) for model in ("one", "another")]
    text = terminal_table(make_run(*records, gate=gate, report={"columns": NAMES}), 80)
    assert all(name.partition("/")[2] in text for name in NAMES)
    assert "not shown" not in text
    assert max(map(width, text.splitlines())) <= 80
    blocks = text.count("model\n")
    assert blocks > 1
    assert text.count("another") == blocks


def test_a_large_table_is_cut_and_counts_its_other_rows(make_run: Make, record: Make_record) -> None:
    run = make_run(*(record(model=f"m{number:03}", accuracy=number / 100) for number in range(MAX_ROWS + 5)))
    text = terminal_table(run, 80)
    assert f"m{MAX_ROWS + 4:03}" in text, "the best rows stay"
    assert "m004" not in text
    assert "and 5 more rows (see the report)" in text
