"""HTML fragments: text is shown as it is, whatever it contains, and tables stay short."""

from bench_suite.reports import notebook_html


def test_no_text_is_read_as_html(html_text, hostile) -> None:
    parts = [
        notebook_html.heading(hostile),
        notebook_html.paragraph(hostile),
        notebook_html.bullets([hostile]),
        notebook_html.table([[hostile], ["unit", hostile]], [[hostile, hostile]]),
    ]
    text = html_text(notebook_html.fragment(parts))
    assert text.count("<script>alert(2)</script>$x$") == 7
    assert '<img src=x onerror="alert(1)">&amp;' in text, "an entity in a name is text too"


def test_dollar_signs_begin_no_formula() -> None:
    assert 'class="bench-suite tex2jax_ignore mathjax_ignore"' in notebook_html.fragment(["$x$"])


def test_rows_that_are_not_shown_are_counted(html_text) -> None:
    rows = [[str(number)] for number in range(notebook_html.MAX_ROWS + 5)]
    text = html_text(notebook_html.table([["n"]], rows))
    assert "199" in text
    assert "200" not in text.split("\n")
    assert "5 more rows: .frame() has all of them" in text


def test_a_list_is_short_and_nothing_is_no_list(html_text) -> None:
    assert notebook_html.bullets([]) == ""
    text = html_text(notebook_html.bullets(range(notebook_html.MAX_ITEMS + 2)))
    assert text.split("\n")[-2:] == ["39", "2 more"]
