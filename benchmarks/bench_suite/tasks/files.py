"""Files of your own: a CSV, Parquet or JSON file, a folder of pictures, or a file for each split.

    [[tasks]]
    use = "files"
    name = "churn"
    path = "churn.csv"                 # or a folder, a pattern, { train = "a.csv", test = "b.csv" }
    label = "churned"

Paths start from the folder of the suite. A folder is understood as Hugging Face `datasets` understands it: names of
splits in names of files and folders (`train.csv`, `test/part.csv`), a folder for each class of pictures
(`train/CLASS/1.png`), or `metadata.csv` with the column `file_name`. A file that is not read is named, or refused.

**Columns.** All columns but the label are inputs, unless `inputs` names some. A column has one type in all files:
numbers if every value is written as a number, dates if every value is YYYY-MM-DD, else text, which stays as it stands
(`007` is `007`). What can be read in two ways is refused, with the line that decides. `bench data show SUITE` prints
what was decided, and why.

**Labels.** Numbers with a decimal part make a regression, other labels classes, unless `problem` is stated. Rows
without a label are left out and counted.

**Splits** are those of the files. Without a test file a fifth of the rows is drawn by content, stratified by class; the
record's notes say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import Data, OptionError
from bench_suite.data import own_data_options
from bench_suite.data.origin import Origin
from bench_suite.data.own_data import Assembled
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.data.split_roles import USUAL_NAMES
from bench_suite.data.stated_files import stated_files
from bench_suite.data.table_cache import assemble_files

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = ("image", "text", "table")
PROBLEM = ("classification", "regression")
SHIFTS = ()
BOUNDS = {"size": (1, 4096), "categories": (1, None), "max_bytes": (1, None)}
PATHS = ("path",)
FILES = ("path",)


@dataclass(frozen=True, kw_only=True)
class Options(OwnDataOptions):
    path: str | Mapping[str, str | tuple[str, ...]]
    'A file, a folder, a pattern such as "2024-*.csv", or one or several for each split; relative to the suite.'
    data: Literal["full"] = "full"
    "All examples of the files: no package ships samples of them."


def check(options: Options) -> None:
    """Raise OptionError if options contradict each other, or if a column is named for two purposes."""
    own_data_options.check(options)
    if not options.path:
        raise OptionError("path names no file", "path")
    if isinstance(options.path, Mapping):
        usual = [name for names in USUAL_NAMES.values() for name in names]
        known = [*usual, options.train, options.validation, options.test]
        for split in options.path:
            if split not in known:
                raise OptionError(
                    f"path.{split}{nearest(split, usual)}: files of a split that is not used; the splits are train, "
                    f"validation and test (another name needs such as test = {show(split)})",
                    "path", split,
                )  # fmt: skip


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train`, `test` and perhaps `validation`, in memory (see `own_data.assemble`).

    Raises:
        DataInvalid: A file is missing or cannot be read, or can be read in two ways, or nothing can be learnt from it.
    """
    return assemble(options, sources).data


def assemble(options: Options, sources: Sources) -> Assembled:
    """Return the data with how their columns were read, for `bench data show`."""
    files = stated_files(options.path, Path(), options.config)
    origin = Origin(f"files:{files.subject}", files.subject, None, files.licence, (files.root,))
    return assemble_files(options, files, origin, sources)
