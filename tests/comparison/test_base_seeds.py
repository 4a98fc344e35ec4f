"""Claims about the base that gets seeds: what keeps it from getting any is said, and nothing is run or left behind."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench_suite.comparison.base_seeds import BaseSeeds, NoMoreSeeds
from bench_suite.store.runs import Run, Store


def base_of(folder: Path, **info: Any) -> BaseSeeds:
    """Return a base whose suite is that of head, in `folder`."""
    path = folder / "results" / "baselines" / "s"
    path.mkdir(parents=True)
    (path / "run.json").write_text("{}")
    run = cast(Run, SimpleNamespace(name="r", path=path, info=info))
    return BaseSeeds(
        run, cast(Any, SimpleNamespace(external=False)), folder / "s.toml", Store(folder / "results"), print
    )


def test_a_credential_that_was_not_stored_is_not_replaced_by_stars(tmp_path: Path) -> None:
    base = base_of(tmp_path, overrides=["train.epochs=3", "tasks.t.api_key=***"])
    with pytest.raises(NoMoreSeeds, match=r"--set tasks\.t\.api_key=\*\*\* had a credential, which no run stores"):
        base.add({"a"}, [0, 1, 2])


def test_a_kept_baseline_is_copied_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    base = base_of(tmp_path)
    base._folders = (tmp_path, "s.toml")
    part = tmp_path / "results" / "r"
    part.mkdir()
    (part / "records").write_text("")  # what is there is no run, and is left as it is
    with pytest.raises(NoMoreSeeds, match="cannot be written"):
        base.add({"a"}, [0, 1, 2])
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["baselines", "r"]
    assert [path.name for path in part.iterdir()] == ["records"]
