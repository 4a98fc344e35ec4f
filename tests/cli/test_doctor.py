"""`bench doctor` lists installed and missing packages, explains how to get them, and survives broken packages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from bench_suite.cli import doctor, package_check
from bench_suite.cli.package_check import PACKAGES, Package, examine
from bench_suite.training import peaks

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NONE = Package("no-such-distribution", "no_such_module", "nothing", "pip install no-such-distribution")


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[;! ]", requirement)[0] for requirement in requirements}


def hostile(folder: Path, **packages: str) -> list[Package]:
    """Put packages with these names and sources on the import path of every process that uses `folder`."""
    for name, source in packages.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(source)
    return [Package(name, name, "a test", f"pip install {name}") for name in packages]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path of this process and of its subprocesses."""
    folder = tmp_path / "packages"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Use small measurements and few packages: these tests check the output, not the measured times."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(peaks, "SIZES", {"cpu": (64,)})
    monkeypatch.setattr(peaks, "WINDOW", 0.001)
    monkeypatch.setattr(peaks, "BLOCK_BYTES", 1 << 20)
    required = [package for package in PACKAGES if package.distribution in ("click", "numpy")]
    monkeypatch.setattr(doctor, "examine", lambda: examine([*required, NONE]))


# ── packages ────────────────────────────────────────────────────────────────────────────────────


def test_it_knows_every_package_that_the_project_requires() -> None:
    assert {package.distribution for package in PACKAGES if package.required} == named(PROJECT["dependencies"])


@pytest.mark.parametrize(
    "extra", ["samples", "pretrained", "lora", "lightning", "evaluate", "tensorboard", "mlflow", "wandb", "slurm"]
)
def test_each_extra_is_named_by_the_command_that_brings_it(extra: str) -> None:
    bringing = {package.distribution for package in PACKAGES if package.command.endswith(f"[{extra}]'")}
    assert bringing == named(PROJECT["optional-dependencies"][extra])


def test_no_command_names_an_extra_that_is_not_there() -> None:
    extras = re.findall(r"\[(\w+)\]", " ".join(package.command for package in PACKAGES))
    assert set(extras) <= PROJECT["optional-dependencies"].keys()


def test_what_is_not_installed_is_absent() -> None:
    (package,) = examine([NONE])
    assert (package.state, package.version, package.error) == ("absent", None, None)


def test_a_module_that_another_package_holds_does_not_make_it_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    # PyTorch contains `torch.utils.tensorboard`, which does not load without TensorBoard.
    tensorboard = next(package for package in PACKAGES if package.distribution == "tensorboard")
    version = package_check.metadata.version

    def without(distribution: str) -> str:
        if distribution == "tensorboard":
            raise package_check.metadata.PackageNotFoundError
        return version(distribution)

    monkeypatch.setattr(package_check.metadata, "version", without)
    (examined,) = examine([tensorboard])
    assert (examined.state, examined.command) == ("absent", "pip install 'bench-suite[tensorboard]'")


def test_a_folder_that_an_uninstalled_package_left_is_no_package(path: Path) -> None:
    (path / "left" / "cache").mkdir(parents=True)
    assert [package.state for package in examine([Package("left", "left", "a test", "pip install left")])] == ["absent"]


def test_what_is_installed_has_its_version() -> None:
    (click,) = examine([package for package in PACKAGES if package.distribution == "click"])
    assert click.state == "found"
    assert click.version
    assert click.error is None


def test_packages_that_do_not_load_are_told_apart_from_those_that_do(path: Path) -> None:
    packages = hostile(
        path,
        raises='raise RuntimeError("operator nms does not exist\\nand more")',
        lacks="import no_such_module",
        leaves="import sys; sys.exit('bye')",
        ends="import os; os._exit(7)",
        interrupts="raise KeyboardInterrupt",
        talks="print('hello')",
        warns="import warnings; warnings.warn('old')",
        good="",
    )
    by_name = {package.distribution: package for package in examine(packages)}
    assert {name: package.error for name, package in by_name.items()} == {
        "raises": "RuntimeError: operator nms does not exist",
        "lacks": "ModuleNotFoundError: No module named 'no_such_module'",
        "leaves": "SystemExit: bye",
        "ends": "the import ended the process, with status 7",
        "interrupts": "KeyboardInterrupt",
        "talks": None,
        "warns": None,
        "good": None,
    }
    assert {name for name, package in by_name.items() if package.state == "found"} == {"talks", "warns", "good"}
    assert not {"raises", "good"} & sys.modules.keys(), "this process imports none of them"


def test_a_package_that_never_ends_is_given_up_and_the_rest_goes_on(path: Path) -> None:
    (waits,) = examine(hostile(path, waits="import time; time.sleep(3600)"), timeout=1.0)
    assert waits.error == "the import took more than 1 seconds"
    _, good = examine(hostile(path, raises="raise RuntimeError", good=""))
    assert good.state == "found"


def test_what_lies_in_the_working_folder_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "click.py").write_text("raise RuntimeError('not me')")
    monkeypatch.chdir(tmp_path)
    (click,) = examine([package for package in PACKAGES if package.distribution == "click"])
    assert click.state == "found"


# ── the command ─────────────────────────────────────────────────────────────────────────────────


