"""Claims about the notes of unfinished cells: what a later process reads of one that ended."""

import json
import os

import pytest

from bench_suite.store import unfinished
from bench_suite.store.atomic import StoreError
from bench_suite.store.unfinished import UnfinishedCells, begun_cells


def ended_process(run, earlier=None, step="training", progress="", cause=""):
    """Begin a cell and leave it, as a process does that crashes; return what the next process reads."""
    cells = UnfinishedCells(run)
    cells.begin("a/b", earlier, progress)
    cells.step(step)
    if cause:
        cells.cause(cause)
    return UnfinishedCells(run).read()["a/b"]


def test_a_note_has_what_the_process_stated(tmp_path):
    cells = UnfinishedCells(tmp_path)
    cells.begin("a", None, "saved 3")
    cells.step("quality", probe=True)
    (entry,) = [json.loads(path.read_text()) for path in (tmp_path / "unfinished").glob("*.json")]
    assert (entry["cell"], entry["progress"], entry["step"], entry["probe"]) == ("a", "saved 3", "quality", True)
    read = UnfinishedCells(tmp_path).read()["a"]
    assert (read.progress, read.step, read.probe, read.ends, read.stacks) == ("saved 3", "quality", True, 1, "")
    cells.begin("b", None)
    cells.step("s" * 300)
    read = UnfinishedCells(tmp_path).read()["b"]
    assert (read.progress, read.step, read.probe) == ("", "s" * 200, False)


def test_stacks_that_a_note_states_itself_are_not_taken_for_those_of_a_crash(tmp_path):
    ended_process(tmp_path)
    (path,) = (tmp_path / "unfinished").glob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"stacks": "made up"}))
    assert UnfinishedCells(tmp_path).read()["a/b"].stacks == ""


def test_a_note_that_cannot_be_opened_is_ignored(tmp_path):
    ended_process(tmp_path)
    (tmp_path / "unfinished" / "folder.json").mkdir()
    assert [*UnfinishedCells(tmp_path).read()] == ["a/b"]


def test_a_cell_with_its_record_leaves_nothing(tmp_path):
    cells = UnfinishedCells(tmp_path)
    cells.begin("a/b", None)
    assert [*(tmp_path / "unfinished").iterdir()]
    cells.end()
    assert cells.read() == {}
    cells.close()
    assert [*tmp_path.iterdir()] == []


def test_processes_that_end_in_the_same_step_are_counted(tmp_path):
    first = ended_process(tmp_path, cause="os._exit(0)")
    assert (first.ends, first.step, first.probe, first.cause) == (1, "training", False, "os._exit(0)")
    second = ended_process(tmp_path, first)
    assert second.ends == 2
    assert ended_process(tmp_path, second, step="quality").ends == 1, "another step is another crash"


def test_a_training_that_saved_more_before_it_ended_is_no_repeated_crash(tmp_path):
    first = ended_process(tmp_path, progress="")
    assert ended_process(tmp_path, first, progress="saved").ends == 1


def test_the_next_cell_of_a_process_ends_nothing_of_the_one_that_crashed_before(tmp_path):
    ended_process(tmp_path)
    cells = UnfinishedCells(tmp_path)
    cells.begin("other", None)
    cells.close()
    assert [*cells.read()] == ["a/b"]


def test_the_stacks_of_a_process_that_a_signal_ended_name_the_cause(tmp_path):
    cells = UnfinishedCells(tmp_path)
    cells.begin("a/b", None)
    with cells.crash_file() as file:
        file.write("Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n")
    earlier = UnfinishedCells(tmp_path).read()["a/b"]
    assert earlier.cause == "Segmentation fault"
    assert "most recent call first" in earlier.stacks


def test_processes_of_two_machines_with_one_id_are_kept_apart(tmp_path, monkeypatch):
    for host in ("node-1", "node-2.cluster.example"):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        cells = UnfinishedCells(tmp_path, shared=True)
        cells.begin(f"cell of {host}", None)
        with cells.crash_file() as file:
            file.write(f"Fatal Python error: {host}\n")
    read = UnfinishedCells(tmp_path).read()
    assert {id: cell.cause for id, cell in read.items()} == {
        "cell of node-1": "node-1", "cell of node-2.cluster.example": "node-2.cluster.example",
    }  # fmt: skip
    ids, process = set(read), read["cell of node-1"].process
    assert cells.of_process("node-1", process, ids) == read["cell of node-1"]
    assert cells.of_process("node-3", process, ids) is None
    cells.close()
    assert [path.name for path in (tmp_path / "unfinished").glob("*.txt")] == [f"node-1-{process}.txt"]


def test_the_end_of_a_process_is_not_noted_of_a_cell_that_it_ended(tmp_path):
    cell = ended_process(tmp_path)
    UnfinishedCells(tmp_path).forget(cell.cell)
    UnfinishedCells(tmp_path).note_end(cell, "SIGKILL")
    assert UnfinishedCells(tmp_path).read() == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b'{"cell": 1, "process": 2}', b'{"cell": "a"}'])
def test_a_damaged_note_is_ignored(tmp_path, content):
    ended_process(tmp_path)
    (path,) = (tmp_path / "unfinished").glob("*.json")
    path.write_bytes(content)
    assert UnfinishedCells(tmp_path).read() == {}


def test_a_damaged_field_is_ignored(tmp_path):
    ended_process(tmp_path)
    (path,) = (tmp_path / "unfinished").glob("*.json")
    entry = json.loads(path.read_text())
    for name in entry:
        path.write_text(json.dumps(entry | {name: [1]}))
        assert UnfinishedCells(tmp_path).read() == {}, name


def test_a_folder_that_cannot_be_written_is_an_error_of_the_store(tmp_path):
    (tmp_path / "unfinished").write_text("a file")
    with pytest.raises(StoreError):
        UnfinishedCells(tmp_path).begin("a", None)


def test_a_training_notes_how_far_it_is_but_not_more_often_than_once_a_second(tmp_path, monkeypatch):
    clock = iter([100.0, 100.5, 101.0])
    monkeypatch.setattr(unfinished.time, "monotonic", lambda: next(clock))
    cells = UnfinishedCells(tmp_path)
    cells.begin("a", None)
    cells.step("training")
    noted = []
    for number in (1, 2, 3):
        cells.training(number, 10.0 * number, 0.5 if number < 3 else float("nan"))
        (cell,) = begun_cells(tmp_path)
        noted.append((cell.steps, cell.samples_per_second, cell.loss))
    assert noted == [(1, 10.0, 0.5), (1, 10.0, 0.5), (3, 30.0, None)]
    cells.step("quality", probe=True)
    (cell,) = begun_cells(tmp_path)
    assert (cell.step, cell.steps, cell.samples_per_second, cell.loss) == ("quality", 0, 0.0, None)
    assert 0 < cell.began <= cell.step_began


def test_begun_cells_are_read_as_they_are_also_from_files_of_older_versions(tmp_path):
    UnfinishedCells(tmp_path).begin("a", None)
    (path,) = (tmp_path / "unfinished").glob("*.json")
    (cell,) = begun_cells(tmp_path)
    assert (cell.cell, cell.process, cell.ends) == ("a", os.getpid(), 0)
    entry = {name: value for name, value in json.loads(path.read_text()).items() if name not in ("began", "steps")}
    path.write_text(json.dumps(entry))
    (cell,) = begun_cells(tmp_path)
    assert (cell.began, cell.steps) == (0.0, 0)
    path.write_text(json.dumps(entry | {"steps": "many"}))
    assert begun_cells(tmp_path) == []
