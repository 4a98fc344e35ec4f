"""What a suite states about data that a person brings, and contradictions that are refused before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import OptionError
from bench_suite.data.column_types import ColumnOptions, check_column_options
from bench_suite.data.csv_text import TextOptions
from bench_suite.data.split_rules import read_rule


@dataclass(frozen=True)
class OwnDataOptions:
    """What a suite states about data that a person brings."""

    inputs: str | tuple[str, ...] | None = None
    """A column of images or texts, or a list of columns: of a table, or of texts to be joined. By default all columns
    but the label, the groups, and those that `columns` calls `ignore`."""
    label: str = "label"
    "The column to predict."
    config: str | None = None
    "The configuration (subset); needed if there are several."
    problem: Literal["classification", "regression"] | None = None
    "The problem to learn; by default a regression for a column of floats, a classification for any other."
    modality: Literal["image", "text", "table"] | None = None
    "The kind of inputs; by default their columns decide."
    train: str | None = None
    "Name of the split to train on; by default `train` or `training`, or the only split."
    validation: str | None = None
    'Name of the split to choose on; by default `validation`, `valid`, `dev` or `val`; "" leaves it out.'
    test: str | None = None
    'Name of the split to test on; by default `test` or `testing`; "" leaves it out, so that another is used or drawn.'
    groups: tuple[str, ...] = ()
    "Columns of sensitive attributes to report by; they are inputs only if `inputs` names them too."
    separator: str = "\n"
    "Text between the texts of several columns."
    columns: Mapping[str, str] | None = None
    """What columns hold, if the values do not tell: `number`, `category`, `date` (or `date:%d/%m/%Y`), `text`,
    `picture` (a path), or `ignore`."""
    missing_values: tuple[str, ...] = ()
    'Texts that stand for a missing value, such as "-"; in columns of numbers `NA`, `null` and the like always do.'
    decimal: str | None = None
    'The decimal mark of numbers in text files, "." or ","; by default the values decide.'
    thousands: str | None = None
    'The mark between thousands in text files, such as "."; by default the values decide.'
    encoding: str | None = None
    "Encoding of text files, such as `cp1252`; by default UTF-8."
    delimiter: str | None = None
    "What separates the columns of text files; by default the line of names decides: comma, semicolon, tab or bar."
    quotes: bool | None = None
    'Whether the mark " encloses values in text files; by default it does if every value that begins with it ends so.'
    categorical: tuple[str, ...] = ()
    "Columns of a table whose numbers are codes, such as a postcode; the same as `category` in `columns`."
    categories: int = 100
    "Most categories of a column that get their own column in the table: the most frequent of train."
    size: int | None = None
    "Height and width to which the middle square of each image is resized. Needed if their sizes differ."
    split: Mapping[str, int | float | bool | str] | None = None
    """How to split the rows: `{ test = 0.2, validation = 0.1 }`, `{ test = 0.2, by = "customer_id" }`,
    `{ after = "2026-01-01", by = "date" }`, `{ column = "part" }` or `{ folds = 5, repeats = 2 }`; also
    `stratify = false`."""
    fold: int | None = None
    "The fold that is tested on, if `split` states folds. The axis `fold` sets it; a suite does not state it here."
    duplicates: Literal["keep", "drop", "refuse"] | None = None
    """What to do with rows of train whose inputs a tested split has too: `drop` them from train (the default for images
    and texts), `keep` them (for tables, where equal rows are usual), or `refuse` the data."""
    max_bytes: int = 8_589_934_592
    "Most bytes of one file, uncompressed: more are refused before they fill the memory."


def check(options: OwnDataOptions) -> None:
    """Raise OptionError if options contradict each other, or if a column is named for two purposes."""
    inputs = stated_inputs(options)
    if inputs is not None and not inputs:
        raise OptionError("inputs names no column", "inputs")
    for option, names in (("inputs", inputs or ()), ("groups", options.groups), ("categorical", options.categorical)):
        if len(set(names)) < len(names):
            raise OptionError(f"{option} names a column twice", option)
    if options.label in (*(inputs or ()), *options.groups):
        option = "inputs" if options.label in (inputs or ()) else "groups"
        raise OptionError(f"label = {options.label!r} is also in `{option}`: nothing would be left to learn", option)
    for column in options.categorical:
        if inputs is not None and column not in inputs:
            near = nearest(column, inputs)
            raise OptionError(f"categorical names {column!r}, which is not an input{near}", "categorical")
    named = [name for name in (options.train, options.validation, options.test) if name]
    if len(set(named)) < len(named):
        twice = ", ".join(map(repr, named))
        raise OptionError(f"one split is named twice among train, validation and test: {twice}")
    for column, stated in (options.columns or {}).items():
        if stated == "ignore" and column in (options.label, *(inputs or ()), *options.groups):
            message = f'columns.{column} = "ignore", but the task uses it: leave one of the two out'
            raise OptionError(message, "columns", column)
    rule = read_rule(options.split)
    if rule is not None and options.label in rule.columns:
        raise OptionError(f"split reads the label {options.label!r}: name another column", "split")
    for option, value in (("delimiter", options.delimiter), ("encoding", options.encoding)):
        _check_text_option(option, value)
    check_column_options(column_options(options))


def _check_text_option(option: str, value: str | None) -> None:
    import codecs

    if option == "delimiter" and value is not None and (len(value) != 1 or value in '"\n\r'):
        raise OptionError(f'delimiter = {show(value)} is not one mark, such as "," or "\\t"', option)
    if option == "encoding" and value is not None:
        try:
            codecs.lookup(value)
        except LookupError:
            message = f"encoding = {show(value)} is not known: write such as utf-8, cp1252, latin-1"
            raise OptionError(message, option) from None


def stated_inputs(options: OwnDataOptions) -> tuple[str, ...] | None:
    """Return the names of the input columns; None if the suite states none."""
    return (options.inputs,) if isinstance(options.inputs, str) else options.inputs


def column_options(options: OwnDataOptions) -> ColumnOptions:
    """Return what a suite states about columns; `categorical` is another way to write `category`."""
    stated = {**dict.fromkeys(options.categorical, "category"), **(options.columns or {})}
    return ColumnOptions(stated, options.missing_values, options.decimal, options.thousands)


def text_options(options: OwnDataOptions) -> TextOptions:
    """Return what a suite states about text files."""
    return TextOptions(options.delimiter, options.encoding, options.quotes)
