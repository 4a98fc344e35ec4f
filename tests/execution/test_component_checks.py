"""Claims about the checks of a plan's components: trust, imports, and what `check(options)` refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.component_checks import NeedsTrust, check_components, check_trust
from bench_suite.execution.session import Request, execute
from bench_suite.store.runs import Store
from bench_suite.suite.document import SuiteError, parse_document
from bench_suite.suite.parser import suite_of
from bench_suite.suite.plan import Plan, make_plan

OWN = """
[[tasks]]
use = "loans"
[[models]]
use = "./own.py"
[probes.quality]
"""


def plan_of(text: str, folder: Path) -> Plan:
    return make_plan(suite_of(parse_document(text, "s.toml"), "s", folder))


def test_files_of_a_suite_need_trust_and_are_listed(tmp_path, context):
    (tmp_path / "own.py").write_text('MODALITIES = ("table",)\nPROBLEMS = ("classification",)\ndef build(d, o): ...\n')
    plan = plan_of(OWN, tmp_path)
    check_trust(plan, trust=True)
    with pytest.raises(NeedsTrust) as raised:
        check_trust(plan, trust=False)
    assert str(raised.value) == (
        "this suite runs code from its own files:\n  model    ./own.py\nread them, then add --trust"
    )
    check_trust(context.plan, trust=False)
    with pytest.raises(NeedsTrust):
        execute(plan, Store(tmp_path / "none"), Request(), RunCallback())
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import a_package_that_nobody_has\n", "a_package_that_nobody_has"),
        ("def check(options):\n    raise ValueError('wants a GPU')\n", "wants a GPU"),
        ("import sys\ndef check(options):\n    sys.exit()\n", "its check raised SystemExit"),
    ],
)
def test_a_component_that_does_not_load_or_refuses_its_options_is_an_error_at_its_key(tmp_path, source, message):
    facts = '\nMODALITIES = ("table",)\nPROBLEMS = ("classification",)\ndef build(data, options): ...\n'
    (tmp_path / "own.py").write_text(source + facts)
    with pytest.raises(SuiteError) as raised:
        check_components(plan_of(OWN, tmp_path))
    (entry,) = raised.value.entries
    assert (entry.key, entry.line) == (("models", 0, "use"), 5)
    assert message in entry.message


def test_components_that_load_raise_nothing(context):
    check_components(context.plan)


def test_a_metric_that_does_not_load_is_an_error_at_the_option_that_names_it(tmp_path):
    (tmp_path / "mine.py").write_text('import nobody_has_it\nUNIT = ""\nBETTER = "none"\ndef mine(targets): ...\n')
    text = '[[tasks]]\nuse = "loans"\n[[models]]\nuse = "mlp"\n[probes.quality]\nmetrics = ["./mine.py"]\n'
    with pytest.raises(SuiteError) as raised:
        check_components(plan_of(text, tmp_path))
    (entry,) = raised.value.entries
    assert (entry.key, entry.line) == (("probes", "quality", "metrics"), 6)
    assert "nobody_has_it" in entry.message
