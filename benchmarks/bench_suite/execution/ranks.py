"""Ranks: the further processes of a cell that trains on several devices; each builds the cell and trains its part."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench_suite.contracts import Checkpoints
from bench_suite.training.fresh_process import FreshProcess

if TYPE_CHECKING:
    from bench_suite.execution.trained import Trained

_POLL_SECONDS = 0.02
_WATCH_SECONDS = 0.1
_LAST_WORDS_SECONDS = 5.0
"How long a rank that has ended may take to say why."


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read already, for a rank that saves none; it can be sent to another process."""

    content: bytes | None

    def save(self, content: bytes) -> None:
        """Do nothing: rank 0 saves."""

    def load(self) -> bytes | None:
        """Return the content."""
        return self.content


@contextmanager
def further_ranks(trained: Trained, checkpoints: Checkpoints | None) -> Iterator[None]:
    """Start the further ranks of a training, and join them, for the time of the context.

    They are processes of this machine that end with this one, also if it is killed.

    Args:
        trained: the cell, with its model built; its process is rank 0.
        checkpoints: from where the training resumes.

    Raises:
        BenchError: a rank raised one.
        RuntimeError: a rank raised another error, or its process ended.
    """
    from bench_suite.training import distributed

    saved = Saved(checkpoints.load() if checkpoints is not None else None)
    with TemporaryDirectory(prefix="bench-ranks-") as folder, ExitStack() as stack:
        processes = []
        for rank in range(1, trained.placement.devices):
            bare = replace(trained.without_model(), placement=replace(trained.placement, rank=rank))
            processes.append(stack.enter_context(FreshProcess(_train_part, bare, saved, folder)))
        while not all(_ready_file(folder, rank).exists() for rank in range(1, trained.placement.devices)):
            for process in processes:
                if process.has_ended(_POLL_SECONDS):
                    process.result()
        watch = Watch(processes, distributed.abort)
        with distributed.group(trained.placement, f"{folder}/group"):
            watch.start()
            try:
                yield
            except Exception as error:
                # Rank 0 has not left the group yet, so another rank that fails now has a reason of its own.
                may_be_lost = distributed.may_be_a_lost_rank(error)
                if may_be_lost:
                    watch.wait(_LAST_WORDS_SECONDS)
                watch.stop()
                if may_be_lost and watch.error is not None:
                    raise watch.error from error  # it says more than the lost connection of rank 0
                raise
            finally:
                watch.stop()


class Watch:
    """A thread that ends what rank 0 does with the other ranks as soon as one of them has failed."""

    def __init__(self, processes: Sequence[FreshProcess[None]], abort: Callable[[], None]) -> None:
        """Prepare the thread.

        Args:
            processes: the other ranks.
            abort: lets rank 0 wait for them no longer.
        """
        self.error: Exception | None = None
        "The error of the first rank that failed."
        self._processes, self._abort = list(processes), abort
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="watch of ranks")

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until a rank has failed, or all have ended, but not longer than that."""
        self._thread.join(seconds)

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._processes and not self._stopped.is_set():
            for process in [process for process in self._processes if process.has_ended(_WATCH_SECONDS)]:
                self._processes.remove(process)
                try:
                    process.result()
                except Exception as error:  # noqa: BLE001 - raised again where rank 0 waits
                    self.error = error
                    self._abort()
                    return


def _ready_file(folder: str, rank: int) -> Path:
    return Path(folder, f"ready-{rank}")


def _train_part(untrained: Trained, saved: Saved, folder: str) -> None:
    """Build a cell in this process, which is fresh, and train the part of its rank."""
    import signal

    from bench_suite.execution.model_training import build, fit
    from bench_suite.training import distributed

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; rank 0 decides
    cell, placement = untrained.cell, untrained.placement
    distributed.choose_device(placement)  # before anything is put on a device
    trained = build(cell, untrained.data, placement, untrained.seed, untrained.train, smoke=untrained.smoke)
    for split in ("train", "validation"):
        if split in trained.data.splits:
            trained.encoded(split)
    _ready_file(folder, placement.rank).touch()
    with distributed.group(placement, f"{folder}/group"):
        fit(trained, lambda window: True, checkpoints=saved)
