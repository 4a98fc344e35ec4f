"""`bench init`: write a commented suite file to start from, and the files of a CI job."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from bench_suite.cli.arguments import NearestChoice
from bench_suite.cli.output import say
from bench_suite.cli.scaffold import TEMPLATES, fill, write_new

SCRIPT = "bench-ci.sh"
SERVICES: Mapping[str, Mapping[str, str]] = {
    "github": {
        ".github/bench-ci.sh": SCRIPT,
        ".github/workflows/bench.yml": "github.yml",
        ".github/workflows/bench-comment.yml": "github-comment.yml",
    },
    "gitlab": {".gitlab/bench-ci.sh": SCRIPT, ".gitlab/bench.yml": "gitlab.yml"},
    "shell": {SCRIPT: SCRIPT},
}
"By service: the files of a job that compares each pull request, and the template of each."
_INCLUDE = ".gitlab-ci.yml"
_SUITE = "SUITE.toml"
"Stands for the suite in the templates of jobs."


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("suite.toml"), metavar="[FILE]")
@click.option(
    "--ci", type=NearestChoice(SERVICES), metavar="SERVICE",
    help="Write a CI job that compares each pull request with its merge base by the suite FILE: for github, gitlab or "
    "a plain shell. FILE is written only if it does not exist.",
)  # fmt: skip
def command(file: Path, ci: str | None) -> None:
    """Write a commented starter suite to FILE, by default suite.toml. No file is overwritten.

    The suite runs unchanged, on data that every installation has. Its comments explain the alternatives. With --ci,
    the files of a CI job are written too; call it in the root of the repository.

    \b
      bench init
      bench init suites/mine.toml
      bench init suites/mine.toml --ci github
    """
    if file.suffix != ".toml":
        raise click.UsageError(f"{file}: a suite is a TOML file, such as {file}.toml")
    if not file.parent.is_dir():
        quoted_folder = shlex.quote(str(file.parent))
        raise click.UsageError(f"{file}: there is no folder {file.parent}; make it first: mkdir -p {quoted_folder}")
    quoted = shlex.quote(str(file))
    texts = {}
    if ci is None or not file.exists():
        title = " ".join(file.stem.replace("_", " ").replace("-", " ").replace('"', " ").replace("\\", " ").split())
        texts[file] = fill("suite.toml", file=quoted, title=title[:1].upper() + title[1:] or "Suite")
    if ci is not None:
        texts |= job_files(ci, file)
    write_new(texts)
    for path in texts:
        say(f"written: {path}")
    say()
    if ci is None:
        say(f"next: bench plan {quoted}            show its cells without running them")
        say(f"      bench run {quoted} --smoke     test in seconds whether everything works")
    else:
        _say_next(ci, quoted, include=ci == "gitlab" and Path(_INCLUDE) not in texts)


def job_files(service: str, suite: Path) -> dict[Path, str]:
    """Return the text of each file of a CI job, by its path from the root of the repository.

    Args:
        service: a key of `SERVICES`.
        suite: the suite that the job runs, by its path from the root of the repository.

    Raises:
        click.UsageError: The suite lies elsewhere.
    """
    if suite.is_absolute() or ".." in suite.parts:
        raise click.UsageError(
            f"{suite}: state the suite by its path from the root of the repository, and call it there"
        )
    # A JSON string is a YAML string. GitLab replaces $NAME in the values of variables, and $$ stands for $.
    value = json.dumps(suite.as_posix().replace("$", "$$") if service == "gitlab" else suite.as_posix())
    texts = {Path(path): _template(name).replace(_SUITE, value) for path, name in SERVICES[service].items()}
    if service == "gitlab" and not Path(_INCLUDE).exists():
        texts[Path(_INCLUDE)] = _template("gitlab-include.yml")
    return texts


def _template(name: str) -> str:
    return (TEMPLATES / "ci" / name).read_text(encoding="utf-8")


def _say_next(service: str, quoted: str, *, include: bool) -> None:
    """Print what to do after the files of a CI job were written."""
    if not Path(".git").exists():
        say("note: this folder is not the root of a git repository; the job looks for these files there\n")
    if include:
        say(f"{_INCLUDE} exists; add to it:\n\n  include:\n    - local: .gitlab/bench.yml\n")
    if service == "shell":
        say(f"next: BENCH_SUITE={quoted} BENCH_BASE=main sh {SCRIPT} compare   compare with the merge base with main")
    else:
        say("next: state in the job how bench-suite is installed, then commit these files and the suite")
