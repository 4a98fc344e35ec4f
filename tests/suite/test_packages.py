"""Claims about packages: a run stops before it trains if a package of a planned component is not installed."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from bench_suite import run
from bench_suite.components import discovery
from bench_suite.suite.document import parse_document
from bench_suite.suite.packages import EXTRAS, PackagesMissing, missing_packages
from bench_suite.suite.parser import read_suite, suite_of
from bench_suite.suite.plan import make_plan

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
SUITE = """
[[tasks]]
use = "imdb"
data = "sample"
[[models]]
use = "bag_of_words"
[[models]]
use = "bert"
name = "minilm"
[[models]]
use = "text_cnn"
[probes.quality]
"""


@pytest.fixture
def plan(tmp_path):
    """Return the plan of SUITE with this ending, restricted to the cells of `only`."""

    def plan(end: str = "", only=()):
        (tmp_path / "s.toml").write_text(SUITE + end)
        return make_plan(read_suite(str(tmp_path / "s.toml")), only)

    return plan


@pytest.fixture
def absent(monkeypatch):
    """Make packages appear as not installed."""

    def absent(*packages: str) -> None:
        for package in packages:
            monkeypatch.setitem(sys.modules, package, None)

    return absent


@pytest.mark.parametrize(
    ("kind", "name", "packages"),
    [
        ("models", "bert", ("transformers",)),
        ("models", "gpt2", ("transformers",)),
        ("models", "auto", ("transformers",)),
        ("models", "vit", ("transformers",)),
        ("models", "resnet", ()),
        ("models", "timm", ("timm",)),
        ("models", "torchvision", ("torchvision",)),
        ("probes", "fairness", ("fairlearn",)),
        ("probes", "attribution", ("captum",)),
        ("engines", "native", ()),
        ("probes", "privacy", ()),
        ("engines", "lightning", ("lightning|pytorch_lightning",)),
        ("engines", "hf", ("transformers", "accelerate")),
    ],
)
def test_a_component_states_the_packages_without_which_it_cannot_run(kind, name, packages):
    assert discovery.find(kind, name, Path()).words("IMPORTS") == packages


@pytest.mark.parametrize(("depth", "packages"), [(8, []), (18, ["transformers"]), (50, ["transformers"])])
def test_a_package_may_be_needed_for_some_values_of_an_option_only(absent, depth, packages):
    absent("transformers")
    text = f'[[tasks]]\nuse = "digits"\n[[models]]\nuse = "resnet"\ndepth = {depth}\n[probes.quality]\n'
    plan = make_plan(suite_of(parse_document(text, "the suite"), "mine", Path()))
    assert [missing.package for missing in missing_packages(plan)] == packages


@pytest.mark.parametrize(
    ("packages", "missing"),
    [(("lightning",), []), (("pytorch_lightning",), []), (("lightning", "pytorch_lightning"), ["lightning"])],
)
def test_one_of_the_two_packages_of_lightning_is_enough(absent, packages, missing):
    absent(*packages)
    text = '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[matrix]\nengine = "lightning"\n[probes.quality]\n'
    plan = make_plan(suite_of(parse_document(text, "the suite"), "mine", Path()))
    assert [one.package for one in missing_packages(plan)] == missing


README_EXTRAS = {
    "quickstart": set(), "tabular": set(), "curves": set(), "vision": set(), "textbook": set(), "planted": set(),
    "ci": set(), "engines": {"transformers", "tokenizers", "accelerate", "lightning"},
    "nlp": {"transformers", "tokenizers"}, "responsible": {"fairlearn"}, "attribution": {"captum"},
    "privacy": {"opacus"},
}  # fmt: skip
"Packages of the extras that the README's table names for each shipped suite."


@pytest.mark.parametrize("name", README_EXTRAS)
def test_a_shipped_suite_needs_no_package_of_an_extra_that_the_readme_does_not_name(name, absent):
    absent(
        *{
            "transformers",
            "tokenizers",
            "accelerate",
            "lightning",
            "pytorch_lightning",
            "fairlearn",
            "captum",
            "opacus",
            "timm",
            "torchvision",
            "peft",
            "evaluate",
        }
    )
    assert {missing.package for missing in missing_packages(make_plan(read_suite(name)))} <= README_EXTRAS[name]


def test_a_metric_of_evaluate_needs_evaluate(absent):
    absent("evaluate")
    text = '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[probes.quality]\nmetrics = ["evaluate:accuracy"]\n'
    plan = make_plan(suite_of(parse_document(text, "the suite"), "mine", Path()))
    assert [missing.package for missing in missing_packages(plan)] == ["evaluate"]


def test_every_extra_that_a_message_names_exists():
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS.values()) <= set(extras)


def test_a_missing_package_has_its_users_and_the_command_that_installs_it(plan, absent):
    assert missing_packages(plan()) == []
    absent("transformers", "captum")
    transformers, captum = missing_packages(plan("[probes.attribution]\n"))
    assert transformers.users == (("models", "minilm"),)
    assert transformers.command == "pip install 'bench-suite[pretrained]'"
    assert (captum.used_by, captum.command) == (("probe attribution",), "pip install 'bench-suite[attribution]'")


def test_a_package_of_cells_that_were_not_asked_for_is_not_missing(plan, absent):
    absent("transformers")
    assert missing_packages(plan(only=["model=bag_of_words,text_cnn"])) == []


def test_the_package_of_an_option_is_needed_if_the_option_is_set(plan, absent):
    absent("peft")
    assert missing_packages(plan()) == []
    varied = '[matrix]\n"models.minilm.lora" = [4]\n[train]\nepochs = 1\n'
    (peft,) = missing_packages(plan(varied))
    assert (peft.package, peft.users, peft.command) == (
        "peft", (("models", "minilm"),), "pip install 'bench-suite[lora]'",
    )  # fmt: skip


def test_a_run_stops_before_it_trains_and_says_what_to_install_and_what_else_could_run(plan, absent, tmp_path):
    plan("[probes.attribution]\n")
    absent("transformers", "captum")
    with pytest.raises(PackagesMissing) as raised:
        run(tmp_path / "s.toml", results=tmp_path / "results")
    assert raised.value.exit_status == 2
    assert str(raised.value) == (
        "packages that this suite needs are not installed:\n"
        "  transformers, needed by model minilm\n"
        "      to get it: pip install 'bench-suite[pretrained]'\n"
        "  captum, needed by probe attribution\n"
        "      to get it: pip install 'bench-suite[attribution]'\n"
        "to do without the probe attribution: take [probes.attribution] out of the suite\n"
        "to run only the cells that need none of them: --only model=bag_of_words,text_cnn"
    )
    assert not (tmp_path / "results").exists()


def test_what_the_message_says_runs(plan, absent, tmp_path):
    plan("[train]\nepochs = 1\n[matrix]\nthreads = 1\n")
    absent("transformers")
    with pytest.raises(PackagesMissing) as raised:
        run(tmp_path / "s.toml", results=tmp_path / "results", smoke=True)
    only = str(raised.value).rpartition("--only ")[2]
    records = run(tmp_path / "s.toml", only=[only], results=tmp_path / "results", smoke=True).records
    assert [(record.cell["model"], record.status) for record in records] == [("bag_of_words", "ok"), ("text_cnn", "ok")]


def test_no_cells_are_proposed_if_all_need_the_package(plan, absent):
    absent("transformers")
    from bench_suite.suite.packages import advice

    some = plan(only=["model=minilm"])
    assert advice(some, missing_packages(some)) == []
