"""Run `docs/tutorial.ipynb` from the top, and store what its cells show.

Run `python docs/run_notebook.py`. It needs nbclient and ipykernel, and writes no file besides the notebook: the suite
and its results lie in a temporary folder.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent / "tutorial.ipynb"
SECONDS = 300


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of a run in `folder`.

    Raises:
        CellExecutionError: a cell raised an error.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", record_timing=False,
        resources={"metadata": {"path": str(folder)}}, coalesce_streams=True,
    )  # fmt: skip
    client.execute()
    return notebook


def main() -> int:
    """Replace the outputs of the notebook."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(NOTEBOOK, Path(folder))
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    nbformat.write(notebook, NOTEBOOK)
    print(f"{NOTEBOOK}: {NOTEBOOK.stat().st_size / 1024:.0f} KiB")  # noqa: T201 - the output of a script
    return 0


if __name__ == "__main__":
    sys.exit(main())
