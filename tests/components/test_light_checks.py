"""Claims about checks of options without the rest of a component's file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench_suite.components import discovery
from bench_suite.components.light_checks import can_check, check_options
from bench_suite.contracts import OptionError

HEAVY = ("torch", "pandas", "sklearn", "matplotlib", "datasets", "transformers", "lightning", "opacus", "captum")
CHECKED = [
    (kind, name)
    for kind in discovery.KINDS
    for name in discovery.builtin(kind)
    if kind != "executors" and "check" in discovery.find(kind, name, Path()).functions
]
ONLY_CHECKS = """
import sys
from pathlib import Path
from bench_suite.components import discovery, light_checks
for kind, name in {components!r}:
    part = light_checks._checking_part(discovery.find(kind, name, Path()).path, name)
    assert callable(part.check) and part.Options.__module__ == part.__name__, name
    heavy = sorted(set(sys.modules) & set({heavy!r}))
    assert not heavy, (kind, name, heavy)
"""


def test_no_check_of_the_program_imports_a_heavy_package():
    code = ONLY_CHECKS.format(components=CHECKED, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(CHECKED) > 20


@pytest.mark.parametrize(
    ("kind", "name", "options", "key"),
    [
        ("probes", "robustness", {"radii": (8.0,)}, ("radii",)),
        ("probes", "privacy", {"shadow_models": 3}, ("shadow_models",)),
        ("probes", "energy", {"grams_per_kilowatt_hour": 0.3}, ("grams_per_kilowatt_hour",)),
        ("probes", "ood", {"against": ("files",)}, ("against",)),
        ("tasks", "files", {"path": ""}, ("path",)),
    ],
)
def test_it_refuses_what_the_whole_component_refuses(kind, name, options, key):
    component = discovery.find(kind, name, Path())
    with pytest.raises(OptionError) as light:
        check_options(component, options)
    with pytest.raises(OptionError) as whole:
        discovery.load(component).check(discovery.make_options(component, options))
    assert (str(light.value), light.value.key, key) == (str(whole.value), whole.value.key, light.value.key)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bert", {"freeze": True}, "freeze = true needs `pretrained`"),
        ("gpt2", {"dimension": 30, "heads": 4}, "dimension = 30 cannot be shared among heads = 4"),
        ("transformer", {"dimension": 30, "heads": 4}, "dimension = 30 cannot be shared among heads = 4"),
        ("text_cnn", {"widths": ()}, "state at least one width"),
    ],
)
def test_models_check_their_options_too(name, options, message):
    with pytest.raises(ValueError, match=message):
        check_options(discovery.find("models", name, Path()), options)


def test_paths_are_relative_to_the_folder_of_the_suite(tmp_path):
    (tmp_path / "mine.toml").write_text("nothing = 1\n")
    with pytest.raises(ValueError, match=r"terms: mine\.toml"):
        check_options(discovery.find("probes", "fairness", tmp_path), {"terms": "mine.toml"})


def test_code_of_others_is_not_run(tmp_path):
    (tmp_path / "own.py").write_text(
        'raise SystemExit("run")\nMETRICS = {}\ndef check(options): ...\ndef probe(trained, options): ...\n'
    )
    assert not can_check(discovery.find("probes", "./own.py", tmp_path))
    assert can_check(discovery.find("probes", "robustness", tmp_path))
    assert not can_check(discovery.find("probes", "calibration", tmp_path))
