"""The tutorial notebook runs from the top, and shows what its text says."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
NOTEBOOK = DOCS / "tutorial.ipynb"
MAX_BYTES = 100_000


def outputs(notebook: dict) -> list[dict]:
    """Return what the cells of a notebook show, from the top, by the type of its data."""
    shown = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    assert not [output for output in shown if output["output_type"] == "error"]
    return [{kind: "".join(text) for kind, text in output.get("data", {}).items()} for output in shown]


def test_the_notebook_runs_and_shows_the_board_the_picture_and_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nbclient", reason="nbclient is not installed: pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install ipykernel")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    executed = runpy.run_path(str(DOCS / "run_notebook.py"))["executed"]
    shown = outputs(executed(NOTEBOOK, tmp_path))
    pages = "\n".join(output.get("text/html", "") for output in shown)
    assert pages.count("6 of 6 cells; done") == 2, "the progress of both runs has ended"
    assert "logistic_regression</td>" in pages
    assert "regressed: 2 gated metrics" in pages
    assert [output for output in shown if "image/png" in output]
    assert "('regressed', 1)" in [output.get("text/plain") for output in shown]


def test_the_stored_outputs_are_those_of_the_cells_and_small() -> None:
    assert NOTEBOOK.stat().st_size < MAX_BYTES
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    counts = [cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1)), "it was run from the top: python docs/run_notebook.py"
    assert any("regressed" in output.get("text/html", "") for output in outputs(notebook))
    assert "/tmp" not in NOTEBOOK.read_text(encoding="utf-8"), "no paths of one machine"
