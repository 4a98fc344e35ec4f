"""Component files named by a suite: each is a separate module, and a subprocess of a cell can import it again."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from bench_suite.components import discovery
from bench_suite.contracts import ComponentError
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

METRIC = '''"""{doc}"""

UNIT = "fraction"
BETTER = "higher"


def share(predictions, targets):
    """{doc}"""
    return {value}
'''
MODEL = '''"""A model that is only planned here."""

MODALITIES = ("table",)
PROBLEMS = ("classification",)


def build(data, options):
    """Nothing."""
'''


def _load(path: Path) -> Any:
    return discovery.load(discovery.find("metrics", path.name, path.parent)).share


def _write(folder: Path, value: float) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "share.py"
    path.write_text(METRIC.format(doc="A share.", value=value))
    return path


def test_a_spawned_process_finds_what_the_file_defines(tmp_path: Path) -> None:
    function = _load(_write(tmp_path, 0.25))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(function, (None, None)) == 0.25


def test_a_file_is_run_once_and_again_after_an_edit(tmp_path: Path) -> None:
    path = _write(tmp_path, 0.25)
    first = _load(path)
    assert _load(path) is first
    edited = _load(_write(tmp_path, 0.75))  # the same size, within the same second
    assert edited(None, None) == 0.75
    assert pickle.loads(pickle.dumps(first))(None, None) == 0.25


def test_two_files_of_one_name_and_content_are_two_modules(tmp_path: Path) -> None:
    first, second = (_load(_write(tmp_path / folder, 0.5)) for folder in ("a", "b"))
    assert first is not second
    assert [Path(f.__code__.co_filename).parent.name for f in (first, second)] == ["a", "b"]


@pytest.mark.parametrize("name", ["share with spaces é.py", "dotted.name.py"])
def test_a_files_name_need_not_be_one_of_a_module(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(MODEL)
    assert discovery.load(discovery.find("models", f"./{name}", tmp_path)).MODALITIES == ("table",)


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    _load(_write(tmp_path, 0.5))
    assert [path.name for path in tmp_path.iterdir()] == ["share.py"]


def test_a_file_that_does_not_load_is_named_and_leaves_no_module(tmp_path: Path) -> None:
    path = _write(tmp_path, 0.5)
    path.write_text(path.read_text() + "\nimport nowhere_to_be_found\n")
    with pytest.raises(ComponentError, match=r"share\.py does not load.*nowhere_to_be_found"):
        _load(path)
    assert not [
        name
        for name in sys.modules
        if name.startswith("bench_suite.components.external.share") and str(path).encode().hex() in name
    ]


def test_files_of_one_name_in_two_folders_and_a_builtin_of_that_name_are_different_cells(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mlp.py").write_text(MODEL)
    uses = ("./a/mlp.py", "./b/mlp.py", "mlp")
    models = "".join(f'[[models]]\nuse = "{use}"\nname = "{number}"\n' for number, use in enumerate(uses))
    suite = tmp_path / "suite.toml"
    suite.write_text(f'[[tasks]]\nuse = "loans"\n{models}[probes.quality]\n')
    plan = make_plan(read_suite(str(suite)))
    assert len({cell.id for cell in plan.cells}) == 3
    # Neither the spelling of the path nor the suite's folder is part of the identity.
    suite.write_text(suite.read_text().replace("./a/", "a/"))
    assert {c.id for c in make_plan(read_suite(str(suite))).cells} == {c.id for c in plan.cells}
