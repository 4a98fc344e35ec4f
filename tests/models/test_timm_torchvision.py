"""timm and torchvision, replaced by stand-in packages with the few functions that are used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Network, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.models import timm, torchvision

TIMM = {
    "__init__.py": """
        import torch
        from torch import nn

        class Tiny(nn.Module):
            def __init__(self, classes):
                super().__init__()
                self.convolution = nn.Conv2d(3, 4, 3)
                self.head = nn.Linear(4, classes)

            def forward(self, x):
                return self.head(self.convolution(x).mean((2, 3)))

        def create_model(name, pretrained=False, num_classes=1000):
            if name == "unreachable":
                raise OSError("We couldn't connect to the hub")
            if name == "features":
                return nn.Flatten()
            if name not in ("tiny", "fixed"):
                raise RuntimeError(f"Unknown model ({name})")
            made = Tiny(num_classes)
            if name == "fixed":
                made.register_forward_pre_hook(check)
            return made

        def check(module, inputs):
            assert inputs[0].shape[2:] == (8, 8), "Input height (32) doesn't match model (8)."
    """,
    "data.py": """
        def resolve_model_data_config(model):
            return {"mean": (0.5, 0.25, 0.0), "std": (0.5, 0.5, 0.25)}
    """,
}
TORCHVISION = {
    "__init__.py": "",
    "models.py": """
        from types import SimpleNamespace
        from torch import nn, ones

        def network(classes):
            return nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))

        class Published(nn.Module):
            def __init__(self, classes, auxiliary):
                super().__init__()
                self.body = network(classes)
                self.auxiliary = auxiliary

            def forward(self, x):
                logits = self.body(x)
                return SimpleNamespace(logits=logits) if self.auxiliary else logits

        def get_model(name, weights=None, **config):
            if name not in ("tiny", "auxiliary", "changed"):
                raise ValueError(f"Unknown model {name}")
            return Published(config["num_classes"], name == "auxiliary")

        class Weights:
            def __init__(self, name):
                self.name = name

            def get_state_dict(self, progress=True):
                if self.name == "changed":
                    return {"other": ones(1)}
                return {name: ones(value.shape) for name, value in Published(1000, False).state_dict().items()}

            def transforms(self):
                return SimpleNamespace(mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25])

        def get_model_weights(name):
            return SimpleNamespace(DEFAULT=Weights(name))
    """,
}
BROKEN = "raise RuntimeError('operator torchvision::nms does not exist')"

Install = Callable[[str, dict[str, str]], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that writes a stand-in package, imported before any other of that name in this test."""
    modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("timm", "torchvision")}
    for name in modules:
        del sys.modules[name]
    monkeypatch.syspath_prepend(tmp_path)

    def write(package: str, files: dict[str, str]) -> None:
        folder = tmp_path / package
        folder.mkdir()
        for name, text in files.items():
            lines = text.splitlines()
            indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
            (folder / name).write_text("\n".join(line[indent:] for line in lines) + "\n")
        importlib.invalidate_caches()

    yield write
    for name in [name for name in sys.modules if name.split(".")[0] in ("timm", "torchvision")]:
        del sys.modules[name]
    sys.modules.update(modules)


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide both packages, whether installed or not."""

    class Nowhere:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name.split(".")[0] in ("timm", "torchvision"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for name in [name for name in sys.modules if name.split(".")[0] in ("timm", "torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Nowhere(), *sys.meta_path])


def pictures(channels: int = 3, problem: str = "classification") -> Data:
    """Return four noise images of 32×32 pixels."""
    image = np.random.default_rng(0).integers(0, 256, (4, 32, 32, channels), dtype=np.uint8)
    split = MemorySplit(np.arange(4), {"image": image, "target": np.arange(4)})
    return Data(problem, {"classes": tuple("0123456789")}, {"train": split}, Source("generated", "pictures", "0"))


def predict_first(network: Network, data: Data) -> torch.Tensor:
    with torch.no_grad():
        return network.module.eval()(torch.from_numpy(data.splits["train"].take(np.arange(4))["image"]))


@pytest.mark.parametrize(("models", "files"), [(timm, TIMM), (torchvision, TORCHVISION)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_named_architecture_gives_a_logit_a_class(
    install: Install, models: ModuleType, files: dict[str, str], channels: int
) -> None:
    install(models.__name__.rsplit(".", 1)[1], files)
    for problem, shape in (("classification", (4, 10)), ("regression", (4,))):
        data = pictures(channels, problem)
        network = models.build(data, models.Options("tiny"))
        assert network.module.training
        assert predict_first(network, data).shape == shape


def test_an_architecture_that_returns_auxiliary_outputs_too_gives_its_logits(install: Install) -> None:
    install("torchvision", TORCHVISION)
    data = pictures()
    assert predict_first(torchvision.build(data, torchvision.Options("auxiliary")), data).shape == (4, 10)


def test_pretrained_images_are_scaled_as_the_weights_expect(install: Install) -> None:
    install("timm", TIMM)
    for channels, mean, deviation in ((3, [0.5, 0.25, 0.0], [0.5, 0.5, 0.25]), (1, [0.25], [1.25 / 3])):
        network = timm.build(pictures(channels), timm.Options("tiny", pretrained=True))
        assert network.untrained == "the last layer"
        module = network.module
        image = torch.randint(0, 256, (2, 5, 5, channels), dtype=torch.uint8)
        expected = (image / 255.0 - torch.tensor(mean)) / torch.tensor(deviation)
        assert torch.allclose(module.pixels(image), expected, atol=1e-5)


def test_published_weights_are_loaded_but_for_the_last_layer(install: Install) -> None:
    install("torchvision", TORCHVISION)
    network = torchvision.build(pictures(), torchvision.Options("tiny", pretrained=True))
    convolution, *_, head = network.module.body.network.body
    assert (convolution.weight == 1.0).all()
    assert head.out_features == 10
    assert not (head.weight == 1.0).any()
    assert network.untrained == "the last layer"
    assert torchvision.build(pictures(), torchvision.Options("tiny")).untrained is None
    with pytest.raises(BenchError, match="only 0 of 4 tensors fit the published weights"):
        torchvision.build(pictures(), torchvision.Options("changed", pretrained=True))


def test_images_are_resized_for_a_network_of_one_size_which_says_so(install: Install) -> None:
    install("timm", TIMM)
    data = pictures()
    with pytest.raises(BenchError, match=r'timm.s "fixed" does not take images of 32×32 \(Input height.*set resize'):
        timm.build(data, timm.Options("fixed"))
    assert predict_first(timm.build(data, timm.Options("fixed", resize=8)), data).shape == (4, 10)


@pytest.mark.parametrize(
    ("models", "files", "options", "message"),
    [
        (timm, TIMM, {"architecture": "resnet999"}, r'timm.s "resnet999": no such architecture, says timm \(Unknown'),
        (torchvision, TORCHVISION, {"architecture": "resnet999"}, '"resnet999": no such classification architecture'),
        (timm, TIMM, {"architecture": "unreachable", "pretrained": True}, "not on this machine and cannot be downl"),
        (timm, TIMM, {"architecture": "features"}, r"returns \(2, 3072\) for 2 images, not \(2, 10\)"),
    ],
)
def test_what_cannot_be_had_is_explained(
    install: Install, models: ModuleType, files: dict[str, str], options: dict[str, Any], message: str
) -> None:
    install(models.__name__.rsplit(".", 1)[1], files)
    with pytest.raises(BenchError, match=message):
        models.build(pictures(), models.Options(**options))


def test_images_of_other_channels_are_refused(install: Install) -> None:
    install("timm", TIMM)
    with pytest.raises(BenchError, match="these have 4 channels"):
        timm.build(pictures(4), timm.Options("tiny"))


@pytest.mark.parametrize("models", [timm, torchvision])
@pytest.mark.usefixtures("hidden")
def test_an_absent_package_is_said_to_be_absent_and_why_no_extra_brings_it(models: ModuleType) -> None:
    with pytest.raises(BenchError, match=r"is not installed; no extra of bench-suite installs it.*bench doctor"):
        models.build(pictures(), models.Options())


@pytest.mark.parametrize("models", [timm, torchvision])
def test_a_package_that_does_not_load_is_told_apart_from_an_absent_one(install: Install, models: ModuleType) -> None:
    package = models.__name__.rsplit(".", 1)[1]
    install(package, {"__init__.py": BROKEN})
    with pytest.raises(BenchError, match=rf"{package}.* is installed and does not load \(RuntimeError: operator"):
        models.build(pictures(), models.Options())


def test_a_package_whose_own_needs_are_missing_does_not_load(install: Install) -> None:
    install("timm", {"__init__.py": "import a_package_that_nobody_has"})
    with pytest.raises(BenchError, match=r"timm is installed and does not load .*a_package_that_nobody_has"):
        timm.build(pictures(), timm.Options())


def test_whole_networks_hold_only_modules_of_torch_and_encode_bytes(install: Install) -> None:
    install("timm", TIMM)
    network = timm.build(pictures(), timm.Options("tiny"))
    assert isinstance(network.module, nn.Module)
    raw = pictures().splits["train"].take(np.arange(3))
    assert network.encode(raw)["image"].dtype == np.uint8
