"""Whether files and folders can be opened, in a process that obeys permissions."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.file_access import check_file, check_folder

SITUATIONS = {
    "closed.csv": "closed.csv cannot be read: permission denied; allow it: chmod +r closed.csv",
    "shut/a.csv": "a.csv cannot be read: permission denied for what is in the folder shut; allow it: chmod +x shut",
    "shut": "the folder shut cannot be read: permission denied; allow it: chmod +rx shut",
    "photos": "the folder photos/cat cannot be read: permission denied; allow it: chmod +rx photos/cat",
    "parts/*/a.csv": "the folder two cannot be read: permission denied; allow it: chmod +rx two",
    "parts/**/a.csv": "the folder two cannot be read: permission denied; allow it: chmod +rx two",
    "faces": "faces/cat/1.png cannot be read: permission denied; allow it: chmod +r faces/cat/1.png",
    "listed": "the folder listed/cat cannot be read: permission denied; allow it: chmod +rx listed/cat",
    "linked": "linked/a.csv cannot be read: permission denied for what is in the folder shut; allow it: chmod +x shut",
}
"Messages by the path that a suite states."


def make(folder: Path) -> None:
    """Write files and folders of which some may not be read."""
    for name in (
        *("closed.csv", "shut/a.csv", "photos/cat/1.png", "photos/dog/1.png", "parts/one/a.csv", "parts/two/a.csv"),
        *("faces/cat/1.png", "faces/dog/1.png", "listed/cat/1.png", "listed/dog/1.png"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a,label\n1,p\n")
    (folder / "linked").mkdir()
    (folder / "linked" / "a.csv").symlink_to(folder / "shut" / "a.csv")
    for name in ("closed.csv", "shut", "photos/cat", "parts/two", "faces/cat/1.png"):
        (folder / name).chmod(0)
    (folder / "listed" / "cat").chmod(0o444)  # its names can be listed, and nothing in it can be opened


def test_what_may_not_be_read_is_named_before_and_while_it_is_read(unprivileged: Any) -> None:
    folder, run = unprivileged
    make(folder)
    ended = run(
        "-c",
        """
import json, sys
from pathlib import Path
from bench_suite.contracts import DataInvalid
from bench_suite.data.stated_files import check_path, stated_files
messages = {}
for path in json.loads(sys.argv[1]):
    for function in (check_path, stated_files):
        try:
            function(path, Path())
            messages.setdefault(path, []).append("read")
        except DataInvalid as error:
            messages.setdefault(path, []).append(str(error))
print(json.dumps(messages))
""",
        json.dumps([*SITUATIONS]),
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {path: [message, message] for path, message in SITUATIONS.items()}


def test_plan_and_run_say_the_same_of_a_class_that_may_not_be_read(unprivileged: Any) -> None:
    folder, run = unprivileged
    make(folder)
    (folder / "suite.toml").write_text(
        '[[tasks]]\nuse = "files"\npath = "photos"\nsize = 8\n[[models]]\nuse = "mlp"\n[probes.quality]\n'
    )
    ended = run("-m", "bench_suite", "plan", "suite.toml")
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
    assert f"cells would fail:\n  photos, data of files\n      {SITUATIONS['photos']}" in ended.stdout
    ended = run("-m", "bench_suite", "data", "show", "suite.toml")
    assert ended.returncode == 3
    assert SITUATIONS["photos"] in ended.stdout


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names here")
def test_what_is_no_file_is_refused_because_reading_it_may_never_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(DataInvalid, match=r"mine\.csv is no regular file: write it to one"):
        check_file(tmp_path / "a.csv", "mine.csv")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    for name, message in {"none": "none cannot be read: No such file", "link": "link is a link to gone, which"}.items():
        with pytest.raises(DataInvalid, match=message):
            check_file(tmp_path / name, name)
        with pytest.raises(DataInvalid, match=message):
            check_folder(tmp_path / name, name)
