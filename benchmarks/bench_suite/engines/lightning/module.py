"""Any network as a `LightningModule`, with the suite's optimiser and schedule."""

from __future__ import annotations

from typing import Any

import torch

from bench_suite.contracts import Batch
from bench_suite.training.fitting import Fitting
from bench_suite.training.frameworks import Batches


class NetworkModule:
    """Any network as a `LightningModule`, of which this class is a mixin."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.network = batches.run.module
        self._batches, self._run = batches, batches.run

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Return the batch with the changes of `augment`, which are drawn in the order of the steps."""
        return self._batches.load(batch)

    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        """Return the loss of a batch, or of what this process computes of it."""
        loss = self._run.loss_of(self.network(**batch.inputs), batch)
        if not self._run.has_ranks:
            return loss
        return {"loss": self._run.shared(loss, self._batches.parts[0]), "own_loss": loss.detach()}

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Clip the norm of all gradients together."""
        if self._run.options.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self._run.weights, self._run.options.gradient_clip)

    def configure_optimizers(self) -> Any:
        """Return the suite's optimiser, and its schedule by steps."""
        return suite_optimizers(self._run)


def suite_optimizers(run: Fitting) -> Any:
    """Return the suite's optimiser and schedule in the form that `configure_optimizers` returns."""
    optimizer = run.torch_optimizer()
    if not run.scheduled:
        return optimizer
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": run.scheduler(optimizer), "interval": "step"}}
