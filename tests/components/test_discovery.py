"""Claims about components: the facts read from the source equal those of the imported module."""

from __future__ import annotations

import ast
import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from bench_suite.components import discovery
from bench_suite.components.facts import FORMS
from bench_suite.components.options import MISSING, read_options
from bench_suite.contracts import ComponentError
from bench_suite.pretrained.options import FinetuningOptions

BUILTIN = [(kind, name) for kind in discovery.KINDS for name in discovery.builtin(kind)]
PROBE = "METRICS = {}\n\n\ndef probe(trained, options):\n    yield from ()\n"


@pytest.mark.parametrize(("kind", "name"), BUILTIN)
def test_what_was_read_of_a_component_is_what_is_there(kind, name):
    component = discovery.find(kind, name, Path())
    module = discovery.load(component)
    for fact, value in component.facts.items():
        assert getattr(module, fact) == value
    for fact in FORMS:
        if hasattr(module, fact):
            assert fact in component.facts, f"{fact} is there and was not read"
    for function in component.functions:
        assert callable(getattr(module, function))
    options = getattr(module, "Options", None)
    fields = {field.name: field for field in dataclasses.fields(options)} if options else {}
    assert list(fields) == list(component.options)
    for option in component.options.values():
        default = fields[option.name].default
        assert (MISSING if default is dataclasses.MISSING else default) == option.default
        assert option.help, f"{option.name} has no help"
    if options and all(option.default is not MISSING for option in component.options.values()):
        assert discovery.make_options(component, {}) == options()
    assert component.summary, "a component's docstring is its help"
    assert component.doc == module.__doc__.strip() or component.doc == ast.get_docstring(
        ast.parse(Path(module.__file__).read_text())
    )


def test_training_options_as_read_are_those_that_are_there():
    from bench_suite.contracts import TRAIN_BOUNDS, TrainOptions
    from bench_suite.suite.spec import train_options

    fields = {field.name: field.default for field in dataclasses.fields(TrainOptions)}
    assert {name: option.default for name, option in train_options().items()} == fields
    assert {
        name: option.bounds for name, option in train_options().items() if option.bounds != (None, None)
    } == TRAIN_BOUNDS


def test_a_file_is_read_again_when_it_was_edited(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("VERSION = 1\n" + PROBE)
    assert discovery.find("probes", "./mine.py", tmp_path).version == 1
    file.write_text("VERSION = 12\n" + PROBE)
    assert discovery.find("probes", "mine.py", tmp_path).version == 12


def test_the_source_hash_covers_the_file_of_the_options_base(tmp_path, monkeypatch):
    """A change of the base changes the hash of an inheriting model, and the model is read again."""
    package = tmp_path / "bench_suite"
    package.mkdir()
    base = package / "shared.py"
    base.write_text("@dataclass(frozen=True)\nclass Shared:\n    width: int = 3\n")
    (tmp_path / "mine.py").write_text(
        "from bench_suite.shared import Shared\n\n@dataclass(frozen=True)\nclass Options(Shared):\n    x: int = 1\n"
        + PROBE
    )
    monkeypatch.setattr(discovery, "PACKAGE", package)
    before = discovery.find("probes", "./mine.py", tmp_path)
    assert list(before.options) == ["width", "x"]
    base.write_text("@dataclass(frozen=True)\nclass Shared:\n    width: int = 33\n")
    after = discovery.find("probes", "./mine.py", tmp_path)
    assert after.options["width"].default == 33
    assert after.source_hash != before.source_hash
    base.write_text("@dataclass(frozen=True)\nclass Shared:\n    width: int = 'three'\n")
    with pytest.raises(ComponentError, match=r"shared.py:3: the default of `width` must be a literal of type int"):
        discovery.find("probes", "./mine.py", tmp_path)


def test_models_built_on_transformers_state_the_shared_options_alike():
    """`auto` states them itself to keep their order; type, default and help equal those of the other models."""
    auto, bert = (discovery.find("models", name, Path()).options for name in ("auto", "bert"))
    shared = [field.name for field in dataclasses.fields(FinetuningOptions) if field.name != "pretrained"]
    assert [name for name in auto if name in shared] == shared
    for name in shared:
        assert dataclasses.replace(auto[name], line=0) == dataclasses.replace(bert[name], line=0)


def test_reading_runs_nothing_and_warns_of_nothing(tmp_path, recwarn):
    (tmp_path / "mine.py").write_text("raise SystemExit('\\d')\n" + PROBE)
    component = discovery.find("probes", "./mine.py", tmp_path)
    assert component.external
    assert component.functions == {"probe"}
    assert not recwarn.list


def test_a_file_that_does_not_load_is_a_component_error_that_names_the_cause(tmp_path):
    (tmp_path / "mine.py").write_text("import no_such_module\n" + PROBE)
    with pytest.raises(
        ComponentError, match=r"probe ./mine.py does not load: ModuleNotFoundError: No module named 'no_such_module'"
    ):
        discovery.load(discovery.find("probes", "./mine.py", tmp_path))


def test_a_file_is_loaded_once_under_a_name_of_its_own(tmp_path):
    (tmp_path / "json.py").write_text(PROBE)
    component = discovery.find("probes", "./json.py", tmp_path)
    module = discovery.load(component)
    assert discovery.load(component) is module
    assert module.__name__ != "json"


def test_an_installed_distribution_brings_components_that_are_read_without_import(tmp_path):
    """The test uses a real distribution's layout: a package, and `entry_points.txt` in its metadata."""
    package = tmp_path / "their_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')\n")
    (package / "mine.py").write_text('"""Their probe."""\n' + PROBE)
    metadata = tmp_path / "their_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[bench.probes]\ntheirs = their_package.mine\n")
    code = "from pathlib import Path\nfrom bench_suite.components.discovery import find\n"
    code += "print(find('probes', 'theirs', Path()).summary)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "Their probe.\n", done.stderr


