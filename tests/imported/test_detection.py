"""Each file of a tool is recognised as that tool's, and as no other's."""

from pathlib import Path

import pytest

from bench_suite.components import discovery
from bench_suite.contracts import BenchError
from bench_suite.imported.detection import detected, files_of, importer_named
from bench_suite.imported.heads import head_of

DATA = Path(__file__).parents[1] / "importers" / "data"
FILES = {
    "scores": "gpqa_diamond_scores.csv.gz",
    "lm_eval": "lm_eval/samples_sizes_mc_2026-11-30T16-01-03.345781.jsonl",
    "inspect_ai": "inspect_ai/2026-11-30T16-02-01-00-00_sums_LSaowVemaJfj5MiYKvQXiQ.eval",
    "mlflow": "mlflow/eval_results_table.json",
    "pytest_benchmark": "pytest_benchmark/process1.json",
    "google_benchmark": "google_benchmark/g1.json",
    "asv": "asv/results/vm/b58f1830-existing-py.json",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_matches_its_own_format_alone(name: str) -> None:
    path = DATA / FILES[name]
    matching = [
        other
        for other in discovery.builtin("importers")
        if discovery.load(discovery.find("importers", other, Path())).matches(path, head_of(path))
    ]
    assert matching == [name]


def test_every_importer_has_a_file_here() -> None:
    assert {*FILES, "predictions"} == set(discovery.builtin("importers"))


def test_a_folder_stands_for_its_files_and_others_are_left_out() -> None:
    importer, files = detected([DATA / "asv"])
    assert (importer.name, [file.name for file in files]) == ("asv", ["b58f1830-existing-py.json"])


def test_several_formats_unknown_and_absent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="several formats"):
        detected([DATA / FILES["mlflow"], DATA / FILES["asv"]])
    (tmp_path / "x.csv").write_text("frage,punkte\n1,2\n")
    with pytest.raises(BenchError, match="its columns are 'frage', 'punkte'"):
        detected([tmp_path / "x.csv"])
    assert detected([tmp_path / "x.csv"], "scores")[0].name == "scores"
    (tmp_path / "empty.csv").write_text("")
    for path, message in ((tmp_path / "empty.csv", "is empty"), (tmp_path / "absent", "cannot be read")):
        with pytest.raises(BenchError, match=message):
            detected([path])
    (tmp_path / "folder").mkdir()
    with pytest.raises(BenchError, match="no file in the folder has the format asv"):
        files_of([tmp_path / "folder"], importer_named("asv"))
    assert [file.name for file in files_of([DATA], importer_named("mlflow"))] == ["eval_results_table.json"] * 2
    with pytest.raises(BenchError, match="no file in the folder has a known format"):
        detected([tmp_path / "folder"])


def test_a_format_has_its_name_with_either_dash() -> None:
    assert importer_named("pytest-benchmark").name == "pytest_benchmark"
    with pytest.raises(BenchError, match='did you mean "inspect_ai"'):
        importer_named("inspect")
