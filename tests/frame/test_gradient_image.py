"""A probe that needs gradients: it writes an image if the model has them; otherwise the plan says *not applicable*."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_the_plan_shows_it_as_not_applicable_for_the_estimator(walk: Any) -> None:
    probes = {cell["cell"]["model"]: cell["probes"]["saliency"] for cell in walk("gradient_image").plan["cells"]}
    assert probes["mlp"] == {"applies": True, "reason": None, "unfit": {}}
    assert probes["logistic_regression"]["applies"] is False
    assert "gradients" in probes["logistic_regression"]["reason"]


def test_the_record_repeats_it_and_nothing_has_failed(walk: Any) -> None:
    record = walk("gradient_image").record(model="logistic_regression")
    assert record.probes["saliency"].status == "not applicable"
    assert "gradients" in record.probes["saliency"].reason
    assert record.probes["quality"].status == "ok"
    assert not [row for row in record.artifacts if row.name.startswith("saliency/")]


def test_the_image_shines_where_the_class_was_planted(walk: Any) -> None:
    walked = walk("gradient_image")
    (row,) = [a for a in walked.record(model="mlp").artifacts if a.name == "saliency/map"]
    assert row.kind == "image"
    picture = np.asarray(walked.run.read_artifact(row).data, dtype=float)
    assert picture.shape == (10, 10)
    planted = np.zeros((10, 10), dtype=bool)
    planted[1:4, 6:9] = True
    assert planted[np.unravel_index(picture.argmax(), picture.shape)]
    assert picture[planted].mean() > 2 * picture[~planted].mean()
