"""What a user states with `--set` is stored without its passwords, tokens and keys."""

from __future__ import annotations

from pathlib import Path

from bench_suite.store.runs import Store

MODEL = """
'''A model that reads its weights from a server.'''
from dataclasses import dataclass

MODALITIES = ("table",)
PROBLEMS = ("classification",)


@dataclass(frozen=True)
class Options:
    server: str = ""
    "Where the weights are."
    api_key: str = ""
    "For the server."


def build(data, options):
    assert (options.server, options.api_key) == ("https://me:s3cret@host", "s3cret too"), "components get the values"
    raise RuntimeError("no such server")
"""


def test_a_run_writes_no_credential_and_is_resumed(tmp_path: Path, bench) -> None:
    (tmp_path / "net.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "mine.toml").write_text(
        '[[tasks]]\nuse = "loans"\n[[models]]\nuse = "./net.py"\nserver = "https://me:s3cret@host"\n[probes.quality]\n',
        encoding="utf-8",
    )
    command = ["run", "mine.toml", "--trust", "--set", "models.net.api_key=s3cret too"]
    assert bench(*command).status == 3
    assert bench(*command, "--resume").status == 3
    assert bench("report").status == 0
    run = Store(Path("results")).newest("mine", ["models.net.api_key=***"])
    assert run is not None
    assert run.info["overrides"] == ["models.net.api_key=***"]
    (record,) = run.records()
    assert record.reason == "RuntimeError: no such server"
    assert record.options["model"] == {"server": "https://***@host", "api_key": "***"}
    files = [path for folder in ("results", "reports") for path in Path(folder).rglob("*") if path.is_file()]
    assert len(files) > 4
    assert [path for path in files if b"s3cret" in path.read_bytes()] == []
