"""Claims about the state of the process: what a component changes is restored, and what cannot be is in the record."""

import gc
import json
import locale
import logging
import multiprocessing
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings

import matplotlib
import numpy as np
import pytest
import sklearn
import torch

from bench_suite.execution.process_state import ProcessState, all_settings
from bench_suite.execution.setting import Setting

CHANGES = {
    "working folder": lambda: os.chdir("/"),
    "environment variables": lambda: (os.environ.update(ADDED="1", PATH="/nowhere"), os.environ.pop("HOME", None)),
    "recursion limit": lambda: sys.setrecursionlimit(5000),
    "switch interval": lambda: sys.setswitchinterval(0.5),
    "longest integer as text": lambda: sys.set_int_max_str_digits(0),
    "trace function": lambda: sys.settrace(lambda *arguments: None),
    "profile function": lambda: sys.setprofile(lambda *arguments: None),
    "garbage collection": gc.disable,
    "thresholds of garbage collection": lambda: gc.set_threshold(1, 2, 3),
    "warnings filters": lambda: warnings.simplefilter("error"),
    "sys.stdout": lambda: setattr(sys, "stdout", open(os.devnull, "w")),  # noqa: SIM115 - as a component leaves it
    "sys.stderr": lambda: setattr(sys, "stderr", None),
    "sys.stdin": lambda: setattr(sys, "stdin", None),
    "sys.excepthook": lambda: setattr(sys, "excepthook", print),
    "logging.disable": lambda: logging.disable(logging.CRITICAL),
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C"),
    "time limit of sockets": lambda: socket.setdefaulttimeout(1),
    "tempfile.tempdir": lambda: setattr(tempfile, "tempdir", "/nowhere"),
    "file mode mask": lambda: os.umask(0o077),
    "signal handlers": lambda: (signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGUSR1, print)),
    "alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 3600),
    "blocked signals": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2}),
    "processors": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    "limit NOFILE": lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    ),
    "np.seterr": lambda: np.seterr(all="raise"),
    "np.seterrcall": lambda: np.seterrcall(print),
    "np.setbufsize": lambda: np.setbufsize(16 * 1024),
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "default device": lambda: torch.set_default_device("meta"),
    "grad mode": lambda: torch.set_grad_enabled(False),
    "anomaly mode": lambda: torch.set_anomaly_enabled(True),
    "autocast on cpu": lambda: torch.set_autocast_enabled("cpu", True),
    "deterministic algorithms": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "precision of matrix products": lambda: torch.set_float32_matmul_precision("medium"),
    "denormal numbers": lambda: torch.set_flush_denormal(True),
    "global hooks of modules": lambda: torch.nn.modules.module.register_module_forward_hook(print),
    "cudnn.enabled": lambda: setattr(torch.backends.cudnn, "enabled", False),
    "cudnn.benchmark": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "cudnn.deterministic": lambda: setattr(torch.backends.cudnn, "deterministic", True),
    "fast path of attention": lambda: torch.backends.mha.set_fastpath_enabled(False),
    "math attention": lambda: torch.backends.cuda.enable_math_sdp(False),
    "settings of Matplotlib": lambda: matplotlib.rcParams.update({"font.size": 31.0, "axes.grid": True}),
    "settings of scikit-learn": lambda: sklearn.set_config(transform_output="pandas"),
}
"What a component may do, by the kind of the setting that it changes."


@pytest.fixture
def undone():
    """Restore everything after the test, whatever the code under test does."""
    outside = ProcessState.capture(all_settings())
    yield
    outside.restore()


@pytest.mark.parametrize("kind", CHANGES)
def test_each_setting_that_a_component_changes_is_restored(undone, kind):
    settings = {setting.kind: setting for setting in all_settings()}
    if kind == "processors" and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("one processor cannot be restricted further")
    if kind == "alarm" and signal.getitimer(signal.ITIMER_REAL)[0]:
        pytest.skip("pytest-timeout uses the alarm")
    before = settings[kind].read()
    state = ProcessState.capture(all_settings())
    CHANGES[kind]()
    assert settings[kind].read() != before
    changes = state.restore()
    assert settings[kind].read() == before
    assert kind in changes.restored
    assert changes.unrestored == {}