def test_it_fits_80_columns_and_says_what_would_be_next(bench, quick, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("BENCH_DATA", raising=False)
    ended = bench("doctor", "--offline")
    assert ended.status == 0
    assert max(len(line) for line in ended.out.splitlines() if str(tmp_path) not in line) <= 80
    for text in (
        "processor",
        "matmul, 32-true",
        "matmul, bf16-mixed",
        "memory copy",
        "required packages: 2 of 2",
    ):
        assert text in ended.out
    assert "pip install no-such-distribution" in ended.out
    assert "BENCH_DATA is not set" in ended.out
    assert "was not checked (offline)" in ended.out
    assert ended.out.splitlines()[-1] == "next: bench run quickstart"
    assert "measuring" in ended.err


def test_as_json_it_holds_all_rates_with_their_samples(bench, quick) -> None:
    ended = bench("doctor", "--offline", "--json")
    document = json.loads(ended.out)
    assert document["schema"] == 1
    assert {(row["threads"], row["precision"]) for row in document["rates"] if row["device"] == "cpu"} >= {
        (1, "32-true"),
        (1, "bf16-mixed"),
        (1, None),
    }
    assert all(row["rate"] == max(row["samples"]) for row in document["rates"])
    assert document["environment"]["hardware"]["cpu"]
    assert document["packages"][-1]["state"] == "absent"
    assert document["hub"]["reachable"] is None


@pytest.mark.parametrize("busy", [True, False])
def test_a_busy_machine_is_named_with_its_load_before_the_rates(bench, quick, monkeypatch, busy) -> None:
    load = 4 * (os.cpu_count() or 1) + 0.5 if busy else 0.0
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    document = json.loads(bench("doctor", "--offline", "--json").out)
    assert (document["busy"], document["load"]) == (busy, load)
    text = " ".join(bench("doctor", "--offline").out.split())
    assert (f"the machine is busy, load {load:.1f} on" in text) == busy
    assert "when the run began" not in text, "no run has begun"


def test_without_a_load_average_the_machine_is_not_called_busy(bench, quick, monkeypatch) -> None:
    monkeypatch.delattr(os, "getloadavg")
    document = json.loads(bench("doctor", "--offline", "--json").out)
    assert (document["busy"], document["load"]) == (False, None)


def test_the_probe_takes_what_the_doctor_measured(bench, quick) -> None:
    document = json.loads(bench("doctor", "--offline", "--json").out)
    (row,) = [row for row in document["rates"] if (row["threads"], row["precision"]) == (1, "32-true")]
    assert peaks.peak("cpu", "32-true", 1).rate == row["rate"]


def test_what_bench_data_holds_is_listed_by_hub_id(bench, quick, tmp_path, monkeypatch) -> None:
    (tmp_path / "data/owner/set").mkdir(parents=True)
    (tmp_path / "data/owner/set/train.parquet").write_bytes(bytes(2048))
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    assert "owner/set (2.0 KiB)" in " ".join(bench("doctor", "--offline").out.split())
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "nowhere"))
    assert "there is no such folder" in " ".join(bench("doctor", "--offline").out.split())


def test_without_a_compiler_it_says_how_to_get_one(bench, quick, monkeypatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "none of no-such-compiler: compile = true needs one" in " ".join(bench("doctor", "--offline").out.split())


def test_a_hub_that_is_not_there_does_not_keep_it_waiting(bench, quick, monkeypatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "is not reachable (Connection refused)" in " ".join(bench("doctor").out.split())


def test_an_optional_package_that_does_not_load_is_shown_with_its_error(bench, quick, path, monkeypatch) -> None:
    packages = hostile(path, torchvision="raise RuntimeError('operator nms does not exist')")
    monkeypatch.setattr(doctor, "examine", lambda: examine([*PACKAGES[:1], *packages]))
    ended = bench("doctor", "--offline")
    assert ended.status == 0
    assert "RuntimeError: operator nms does not exist" in ended.out
    assert "pip uninstall torchvision" in ended.out


@pytest.mark.parametrize("name", ["timm", "torchvision"])
def test_what_could_break_transformers_is_not_to_be_installed_by_a_bare_pip(bench, quick, tmp_path, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    absent = [replace(package, module="no_such_module", distribution=f"no-{name}")
              for package in PACKAGES if package.distribution == name]  # fmt: skip
    monkeypatch.setattr(doctor, "examine", lambda: examine([*PACKAGES[:1], *absent]))
    out = bench("doctor", "--offline").out
    text = " ".join(out.split())
    assert re.search(r"needs a build .*that matches this PyTorch, from the same index", text)
    assert "pip install" not in text
    assert max(len(line) for line in out.splitlines() if str(tmp_path) not in line) <= 80


@pytest.mark.parametrize("package", ["numpy", pytest.param("torch", marks=pytest.mark.slow)])
def test_a_required_package_that_does_not_load_ends_with_3_and_is_named(tmp_path, package) -> None:
    hostile(tmp_path / "packages", **{package: "raise ImportError('a library is missing')"})
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "packages"), "BENCH_CACHE": str(tmp_path / "cache")}
    code = "import sys; sys.argv = ['bench', 'doctor', '--offline']\nfrom bench_suite.cli import main\nmain()"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (3, False), ended.stderr
    assert "ImportError: a library is missing" in ended.stdout
    assert "The program needs " in ended.stdout
    assert f"pip install --upgrade --force-reinstall {package}" in ended.stdout


@pytest.mark.slow
def test_the_whole_examination_of_this_machine(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    ended = bench("doctor", "--compile", "--offline", "--json")
    document = json.loads(ended.out)
    assert ended.status == 0
    assert all(package["state"] == "found" for package in document["packages"] if package["required"])
    compiler = document["compiler"]
    assert compiler["command"] is None or compiler["compiles"]["ok"] or compiler["compiles"]["error"]
    assert package_check.IMPORT_TIMEOUT > 20
