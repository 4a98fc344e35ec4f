"""Data parallel in two processes: each takes half of every batch, and gradients are averaged over gloo."""

from __future__ import annotations

import copy
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import distributed, multiprocessing

from bench_suite.contracts import Data, History, Network, Placement, Problem, Report, TrainOptions, Window
from bench_suite.data.encoded import Encoded
from bench_suite.training.optimisers import make_optimizer
from bench_suite.training.precision import move_to_placement

VERSION = 1
ACCEPTS = ("epochs", "optimizer", "learning_rate", "batch_size", "weight_decay", "momentum", "validation", "keep")
PRECISIONS = ("32-true",)
DEVICES = ("cpu",)  # gloo averages the gradients in the computer's memory
COMPILE = False
DETERMINISTIC = False  # its processes do not request it from PyTorch
WORLD = 2


def train(
    model: Network,
    data: Data,
    problem: Problem,
    options: TrainOptions,
    placement: Placement,
    report: Report,
    encoded: Callable[[str], Encoded],
) -> History:
    """Train `model.module` in place; the native engine's procedure draws the order of examples."""
    examples = encoded("train")
    order = int(torch.randint(2**62, ()))
    with tempfile.TemporaryDirectory() as folder:
        shared = (folder, model, examples, problem.loss, options, placement, data.spec, order)
        multiprocessing.spawn(_work, args=shared, nprocs=WORLD)
        ended: dict[str, Any] = torch.load(Path(folder) / "ended.pt", weights_only=True)
    model.module.load_state_dict(ended["weights"])
    move_to_placement(model.module, placement)
    steps = options.epochs * math.ceil(len(examples) / options.batch_size)
    samples = options.epochs * len(examples)
    report(Window(steps, samples, ended["seconds"], 0.0, ended["loss"]))
    epochs = tuple({"epoch": float(n), "processes": float(ended["processes"])} for n in range(1, options.epochs + 1))
    return History(epochs=epochs, steps=steps, samples=samples, seconds=ended["seconds"])


def _work(
    rank: int,
    folder: str,
    model: Network,
    examples: Encoded,
    loss: Any,
    options: TrainOptions,
    placement: Placement,
    spec: Any,
    seed: int,
) -> None:
    """Run the whole loop in one of the processes, over its share of each batch."""
    torch.set_num_threads(placement.threads)
    # Received tensors are in shared memory: without a copy, each process would also apply the other's steps.
    module = move_to_placement(copy.deepcopy(model.module), placement)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD)
    pids = [torch.zeros(1, dtype=torch.int64) for _ in range(WORLD)]
    distributed.all_gather(pids, torch.tensor([os.getpid()]))
    update = make_optimizer(module, options, placement)
    order = torch.Generator().manual_seed(seed)
    began = perf_counter()
    for _ in range(options.epochs):
        module.train()
        for rows in torch.randperm(len(examples), generator=order).split(options.batch_size):
            mine = rows.chunk(WORLD)[rank] if len(rows) >= WORLD else rows
            batch = model.collate(examples.take(mine))
            value = loss(module(**batch.inputs), batch.targets, spec)
            # Halves of an odd batch differ in size, so each is weighted by its share: the sum is the batch's mean.
            share = len(mine) / len(rows) if len(rows) >= WORLD else 1 / WORLD
            (value * share).backward()
            for weight in module.parameters():
                distributed.all_reduce(weight.grad)
            update.step()
            update.zero_grad()
    if rank == 0:
        ended = {
            "weights": module.state_dict(),
            "loss": float(value.detach()),
            "seconds": perf_counter() - began,
            "processes": len({int(pid) for pid in pids}),
        }
        torch.save(ended, Path(folder) / "ended.pt")
    distributed.barrier()
    distributed.destroy_process_group()
