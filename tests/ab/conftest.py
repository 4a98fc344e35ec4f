"""A repository with a model whose speed each commit decides."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

MODEL = '''
"""Adds numbers for a while."""

from dataclasses import dataclass

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


@dataclass(frozen=True)
class Options:
    work: int = {work}
    "Sums in a training."


class Adds:
    def __init__(self, work):
        self.work = work

    def fit(self, data, options, report):
        total = 0
        for number in range(self.work):
            total += number

    def predict(self, split):
        self.fit(None, None, None)
        return {{"predictions": np.zeros(len(split), dtype=np.int64)}}


def build(data, options):
    return Adds(options.work)
'''
SUITE = """
[[tasks]]
use = "./task.py"

[[models]]
use = "./model.py"

[matrix]
threads = 1

[probes.quality]
"""
TASK = '''
"""Ten examples of one number."""

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit

MODALITY = "table"
PROBLEM = "classification"


def load(options, sources):
    table = np.arange(10.0)[:, None]
    split = MemorySplit(content_ids(table), {"table": table, "target": np.arange(10) % 2})
    spec = {"classes": ("even", "odd"), "columns": ("number",)}
    splits = {"train": split.at(np.arange(6)), "test": split.at(np.arange(6, 10))}
    return Data(PROBLEM, spec, splits, Source("generated", "nothing", "0"))
'''


class Repository:
    """A git repository in a temporary folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        command = ["git", "-C", str(self.path), "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text, encoding="utf-8")

    def commit(self, subject: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def commit_work(self, work: int) -> str:
        """Commit a model that does so much work."""
        self.write("model.py", MODEL.format(work=work))
        return self.commit(f"Work {work}")


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Repository:
    """An empty repository, which is the working folder; the cache is empty too."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(folder)
    return Repository(folder)


@pytest.fixture
def project(repository) -> Repository:
    """A repository with a task, a model and a suite in one commit."""
    repository.write("task.py", TASK)
    repository.write("suite.toml", SUITE)
    repository.commit_work(100_000)
    return repository
