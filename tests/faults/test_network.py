"""Take the network away between two nodes of a Ray cluster: no record is lost or doubled, every unit is done.

The nodes are network namespaces of this machine with a cable between them. Only root may make them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the package ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("ip") is None or os.geteuid() != 0, reason="needs `ip netns` as root"),
]

CELLS = 8
PORT = 6399
HEAD, OTHER = "10.77.0.1", "10.77.0.2"
MODEL = '''
"""Sleeps for as long as its node says."""

import os
import time
from pathlib import Path

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


class Sleeps:
    def fit(self, data, options, report):
        node = os.environ["NODE_OF_THE_TEST"]
        Path(f"began-{node}-{os.getpid()}").touch()
        time.sleep(float(Path(f"seconds-{node}").read_text()))
        Path(f"woke-{node}-{os.getpid()}").touch()

    def predict(self, split):
        return {"predictions": np.zeros(len(split), dtype=int)}


def build(data, options):
    return Sleeps()
'''
SUITE = f"""
[[tasks]]
use = "loans"
[[models]]
use = "./sleeps.py"
[matrix]
seed = {list(range(CELLS))}
threads = 1
[probes.quality]
resamples = 100
[run]
executor = "ray"
address = "{HEAD}:{PORT}"
"""


class Network:
    """Two nodes of a Ray cluster, `head` and `other`, with one CPU each, and the cable between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = {node: f"bench-{os.getpid()}-{node}" for node in ("head", "other")}
        self.temporary = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # the paths of sockets are short
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1",
            "BENCH_CACHE": str(folder / "cache"),
        }  # fmt: skip

    def join(self) -> None:
        """Make the nodes and their cluster."""
        for name in self.names.values():
            self._ip("netns", "add", name)
            self._ip("-n", name, "link", "set", "lo", "up")
        head, other = self.names.values()
        self._ip("link", "add", "cable", "netns", head, "type", "veth", "peer", "name", "cable", "netns", other)
        for name, address in zip((head, other), (HEAD, OTHER)):
            self._ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            self._ip("-n", name, "link", "set", "cable", "up")
        self.ray("head", "--head", f"--node-ip-address={HEAD}", f"--port={PORT}", f"--temp-dir={self.temporary}",
                 "--include-dashboard=false")  # fmt: skip
        self.ray("other", f"--address={HEAD}:{PORT}", f"--node-ip-address={OTHER}")

    def _ip(self, *words: str) -> str:
        return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout

    def start(self, node: str, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command on a node."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.names[node], *command], cwd=self.folder, text=True,
            env={**self.environment, "NODE_OF_THE_TEST": node}, stdout=subprocess.DEVNULL, **options,
        )  # fmt: skip

    def ray(self, node: str, *arguments: str) -> None:
        """Start Ray on a node."""
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--num-cpus=1", *arguments]
        process = self.start(node, *command, stderr=subprocess.PIPE)
        _, errors = process.communicate()
        assert process.returncode == 0, errors

    def bench(self, node: str) -> subprocess.Popen[str]:
        """Start or resume the run, driven from a node."""
        return self.start(
            node, sys.executable, "-m", "bench_suite", "run", "suite.toml", "--trust", "--resume",
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def cable(self, state: str) -> None:
        """Take the cable away (`down`) or plug it in (`up`)."""
        self._ip("-n", self.names["head"], "link", "set", "cable", state)

    def remove(self) -> None:
        """End all processes of the nodes, and remove them."""
        for name in self.names.values():
            for process in self._ip("netns", "pids", name).split():
                with suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
            self._ip("netns", "del", name)
        shutil.rmtree(self.temporary, ignore_errors=True)

    def entries(self) -> list[dict[str, Any]]:
        """Return all records, in the order of the files."""
        paths = sorted((self.folder / "results").glob("*/records/*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def count(self) -> tuple[Counter[int], list[str]]:
        """Return the number of records of each seed, and the status of each record."""
        entries = self.entries()
        return Counter(entry["cell"]["seed"] for entry in entries), [entry["status"] for entry in entries]


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    (tmp_path / "sleeps.py").write_text(MODEL)
    (tmp_path / "suite.toml").write_text(SUITE)
    network = Network(tmp_path)
    try:
        network.join()
        yield network
    finally:
        network.remove()


def wait_for(holds: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something holds, as long as the process runs; only pytest's timeout limits the wait."""
    while not holds():
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.2)


def test_a_node_out_of_reach_costs_its_running_unit_and_what_it_writes_later_does_not_count(network: Network) -> None:
    folder = network.folder
    (folder / "seconds-head").write_text("2")
    (folder / "seconds-other").write_text("150")  # longer than Ray takes to give the node up
    process = network.bench("head")
    wait_for(lambda: any(folder.glob("began-other-*")) and network.entries(), process)
    network.cable("down")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    expected = (Counter(range(CELLS)), ["ok"] * CELLS)
    assert network.count() == expected
    (began,) = folder.glob("began-other-*")
    worker = began.name.rpartition("-")[2]
    wait_for(lambda: not Path(f"/proc/{worker}").exists())
    assert network.count() == expected, "what it wrote after it was given up does not count"
    woke = any(folder.glob("woke-other-*"))
    print(f"\nnode out of reach: its unit ran on the other node; 0 records lost, 0 doubled (it woke later: {woke})")


def test_a_driver_that_loses_the_head_ends_with_a_message_and_a_resume_does_the_rest(network: Network) -> None:
    folder = network.folder
    for node in ("head", "other"):
        (folder / f"seconds-{node}").write_text("12")  # some are left when the driver has ended
    process = network.bench("other")
    wait_for(lambda: len(network.entries()) >= 2, process)
    network.cable("down")
    began = time.monotonic()
    _, errors = process.communicate()
    seconds = time.monotonic() - began
    assert process.returncode == 2, errors
    assert f"the Ray cluster at {HEAD}:{PORT} does not answer any more" in errors
    assert "bench run … --resume" in errors
    assert "Traceback" not in errors
    before = len(network.entries())
    assert before < CELLS
    network.cable("up")
    process = network.bench("head")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert network.count() == (Counter(range(CELLS)), ["ok"] * CELLS)
    print(
        f"\nhead out of reach: the driver ended after {seconds:.0f} s with {before} of {CELLS} records; all done later"
    )
