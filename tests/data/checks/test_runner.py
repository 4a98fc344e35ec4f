"""The runner: costly checks on request only, and the reason of each check that was not run."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from bench_suite.contracts import FINDING_CODES
from bench_suite.data.checks.runner import CHECKS, check_task


def test_every_check_has_a_known_code_and_loads() -> None:
    assert {check.code for check in CHECKS} == {*FINDING_CODES} - {"D009", "D011", "D012"}
    for check in CHECKS:
        assert callable(check.load())


def test_a_costly_check_runs_on_request_or_by_its_code(make_task, random) -> None:
    values = random.normal(size=(120, 3))
    task = make_task("table", {"train": (values[:60], np.arange(60) % 2), "test": (values[60:], np.arange(60) % 2)})
    names = {check.name for check in CHECKS if check.costly}
    assert names
    assert names == {*check_task(task).too_costly}
    everything = check_task(task, costly=True)
    assert everything.too_costly == {}
    assert not names & {*everything.inapplicable}
    assert everything.ran == len(CHECKS) - len(everything.inapplicable)
    begun: list[str] = []
    check_task(task, frozenset({"D006"}), on_progress=begun.append)
    assert begun == [check.name for check in CHECKS if check.code == "D006"]


def test_the_worst_findings_come_first(make_task) -> None:
    table = np.column_stack([np.arange(40) % 3, np.full(40, 7.0)])
    task = make_task("table", {"train": (table[:30], [0] * 30), "test": (table[30:], [0, 1] * 5)})
    findings = check_task(task).findings
    order = ["error", "warning", "note"]
    assert [order.index(one.severity) for one in findings] == sorted(order.index(one.severity) for one in findings)
    assert findings[0].code == "D007"


def test_quick_checks_import_neither_torch_nor_scikit_learn() -> None:

    code = (
        "import sys\n"
        "from bench_suite.data.checks.runner import CHECKS\n"
        "for check in CHECKS:\n"
        "    if not check.costly: check.load()\n"
        "assert not {'torch', 'sklearn', 'pandas'} & {*sys.modules}"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