def test_an_alarm_that_a_component_leaves_is_stopped():
    script = (
        "import signal; from bench_suite.execution.process_state import *\n"
        "state = ProcessState.capture(all_settings()); signal.setitimer(signal.ITIMER_REAL, 3600)\n"
        "assert 'alarm' in state.restore().restored and signal.getitimer(signal.ITIMER_REAL)[0] == 0\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_generators_continue_as_before(undone):
    def draws():
        return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002 - the global generators

    state = ProcessState.capture(all_settings())
    first = draws()
    torch.manual_seed(3)
    state.restore()
    assert draws() == first


@pytest.mark.parametrize("change", [
    lambda: np.random.seed(5),  # noqa: NPY002 - the global generators are meant
    lambda: np.random.randn(),  # noqa: NPY002 - it keeps a second normal number for the next call
    lambda: np.random.set_bit_generator(np.random.PCG64(3)),
    lambda: None,
])  # fmt: skip
@pytest.mark.parametrize("normal", [False, True])
def test_the_generator_of_numpy_is_restored_after_any_use(undone, change, normal):
    np.random.seed(1)  # noqa: NPY002 - the global generator is meant
    generator = np.random.get_bit_generator()
    if normal:
        np.random.randn()  # noqa: NPY002 - the global generator is meant
    state = ProcessState.capture(all_settings())
    first = np.random.randn(3).tolist()  # noqa: NPY002 - the global generator is meant
    try:
        for _ in range(2):
            state.restore()
            change()
        state.restore()
        assert np.random.get_bit_generator() is generator
        assert np.random.randn(3).tolist() == first  # noqa: NPY002 - the global generator is meant
    finally:
        np.random.set_bit_generator(generator)


def test_what_cannot_be_restored_is_returned_by_kind(undone):
    def refuse(value):
        raise PermissionError("not allowed")

    values = iter([1, 2, 2])
    state = ProcessState.capture([Setting("limit", lambda: next(values), refuse)])
    assert state.restore().unrestored == {"limit": "not allowed"}
    state = ProcessState.capture([Setting("generator", lambda: 1, refuse, comparable=False)])
    assert state.restore().unrestored == {"generator": "not allowed"}
    state = ProcessState.capture(all_settings())
    with torch.inference_mode():
        assert set(state.restore().unrestored) == {"inference mode"}


def test_threads_and_processes_that_go_on_are_returned_until_they_end(undone):
    state = ProcessState.capture(all_settings())
    ends = threading.Event()
    thread = threading.Thread(target=ends.wait, name="draws on", daemon=True)
    thread.start()
    process = multiprocessing.get_context("fork").Process(target=signal.pause, name="goes on", daemon=True)
    process.start()
    assert state.restore().unrestored == {"threads": "draws on", "processes": "goes on"}
    assert state.capture_again().restore().unrestored == {"threads": "draws on", "processes": "goes on"}
    ends.set()
    thread.join()
    process.kill()
    process.join()
    assert state.restore().unrestored == {}


MODEL = """
import os, signal, sys, threading, time, warnings

import numpy as np
import torch

MODALITIES = ("table",)
PROBLEMS = ("classification",)
BEGIN = "IMPORT"


class Leaves:
    def fit(self, data, options, report):
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(False)
        np.seterr(all="raise")
        sys.setrecursionlimit(200 + len(__import__("inspect").stack()))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        warnings.simplefilter("error")
        os.environ["LEFT"] = "1"
        os.chdir("/")
        EVENT

    def predict(self, split):
        return {"predictions": np.zeros(len(split), dtype=int)}


def build(data, options):
    return Leaves()
"""
SUITE = """
[[tasks]]
use = "loans"
{models}
[train]
epochs = 1
[matrix]
threads = 1
[probes.quality]
resamples = 100
"""
MLP = '[[models]]\nuse = "mlp"\nhidden = [8]\n'
LEAVES = '[[models]]\nuse = "./leaves.py"\n'


def values_of(ended, model):
    records = {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}
    assert records[model]["status"] == "ok", records[model]
    return records[model], [(row["name"], row["value"]) for row in records[model]["metrics"]]


def test_a_model_has_the_same_results_after_one_that_changes_everything(undone, inside):
    (inside.folder / "leaves.py").write_text(MODEL.replace("EVENT", "pass"))
    run = ("run", "suite.toml", "--trust", "--json")
    (inside.folder / "suite.toml").write_text(SUITE.format(models=MLP))
    _, expected = values_of(inside.run(*run), "mlp")
    (inside.folder / "suite.toml").write_text(SUITE.format(models=LEAVES + MLP))
    after, values = values_of(inside.run(*run), "mlp")
    assert values == expected
    assert "unrestored" not in after
    assert "LEFT" not in os.environ
    assert torch.get_default_dtype() is torch.float32


def test_a_thread_that_goes_on_is_in_the_records_from_then_on(undone, inside):
    event = "threading.Thread(target=lambda: [(torch.rand(1, device='cpu'), time.sleep(0.01)) for _ in iter(lambda: os.path.exists(STOP), True)], name='draws', daemon=True).start()"  # noqa: E501 - one statement
    stop = inside.folder / "stop"
    (inside.folder / "leaves.py").write_text(MODEL.replace("EVENT", event).replace("STOP", repr(str(stop))))
    (inside.folder / "suite.toml").write_text(SUITE.format(models=LEAVES + MLP))
    try:
        ended = inside.run("run", "suite.toml", "--trust", "--json")
    finally:
        stop.touch()
    for model in ("leaves", "mlp"):
        record, _ = values_of(ended, model)
        assert record["unrestored"] == {"threads": "draws"}
        assert any("later cells may be affected" in note for note in record["notes"])


def test_a_numeric_setting_that_an_import_changes_is_undone_with_a_note(undone, inside):
    source = MODEL.replace("EVENT", "pass").replace('BEGIN = "IMPORT"', "torch.set_default_dtype(torch.float64)")
    (inside.folder / "leaves.py").write_text(source)
    (inside.folder / "suite.toml").write_text(SUITE.format(models=MLP + LEAVES))
    ended = inside.run("run", "suite.toml", "--trust", "--json")
    record, _ = values_of(ended, "mlp")
    note = "importing the suite's components changed default dtype; this was undone: a model that needs it sets it in its `build`"  # noqa: E501 - one message
    assert note in record["notes"]
    assert note in ended.stderr


def fingerprint_of(ended, index):
    record = json.loads(ended.stdout)["records"][index]
    assert record["status"] == "ok", record["reason"]
    return record["data"]["fingerprint"]


def test_a_task_that_draws_from_the_global_generators_has_the_same_data_after_any_cell(undone, inside):
    (inside.folder / "drawn.py").write_text(
        "import random\nimport numpy as np\nimport torch\n"
        "from bench_suite.contracts import Data, Source\nfrom bench_suite.data.fingerprint import content_ids\n"
        "from bench_suite.data.splits import MemorySplit\n"
        'MODALITY = "table"\nPROBLEM = "classification"\n\n\ndef load(options, sources):\n'
        "    table = np.random.rand(200)[:, None] + random.random() + float(torch.rand(()))\n"
        "    ids, target = content_ids(table), np.arange(200) % 2\n"
        "    parts = {'train': slice(0, 150), 'test': slice(150, 200)}\n"
        "    splits = {n: MemorySplit(ids[p], {'table': table[p], 'target': target[p]}) for n, p in parts.items()}\n"
        "    spec = {'classes': ('a', 'b'), 'columns': ('x',)}\n"
        "    return Data(PROBLEM, spec, splits, Source('generated', 'd', str(table.sum())))\n"
    )
    suite = SUITE.format(models=MLP)
    (inside.folder / "suite.toml").write_text(suite.replace('use = "loans"', 'use = "./drawn.py"'))
    run = ("run", "suite.toml", "--trust", "--json")
    fingerprints = [fingerprint_of(inside.run(*run), 0)]
    (inside.folder / "suite.toml").write_text(suite.replace("[[models]]", '[[tasks]]\nuse = "./drawn.py"\n[[models]]'))
    fingerprints.append(fingerprint_of(inside.run(*run), 1))
    assert fingerprints[0] == fingerprints[1]
