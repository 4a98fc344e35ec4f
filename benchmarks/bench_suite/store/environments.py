"""The environments of a run, in `environments/HASH.json`: each is written once and read once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench_suite.store import forms
from bench_suite.store.atomic import StoreError, inside, write_file
from bench_suite.store.json_reader import Damage, read_json
from bench_suite.store.records import dumps
from bench_suite.store.run_info import message_of


class Environments:
    """The files of environments in the folder of a run, and what was read of them."""

    def __init__(self, folder: Path, on_damage: Callable[[object], None]) -> None:
        self._folder = folder
        self._on_damage = on_damage
        self._known: dict[str, tuple[tuple[int, int], Mapping[str, Any]]] = {}

    def add(self, environment: Mapping[str, Any]) -> str:
        """Write a description of the environment, once; return the hash by which records name it."""
        text = json.dumps(json.loads(dumps(environment)), indent=2, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = self._folder / "environments" / f"{name}.json"
        if not path.exists():
            write_file(path, text.encode())
        return name

    def read(self, name: str) -> Mapping[str, Any]:
        """Return the environment with that hash; if its file is missing or damaged, call `on_damage` and return {}."""
        if not name:
            return {}  # the record names none
        relative = f"environments/{name}.json"
        try:
            path = inside(self._folder, relative)
            status = path.stat()
            state = (status.st_mtime_ns, status.st_size)
            if name in self._known and self._known[name][0] == state:
                return self._known[name][1]
            environment: Mapping[str, Any] = read_json(path.read_bytes(), forms.ENVIRONMENT, relative)
        except OSError as error:
            self._on_damage(f"{relative}: {message_of(error)}")
        except (StoreError, Damage) as error:
            self._on_damage(error)
        else:
            self._known[name] = (state, environment)
            return environment
        return {}
