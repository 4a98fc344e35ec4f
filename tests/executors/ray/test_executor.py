"""The executor `ray`: the same records as without it, and what a crash, a lost node or Ctrl-C costs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter

import pytest

pytest.importorskip("ray", reason="needs the package ray")


def test_the_predictions_are_those_of_inline_bit_for_bit(run_under, capfd) -> None:
    runs = [run_under("run.executor=inline", seeds=[0]), run_under("run.executor=ray", "run.jobs=1", seeds=[0])]
    keys = [{record.id: record.weights_key for record in outcome.records} for outcome, _ in runs]
    assert runs[0][1] == runs[1][1]
    assert keys[0] == keys[1]
    output, errors = capfd.readouterr()
    assert "ray" not in (output + errors).lower(), "Ray itself says nothing"


def test_ray_is_imported_by_a_run_only() -> None:
    code = (
        "import sys; from bench_suite.executors import ray as executor; import bench_suite.executors.ray.pool;"
        "assert 'ray' not in sys.modules; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_address_that_does_not_answer_is_refused_before_anything_is_written(program) -> None:
    program.write({"good": "pass"})
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    status, _, errors = program.run("--executor", "ray", "--set", f"run.address={address}")
    assert status == 2, errors
    assert f"no Ray cluster answers at {address}" in errors
    assert "ray start --head" in errors
    assert not (program.folder / "results").exists()


@pytest.mark.slow
def test_a_crash_costs_its_cell_only_and_is_recorded_with_its_cause_after_the_retries(program, crashes) -> None:
    program.write({"good": "pass", **{name: does for name, (does, _) in crashes.items()}}, run="timeout = 20")
    status, _, errors = program.run("--executor", "ray", "--jobs", "2")
    assert status == 3, errors
    entries = {entry["cell"]["model"]: entry for entry in program.entries()}
    assert len(program.entries()) == len(entries) == 6, "no record is lost or doubled"
    assert entries["good"]["status"] == "ok"
    for name, (_, cause) in crashes.items():
        assert entries[name]["status"] == "failed"
        reason = entries[name]["reason"]
        assert cause in reason, reason
        assert "2 times" in reason, reason
    assert program.unfinished() == []


@pytest.mark.slow
def test_a_worker_that_crashed_once_is_replaced_and_what_components_print_is_shown(program) -> None:
    once = "p = Path('was_here'); ended = p.exists(); p.touch(); ended or os.abort()"
    prints = "print('hello from a worker'); sys.stderr.write('and an error\\n')"
    program.write({"once": once, "prints": prints})
    status, output, errors = program.run("--executor", "ray", "--jobs", "1")
    assert status == 0, errors
    assert "hello from a worker" in errors
    assert "and an error" in errors
    assert "hello" not in output, "the output is for the results"
    assert [entry["status"] for entry in program.entries()] == ["ok", "ok"]
    notes = {entry["cell"]["model"]: entry["notes"] for entry in program.entries()}
    assert any("ended while the model was trained (SIGABRT)" in note for note in notes["once"])


@pytest.mark.slow
def test_ctrl_c_once_records_the_running_cells_as_interrupted(program, processes) -> None:
    wait = "Path(f'began-{os.getpid()}').touch(); time.sleep(0.01 if Path('go').exists() else 3600)"
    program.write({"a": wait, "b": f"{wait}  # b", "c": "pass"})
    process = program.start("--executor", "ray", start_new_session=True)
    count = min(2, len(os.sched_getaffinity(0)))
    processes.wait_for(lambda: len([*program.folder.glob("began-*")]) == count, process)
    started = processes.started_by(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to Ray's own processes too
    _output, errors = process.communicate()
    assert process.returncode == 130, errors
    assert Counter(entry["status"] for entry in program.entries()) == {"interrupted": count}
    assert processes.left(started, 5) == {}
    assert program.unfinished() == []
    (program.folder / "go").touch()
    status, _, errors = program.run("--resume", "--executor", "ray")
    assert status == 0, errors
    assert {entry["cell"]["model"]: entry["status"] for entry in program.entries()} == dict.fromkeys("abc", "ok")


@pytest.mark.slow
def test_ctrl_c_twice_ends_at_once_and_leaves_no_process(program, processes) -> None:
    stubborn = (
        "import subprocess; subprocess.Popen(['sleep', '3600']); Path('began').touch()\n"
        "while True:\n    try:\n        time.sleep(3600)\n"
        "    except KeyboardInterrupt:\n        Path('swallowed').touch()"
    )
    program.write({"stubborn": stubborn})
    process = program.start("--executor", "ray")
    processes.wait_for((program.folder / "began").exists, process)
    started = processes.started_by(process.pid)
    assert len(started) >= 5, "a worker and what it started, and Ray's own processes"
    process.send_signal(signal.SIGINT)
    processes.wait_for((program.folder / "swallowed").exists, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert processes.left(started, 15) == {}  # two seconds on an idle machine


@pytest.mark.slow
def test_a_killed_driver_leaves_no_worker_and_loses_no_record(program, processes) -> None:
    program.write({"good": "pass", "waits": "Path('began').touch(); time.sleep(0 if Path('go').exists() else 3600)"})
    process = program.start("--executor", "ray", "--jobs", "1")
    processes.wait_for((program.folder / "began").exists, process)
    started = processes.started_by(process.pid)
    process.kill()
    process.communicate()
    workers = [one for one in processes.left(started, 30).values() if "Agent" not in one]
    assert workers == [], "two helpers of Ray itself end later, within two minutes"
    assert [entry["cell"]["model"] for entry in program.entries()] == ["good"]
    (program.folder / "go").touch()
    status, _, errors = program.run("--resume", "--executor", "ray", "--jobs", "1")
    assert status == 0, errors
    assert [entry["cell"]["model"] for entry in program.entries()] == ["good", "waits"], "no cell ran twice"


@pytest.mark.slow
def test_a_lost_node_costs_its_running_units_which_are_tried_again(program, cluster, processes) -> None:
    nodes = cluster(num_cpus=0)
    lost = nodes.add_node(num_cpus=1)
    waits = "Path(f'began-{os.getpid()}').touch(); time.sleep(0 if Path('go').exists() else 3600)"
    program.write({"good": "pass", "waits": waits})
    process = program.start("--executor", "ray", "--set", f"run.address={nodes.address}")
    processes.wait_for(lambda: [*program.folder.glob("began-*")], process)
    nodes.remove_node(lost, allow_graceful=False)
    (program.folder / "go").touch()
    nodes.add_node(num_cpus=1)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    last = {entry["cell"]["model"]: entry for entry in program.entries()}
    assert {name: entry["status"] for name, entry in last.items()} == {"good": "ok", "waits": "ok"}
    assert any("lost" in note for note in last["waits"]["notes"]), last["waits"]["notes"]
    assert len(program.entries()) == 2


WRITES = (
    "Path(f'seen-{os.getpid()}').write_text(os.environ.get('CUDA_VISIBLE_DEVICES', 'not set'))\n"
    "until = time.monotonic() + 120\n"
    "while len([*Path('.').glob('seen-*')]) < 2 and time.monotonic() < until: time.sleep(0.1)"
)


@pytest.mark.slow
@pytest.mark.parametrize("visible", ["4,5", "GPU-aaaa,GPU-bbbb"])
def test_each_unit_leases_one_gpu_by_the_name_that_the_user_has_given(program, cluster, monkeypatch, visible) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    nodes = cluster(num_cpus=2, num_gpus=2)
    program.write({"a": WRITES, "b": f"{WRITES}  # b"})
    program.environment["CUDA_VISIBLE_DEVICES"] = "the driver's own"
    status, _, errors = program.run("--executor", "ray", "--set", f"run.address={nodes.address}")
    assert status == 0, errors
    assert sorted(path.read_text() for path in program.folder.glob("seen-*")) == visible.split(",")


@pytest.mark.slow
@pytest.mark.parametrize("overrides", ["0", "1"])
def test_a_unit_without_a_gpu_sees_what_the_user_has_set(program, overrides) -> None:
    program.write({"a": f"Path('seen-0').touch()\n{WRITES}"})
    program.environment["CUDA_VISIBLE_DEVICES"] = "GPU-aaaa,3"
    program.environment["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = overrides  # 1: what Ray did until 2.55
    status, _, errors = program.run("--executor", "ray", "--set", "matrix.device=cpu")
    assert status == 0, errors
    (seen,) = (path.read_text() for path in program.folder.glob("seen-*") if path.name != "seen-0")
    assert seen == "GPU-aaaa,3"


@pytest.mark.slow
def test_a_node_that_does_not_see_the_run_ends_it_with_one_message(program, cluster, monkeypatch) -> None:
    nodes = cluster(num_cpus=1)
    program.write({"good": "pass"})
    # The digest of the job that the driver states is that of another file: so it looks from a machine of its own.
    (program.folder / "sitecustomize.py").write_text(
        "import bench_suite.executors.ray.actor as actor\nactor.digest_of = lambda path: 'another file'\n"
    )
    program.environment["PYTHONPATH"] = os.pathsep.join(
        [str(program.folder), program.environment.get("PYTHONPATH", "")]
    )
    began = time.monotonic()
    status, _, errors = program.run("--executor", "ray", "--set", f"run.address={nodes.address}")
    assert status == 2, errors
    assert "does not see the run's folder" in errors
    assert "--results" in errors
    assert "Traceback" not in errors
    assert time.monotonic() - began < 120
    assert json.loads((next((program.folder / "results").glob("*")) / "run.json").read_text())
