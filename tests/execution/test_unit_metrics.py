"""Claims about one unit: the metrics of a probe are checked in time that grows with their number, not its square."""

from bench_suite.contracts import Metric
from bench_suite.execution import measurement, record_builder

PROBE = """
from bench_suite.contracts import Metric

METRICS = {"a": {"unit": "", "better": "none"}}


def probe(trained, options):
    yield from (Metric("a", 0.5, "once", at={"row": float(row)}) for row in range(500))
"""


class Compared(float):
    """A coordinate that counts how often it is compared."""

    count = 0

    def __eq__(self, other):
        Compared.count += 1
        return float.__eq__(self, other)

    __hash__ = float.__hash__


def test_many_metrics_of_one_name_are_compared_a_few_times_each(inside, monkeypatch):
    (inside.folder / "probe.py").write_text(PROBE)
    (inside.folder / "suite.toml").write_text(
        "[[tasks]]\nuse = 'loans'\n[[models]]\nuse = 'logistic_regression'\n[probes.many]\nuse = './probe.py'\n"
    )
    real = record_builder.metric_row

    def counting(metric: Metric, *rest):
        row = real(metric, *rest)
        return type(row)(**{**vars(row), "at": {axis: Compared(value) for axis, value in row.at.items()}})

    monkeypatch.setattr(measurement, "metric_row", counting)
    assert inside.run("run", "suite.toml", "--trust").returncode == 0
    assert Compared.count < 10 * 500
