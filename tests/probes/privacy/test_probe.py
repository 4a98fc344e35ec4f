"""Claims about `privacy`: a model that remembers is found, one that does not is not, and each absence has a reason."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite import run
from bench_suite.contracts import Artifact, History, OptionError, PrivacySpent
from bench_suite.probes import privacy
from bench_suite.probes.privacy.accounting import accounting_metrics
from bench_suite.suite.document import SuiteError

MEMORY = """
[[tasks]]
use = "planted_noise"
[[models]]
use = "planted_memory"
[[models]]
use = "planted_rule"
[matrix]
threads = 1
[probes.privacy]
shadow_models = 4
audit = 200
audit_delta = 0.0
"""


def of(trained, **options):
    trained.labels = {"seed": 0}
    measured = [item for item in privacy.probe(trained, privacy.Options(**options)) if not isinstance(item, Artifact)]
    return {(m.name, m.at.get("attack"), m.at.get("false_positive_rate")): m for m in measured}


def columns(n: int, confidence: float, seed: int):
    random = np.random.default_rng(seed)
    targets = random.integers(0, 2, n)
    sure = 1 / (1 + np.exp(-random.normal(confidence, 1, n)))
    scores = np.where(np.arange(2) == targets[:, None], sure[:, None], 1 - sure[:, None])
    return {"targets": targets, "predictions": scores.argmax(axis=1), "scores": scores.astype(np.float32)}


def test_a_model_that_is_surer_of_train_is_found_by_its_loss_and_the_control_is_not(written):
    splits = {"train": columns(3000, 2.0, 0), "test": columns(2000, 1.0, 1), "validation": columns(500, 1.0, 5)}
    measured = of(written(splits))
    assert measured["auc", "loss", None].interval.low > 0.7  # Φ(1 / √2) is 0.76
    assert measured["advantage", "loss", None].interval.low > 0.3
    control = measured["control_auc", None, None]
    assert control.interval.low < 0.5 < control.interval.high
    assert measured["members", None, None].value == 3000
    assert measured["epsilon", None, None].value is None


def test_the_validation_split_can_be_the_non_members(written):
    splits = {"train": columns(3000, 2.0, 0), "test": columns(2000, 5.0, 1), "validation": columns(1000, 2.0, 2)}
    measured = of(written(splits), non_members="validation")
    interval = measured["auc", "loss", None].interval
    assert interval.low < 0.5 < interval.high
    assert measured["non_members", None, None].value == 1000
    assert ("control_auc", None, None) not in measured
    without = of(written({name: splits[name] for name in ("train", "test")}), non_members="validation")
    absent = without["auc", "loss", None]
    assert absent.value is None
    assert absent.reason == "there is no validation split: set validation above 0 under [train]"


def test_more_examples_than_asked_for_are_drawn_by_the_seed(written):
    splits = {"train": columns(3000, 2.0, 0), "test": columns(2000, 1.0, 1)}
    first, same = (of(written(splits), examples=400)["auc", "loss", None] for _ in range(2))
    assert first.value == same.value
    assert first.n == 800
    assert "no validation" in of(written(splits))["control_auc", None, None].reason


def test_a_cell_that_trained_nothing_has_no_members_and_says_so(written):
    trained = written({"train": columns(100, 1.0, 0), "test": columns(100, 1.0, 1)})
    trained.history = None
    measured = of(trained, shadow_models=2)
    assert {attack for _, attack, _ in measured} == {None, "loss", "confidence", *privacy.ATTACKS}
    assert all(metric.value is None for metric in measured.values())
    assert "trained" in measured["auc", "loss", None].reason


def test_a_regression_is_attacked_by_its_error(written, of_regression):
    random = np.random.default_rng(0)

    def errors(n: int, deviation: float):
        targets = random.normal(size=n)
        return {"targets": targets, "predictions": targets + random.normal(0, deviation, n)}

    trained = written({"train": errors(500, 0.1), "test": errors(500, 1.0)}, of_regression)
    trained.data.problem = "regression"
    measured = of(trained, shadow_models=2)
    assert measured["auc", "loss", None].value > 0.8
    assert "classes" in measured["auc", "confidence", None].reason
    assert "regression" in measured["auc", "relative", None].reason


def test_an_odd_number_of_shadow_models_is_refused():
    with pytest.raises(OptionError, match="give 6"):
        privacy.check(privacy.Options(shadow_models=5))


def test_the_guarantee_of_a_private_training_is_reported_with_all_it_stands_on():
    spent = PrivacySpent(2.9, 3.3, 1e-5, 1.1, 0.5, 0.01, 400)
    measured = {metric.name: metric for metric in accounting_metrics(History(privacy=spent))}
    assert {name: metric.value for name, metric in measured.items()} == {
        "epsilon": 2.9, "epsilon_classical": 3.3, "delta": 1e-5, "noise_multiplier": 1.1, "clipping_norm": 0.5,
        "sample_rate": 0.01, "private_steps": 400,
    }  # fmt: skip
    assert all(metric.kind == "exact" for metric in measured.values())


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("privacy")
    (folder / "s.toml").write_text(MEMORY)
    outcome = run(str(folder / "s.toml"), results=folder / "results")
    return {record.cell["model"]: record for record in outcome.records}


def values(record):
    return {(row.name.partition("/")[2], *row.at.values()): row for row in record.metrics}


def test_a_run_of_a_memory_shows_all_attacks_and_an_audit(records):
    record = records["planted_memory"]
    assert record.probes["privacy"].status == "ok", record.probes["privacy"].reason
    measured = values(record)
    assert measured["auc", "loss"].value == pytest.approx(0.55)
    assert measured["auc", "likelihood_ratio"].value > measured["auc", "loss"].value
    assert measured["audit_epsilon",].value > 1.0
    assert [row.name for row in record.artifacts if row.kind == "lines"] == ["privacy/attacks"]


def test_a_run_of_a_rule_that_never_learns_shows_nothing(records):
    measured = values(records["planted_rule"])
    for attack in ("loss", "confidence", "likelihood_ratio", "relative"):
        interval, value = measured["auc", attack].interval, measured["auc", attack].value
        assert value == pytest.approx(0.5, abs=0.02) if interval is None else interval.low <= 0.5 <= interval.high
    assert measured["audit_epsilon",].value < 0.5


def test_two_runs_give_the_same_numbers(records, tmp_path):
    (tmp_path / "s.toml").write_text(MEMORY)
    again = run(str(tmp_path / "s.toml"), only=["model=planted_memory"], results=tmp_path / "results").records[0]
    first = {key: (row.value, row.interval) for key, row in values(records["planted_memory"]).items()}
    assert {key: (row.value, row.interval) for key, row in values(again).items()} == first


def test_more_canaries_than_half_of_train_give_a_reason(tmp_path):
    text = MEMORY.replace("audit = 200", "audit = 800").replace("shadow_models = 4", "shadow_models = 0")
    (tmp_path / "s.toml").write_text(text)
    outcome = run(str(tmp_path / "s.toml"), only=["model=planted_memory"], results=tmp_path / "results")
    row = values(outcome.records[0])["audit_epsilon",]
    assert row.value is None
    assert "more than half" in row.reason


def test_an_audit_with_too_few_guesses_is_refused_before_the_training():
    with pytest.raises(OptionError, match="make 4 guesses, and an audit needs 10"):
        privacy.check(privacy.Options(audit=20))
    privacy.check(privacy.Options(audit=20, audit_share=0.5))


def test_an_odd_number_of_shadow_models_is_an_error_of_the_suite_at_its_line(tmp_path):
    (tmp_path / "s.toml").write_text(MEMORY.replace("shadow_models = 4", "shadow_models = 3"))
    with pytest.raises(SuiteError, match=r"s\.toml:11.*shadow_models = 3 is odd"):
        run(str(tmp_path / "s.toml"), results=tmp_path / "results")


PRIVATE = """
[[tasks]]
use = "planted_noise"
[[models]]
use = "mlp"
hidden = [8]
train = { epochs = 4, batch_size = 100, privacy = { epsilon = 4.0, delta = 1e-4 } }
[matrix]
threads = 1
[probes.privacy]
shadow_models = 2
audit = 100
"""


def test_a_private_run_records_its_claim_and_the_audit_of_it(tmp_path):
    pytest.importorskip("opacus", reason="opacus is not installed; the extra `privacy` brings it")
    (tmp_path / "s.toml").write_text(PRIVATE)
    outcome = run(str(tmp_path / "s.toml"), results=tmp_path / "results")
    measured = values(outcome.records[0])
    assert 3.9 < measured["epsilon",].value <= 4.0 < measured["epsilon_classical",].value
    assert measured["private_steps",].value == 36
    assert measured["audit_margin",].value == pytest.approx(
        measured["epsilon",].value - measured["audit_epsilon",].value, abs=0.05
    )
    assert "needs 4" in measured["auc", "likelihood_ratio"].reason
    assert measured["auc", "relative"].interval is not None
    assert outcome.records[0].options["train"]["privacy"] == {"epsilon": 4.0, "delta": 1e-4}


def test_a_network_with_batch_normalisation_is_refused_before_anything_trains(tmp_path):
    options = "train = { epochs = 1, privacy = { epsilon = 4.0, delta = 1e-4 } }\n"
    text = (
        f'[[tasks]]\nuse = "digits"\n[[models]]\nuse = "cnn"\n{options}[[models]]\nuse = "mlp"\nhidden = [4]\n{options}'
    )
    (tmp_path / "s.toml").write_text(text + "[matrix]\nthreads = 1\n[probes.privacy]\n")
    with pytest.raises(SuiteError, match=r"s\.toml:5.*cnn cannot be trained with privacy: .* in BatchNorm2d"):
        run(str(tmp_path / "s.toml"), results=tmp_path / "results")
