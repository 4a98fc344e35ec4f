"""Claims about what `training/devices.py` says of an accelerator, on one that is here."""

from __future__ import annotations

import pytest
import torch

from bench_suite.contracts import Placement, TrainOptions
from bench_suite.execution.numeric_state import numeric_settings
from bench_suite.training import devices, machine, optimisers, peaks, precision, seeding
from bench_suite.training.checkpoints import generator_state, restore_generators
from bench_suite.training.placement import resolve_placement


def test_auto_finds_the_device_and_the_environment_names_it(device):
    assert devices.kinds()[0] == device
    assert resolve_placement("auto", "32-true", 1).device == device
    (first, *_) = machine.describe()["hardware"]["gpu"]
    assert first["name"] == devices.name(device)
    assert devices.count(device) >= 1
    assert devices.current(device) == 0


def test_an_event_is_reached_when_the_work_before_it_is_done(device):
    before, after = devices.new_event(device), devices.new_event(device)
    before.record()
    (torch.ones(512, 512, device=device) @ torch.ones(512, 512, device=device)).sum()
    after.record()
    devices.synchronize(device)
    assert before.elapsed_time(after) >= 0.0


def test_the_peak_of_the_memory_is_that_of_the_tensors(device):
    devices.synchronize(device)
    assert devices.reset_peak_memory(device)
    before = devices.peak_memory(device)
    large = torch.zeros(1 << 20, device=device)
    assert devices.peak_memory(device) - before >= large.nbytes
    del large
    assert devices.reset_peak_memory(device)
    assert devices.peak_memory(device) - before < 1 << 22
    assert devices.free_memory(device) > 0


def test_generators_are_saved_restored_and_forked(device):
    seeding.seed_everything(5)
    state = generator_state()
    expected = torch.rand(4, device=device).cpu()
    restore_generators(state)
    with devices.fork_generators():
        torch.rand(9, device=device)
        devices.seed(8)
    assert torch.equal(torch.rand(4, device=device).cpu(), expected)
    assert device in state["accelerators"]


def test_settings_of_the_device_are_read_and_written_back(device):
    settings = {setting.kind: setting for setting in numeric_settings()}
    for kind in ("generators of accelerators", f"device of {device}", f"autocast on {device}"):
        settings[kind].write(settings[kind].read())


def test_products_under_autocast_are_bfloat16_and_losses_are_not(device):
    placement = Placement(device, 1, "bf16-mixed")
    layer = torch.nn.Linear(4, 2).to(device)
    with precision.computing(placement), precision.autocast(placement):
        outputs = layer(torch.ones(3, 4, device=device))
        loss = torch.nn.functional.cross_entropy(outputs, torch.zeros(3, dtype=torch.int64, device=device))
    assert (outputs.dtype, loss.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_every_optimiser_steps_there(device, optimizer):
    if optimizer == "muon" and not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 8), torch.nn.Linear(8, 2)).to(device)
    before = [weight.detach().cpu().clone() for weight in module.parameters()]
    update = optimisers.make_optimizer(module, TrainOptions(optimizer=optimizer), Placement(device, 1, "32-true"))
    module(torch.ones(3, 4, device=device)).square().sum().backward()
    update.step()
    assert all(not torch.equal(old, new.detach().cpu()) for old, new in zip(before, module.parameters()))


def test_peak_rates_are_measured_there(device, tmp_path, monkeypatch):
    monkeypatch.setattr(peaks, "SIZES", {})
    monkeypatch.setattr(peaks, "SIZES_OF_OTHERS", (64,))
    assert peaks.peak(device, "32-true", 1, root=tmp_path).rate > 0
    assert peaks.bandwidth(device, 1).rate > 0
    assert "32-true" in peaks.precisions(device)
