"""Any Hugging Face data set of images, texts or tables, which the suite names by its id and columns, without code.

    [[tasks]]
    use = "hub"
    name = "tweets"
    id = "cardiffnlp/tweet_eval"
    config = "emotion"
    inputs = "text"
    label = "label"

**Inputs.** One column of encoded images makes a task of images: grey if all are grey, else colour. Columns that all
hold text make a task of texts; several columns are joined by `separator`, as for pairs of sentences. Any other columns
make a table. Numbers stay as they are (NaN if missing), truth values become 0 and 1, times become days since 1970.
Text, class numbers and the columns that `columns` calls `category` get a column of 0 and 1 for each category of train,
and one for `missing` if train lacks values. Set `modality` to choose another, such as a table for nothing but text.

**Labels.** Floats make a regression, other labels classes, unless `problem` is stated. Classes have the names that the
data set gives them (`ClassLabel`), else the labels of all splits are the names: numbers in ascending order, texts by
code point. Examples without a label are left out and counted.

**Splits** are those of the data set. If it has no test split, or one without labels, its validation split is tested on,
as is usual (GLUE, Wang et al. 2018). If it has neither, a fifth of train is drawn by content, stratified by class. If
it has no validation split, one is held out of train, as for every task. The record's notes report these choices.

A folder `$BENCH_DATA/<id>` takes precedence over the hub, and is read as the task `files` reads a folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bench_suite.contracts import Data
from bench_suite.data import own_data, own_data_options
from bench_suite.data.file_listing import has_data
from bench_suite.data.folder_files import folder_files
from bench_suite.data.hub import path_error
from bench_suite.data.origin import Origin
from bench_suite.data.own_data import Assembled
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.data.places import data_folder, downloaded_commit
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.sources import hub_command
from bench_suite.data.table_cache import assemble_files

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = ("image", "text", "table")
PROBLEM = ("classification", "regression")
SHIFTS = ()
BOUNDS = {"size": (1, 4096), "categories": (1, None), "max_bytes": (1, None)}


@dataclass(frozen=True, kw_only=True)
class Options(OwnDataOptions):
    id: str
    """Id of the data set on the hub: `owner/name`. A folder `$BENCH_DATA/<id>` takes precedence over the hub. For files
    of your own use the task `files`."""
    revision: str | None = None
    "Branch, tag or commit on the hub: with a commit, the data never change. It does not apply to a folder."
    data: Literal["full"] = "full"
    "The whole data set: no package ships samples of it."


def check(options: Options) -> None:
    """Raise ValueError if the id is not one of a data set, or if options contradict each other."""
    if (error := path_error(options.id)) is not None:
        raise ValueError(f"id = {error}")
    if options.id.startswith(("http:", "https:")) or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", options.id):
        raise ValueError(
            f"id = {options.id!r} is not the id of a data set: write owner/name, as on its page on the hub"
        )
    own_data_options.check(options)


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train`, `test` and perhaps `validation`, in memory (see `own_data.assemble`).

    Raises:
        DataUnavailable: Neither a folder nor the hub has the data set; the message holds the reason and the command
            that downloads it.
        DataInvalid: It has no such column, split or configuration, or nothing can be learnt from it.
    """
    return assemble(options, sources).data


def assemble(options: Options, sources: Sources) -> Assembled:
    """Return the data with how their columns were read, for `bench data show`."""
    name = options.id if options.config is None else f"{options.id}:{options.config}"
    download = hub_command(options.id, revision=options.revision)
    folder = data_folder(options.id)
    if folder is not None and has_data(folder):
        files = replace(folder_files(folder, options.id, options.config), download=download)
        commit = downloaded_commit(folder, next(iter(files.splits.values()))[0])
        origin = Origin(f"folder:{options.id}", name, commit, files.licence, (folder,), download)
        return assemble_files(options, files, origin, sources)
    repository = sources.repository(options.id, config=options.config, revision=options.revision)
    fetched = {split: repository.read(split, None) for split in repository.splits}
    first = next(iter(fetched.values()))
    raw = RawTables({split: (part.table,) for split, part in fetched.items()}, textual=False)
    origin = Origin(first.origin, name, first.revision, first.licence, first.folders, download)
    return own_data.assemble(options, raw, origin, sources)
