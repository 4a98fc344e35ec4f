"""The package `datasets` of Hugging Face, which is imported only when data are read."""

from __future__ import annotations

from typing import Any

from bench_suite.contracts import DataUnavailable


def import_datasets(subject: str) -> Any:
    """Return the package `datasets`, whose import takes two seconds.

    Raises:
        DataUnavailable: It is not installed.
    """
    try:
        import datasets
    except ImportError:
        reason = "the package `datasets`, which reads folders and JSON files, is not installed"
        raise DataUnavailable(f"{subject}: {reason}", "pip install datasets") from None
    return datasets