def test_options_of_another_class_name_are_read_the_same_way():
    tree = ast.parse("@dataclass(frozen=True)\nclass Other:\n    x: int = 1\n")
    assert read_options(tree, "Other", {})["x"].default == 1


@pytest.fixture
def folder_component(tmp_path):
    """Return the folder of a probe with its facts in `__init__.py` and its other files beside it."""
    folder = tmp_path / "probes" / "calibration"
    (folder / "tables").mkdir(parents=True)
    (folder / "__init__.py").write_text('"""A probe in a folder."""\n' + PROBE)
    (folder / "bins.py").write_text("COUNT = 15\n")
    (folder / "tables" / "levels.toml").write_text("level = 0.95\n")
    return folder


def test_a_component_that_is_a_folder_is_found_under_the_name_of_the_folder(folder_component, monkeypatch):
    monkeypatch.setattr(discovery, "PACKAGE", folder_component.parent.parent)
    assert discovery.builtin("probes") == ["calibration"]
    component = discovery.find("probes", "calibration", Path())
    assert component.name == "calibration"
    assert component.path == folder_component / "__init__.py"
    assert component.summary == "A probe in a folder."
    assert not component.external


def test_a_folder_that_a_suite_names_by_its_init_file_has_the_name_of_the_folder(folder_component):
    component = discovery.find("probes", "./calibration/__init__.py", folder_component.parent)
    assert component.name == "calibration"
    assert component.external


@pytest.mark.parametrize("file", ["__init__.py", "bins.py", "tables/levels.toml"])
def test_the_source_hash_of_a_folder_changes_with_any_file_in_it(folder_component, file):
    def source_hash() -> str:
        return discovery.find("probes", "./calibration/__init__.py", folder_component.parent).source_hash

    before = source_hash()
    assert source_hash() == before
    with (folder_component / file).open("a") as stream:
        stream.write("# changed\n")
    assert source_hash() != before


def test_compiled_files_in_a_folder_do_not_change_its_source_hash(folder_component):
    before = discovery.find("probes", "./calibration/__init__.py", folder_component.parent).source_hash
    (folder_component / "__pycache__").mkdir()
    (folder_component / "__pycache__" / "bins.cpython-311.pyc").write_bytes(b"\0")
    assert discovery.find("probes", "./calibration/__init__.py", folder_component.parent).source_hash == before
