"""Terminal output: no control characters, and no prose wider than a terminal of 80 columns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bench_suite import cli
from bench_suite.cli.output import fold, fold_comments, printable
from bench_suite.suite.spec import locate

HOSTILE = "a\n\0\r\x1b]0;title\x07\x1b[31m\x7f\x9b31m\u202eb"
SPELT = r"a\n\x00\r\x1b]0;title\x07\x1b[31m\x7f\x9b31m\u202eb"
QUOTED = '"' + "".join(rf"\u{ord(c):04x}" if not c.isprintable() else c for c in HOSTILE) + '"'
SUITE = f"""
[[tasks]]
use = "hub"
id = "owner/name"
inputs = "text"
[[models]]
use = "bag_of_words"
[matrix]
"tasks.hub.label" = ["x", {QUOTED}]
[probes.quality]
"""
MODEL = f'''"""{QUOTED[1:-1]}"""
from dataclasses import dataclass
MODALITIES = ("image",)
PROBLEMS = ("classification", {QUOTED})
@dataclass(frozen=True)
class Options:
    mode: str = {QUOTED}
    {QUOTED}
def build(data, options):
    raise RuntimeError(options.mode)
'''
RUN = '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "./mine.py"\n[probes.quality]\n'


def steers(text: str) -> set[str]:
    """Return the characters of a text that would control a terminal."""
    return {c for c in text if not c.isprintable()} - {"\n"}


def test_strings_of_a_suite_do_not_steer_the_terminal_in_a_plan(bench, tmp_path):
    (tmp_path / "s.toml").write_text(SUITE)
    ended = bench("plan", "s.toml")
    assert ended.status == 0, ended.err
    assert steers(ended.out) == set()
    assert 'tasks.hub.label "a\\n' in ended.out
    (tmp_path / "s.toml").write_text(SUITE.replace('"owner/name"', QUOTED))
    ended = bench("plan", "s.toml")
    assert ended.status == 2
    assert steers(ended.err) == set()
    assert SPELT in ended.err


def test_strings_of_a_file_do_not_steer_the_terminal_where_it_is_shown(bench, tmp_path):
    (tmp_path / "mine.py").write_text(MODEL)
    ended = bench("show", "model", "./mine.py")
    assert steers(ended.out) == set()
    assert r"\x1b]0;title\x07\x1b[31m\x7f\x9b31m\u202eb" in ended.out
    (tmp_path / "s.toml").write_text("# \u202e\x9b" + SUITE, encoding="utf-8")
    assert steers(bench("show", "suite", "s.toml").out) == set()
    assert steers(bench("try", "--task", "digits", "--model", "./mine.py").err) == set()


def test_strings_of_a_file_do_not_steer_the_terminal_in_a_run(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine.py").write_text(MODEL)
    (tmp_path / "s.toml").write_text(RUN)
    ended = bench("run", "s.toml", "--smoke", "--trust")
    assert ended.status == 3
    assert steers(ended.out + ended.err) == set()
    assert r"\x9b31m" in ended.err
    tried = bench("try", "--task", "digits", "--model", "./mine.py", "--smoke", "--trust")
    assert tried.status == 3
    assert steers(tried.out + tried.err) == set()


def test_what_was_typed_does_not_steer_the_terminal(bench):
    for words in (("plan", "\x9bx"), ("plan", "quickstart", "--\x9bx"), ("list", "\x9b"), ("new", "model", "\x9b")):
        ended = bench(*words)
        assert ended.status == 2
        assert steers(ended.err) == set(), words
        assert r"\x9b" in ended.err


def test_text_goes_to_the_terminal_in_one_place_only():
    plain = re.compile(r"(click\.s?echo|console\.print)\((?!json\.dumps\(|printable\()")
    for path in Path(cli.__file__).parent.glob("*.py"):
        if path.stem not in ("output", "completion"):  # a completion script contains only this program's own words
            assert not plain.search(path.read_text(encoding="utf-8")), path.name


def on_a_terminal(folder: Path, *arguments: str, columns: int = 80) -> str:
    """Return a command's output if standard output and standard error are a terminal of this width."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench_suite", *arguments],
        cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": str(columns)},
    )  # fmt: skip
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux reports in this way that the other end is closed
            break
        if not part:
            break
        written += part
    os.close(ours)
    process.wait()
    return written.decode().replace("\r\n", "\n")


WRONG = """\
[[tasks]]
use = "mnst"
[[models]]
use = "mlp"
hiden = 3
[train]
optimizer = "adam"
epoch = 3
[probes.qualty]
"""


@pytest.mark.skipif(os.name != "posix", reason="terminals are opened as POSIX does")
@pytest.mark.parametrize(
    "arguments",
    [("plan", "wrong.toml"), ("plan", "nowhere"), ("show", "modle", "x"), ("data",), ("plan", "s.toml"),
     ("show", "probe", "./mine.py"), ("show", "model", "mlp"), ("show", "probe", "attribution"),
     ("plan", "attribution")],
    ids=" ".join,
)  # fmt: skip
def test_faults_and_hints_fit_a_terminal_of_80_columns(tmp_path, arguments):
    (tmp_path / "wrong.toml").write_text(WRONG)
    (tmp_path / "s.toml").write_text('[[tasks]]\nuse = "loans"\n[[models]]\nuse = "mlp"\n[probes.quality]\n')
    indented = " ".join(["    a line of help"] + ["and more"] * 12)
    (tmp_path / "mine.py").write_text(
        f'"""Mine.\n\nSuch as:\n\n{indented}\n"""\nMETRICS = {{}}\ndef probe(trained, options): ...\n'
    )
    written = on_a_terminal(tmp_path, *arguments)
    assert written
    assert max(map(len, written.splitlines())) <= 80, written
    wide = on_a_terminal(tmp_path, *arguments, columns=500)
    assert written.split() == wide.split(), "no word is lost or torn"


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        ("short", "short"),
        ("a fault of many words", "a fault of\n      many\n      words"),
        ("    a line of the file itself", "    a line of the file itself"),
        ("      help of an option", "      help\n      of an\n      option"),
        ("next: bench run suite.toml --lf   again", "next: bench run suite.toml --lf\n      again"),
        ("next: bench run suite.toml --lf", "next: bench run suite.toml --lf"),
        ("  to get it: hf download owner/name", "  to get it: hf download owner/name"),
        ("get it: export BENCH_DATA=~/data && hf download x", "get it: export BENCH_DATA=~/data && hf download x"),
        ("curves: tensorboard --logdir runs", "curves: tensorboard --logdir runs"),
        ("next: more examples", "next: more\n      examples"),
        ("a run with: more seeds", "a run with:\n      more\n      seeds"),
        ("a-very-long-word-and more", "a-very-long-word-and\n      more"),
    ],
)
def test_prose_is_folded_and_what_is_to_be_pasted_is_not(line, folded):
    assert fold(line, 12, quoting=True) == folded
    assert fold(f"{line}\n\n{line}", 12, quoting=True) == f"{folded}\n\n{folded}"


def test_a_number_of_a_comparison_is_not_torn():
    assert fold("    0.9 → 0.8, finds −0.082", 24) == "    0.9 → 0.8, finds\n      −0.082"


def test_what_is_indented_goes_on_where_it_began():
    assert fold(" " * 8 + "quality, fairness, cost", 26) == " " * 8 + "quality, fairness,\n" + " " * 8 + "cost"


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        ("# a comment of words", "# a comment\n# of words"),
        ("  size = 3   # why it is so", "  # why it is\n  # so\n  size = 3"),
        ('[t]  # "quoted" words', '# "quoted"\n# words\n[t]'),
        ('name = "no # comment at all"', 'name = "no # comment at all"'),
        ("name = 'no # comment at all'", "name = 'no # comment at all'"),
        ("values = [1, 2, 3, 4]", "values = [1, 2, 3, 4]"),
    ],
)
def test_of_a_suite_comments_alone_are_folded(line, folded):
    assert fold_comments(line, 13) == folded
    assert fold_comments(line, 80) == line


@pytest.mark.skipif(os.name != "posix", reason="terminals are opened as POSIX does")
def test_a_suite_on_a_narrow_terminal_is_still_the_same_suite(tmp_path, bench):
    written = on_a_terminal(tmp_path, "show", "suite", "attribution", columns=60)
    assert max(len(line) for line in written.splitlines() if line.lstrip().startswith("#")) <= 60
    shipped = bench("show", "suite", "attribution").out
    assert shipped == locate("attribution").read_text(encoding="utf-8"), "no terminal, so the file as it is"
    assert tomllib.loads(written) == tomllib.loads(shipped)


def test_only_what_steers_is_spelled_out():
    assert printable("é 模型\tx\n") == "é 模型\tx\n"
    assert printable("a\tb\n", keep="") == r"a\tb\n"
    assert printable(HOSTILE, keep="") == SPELT
