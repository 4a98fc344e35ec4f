"""The expected FLOPs of convolutions and attention, against counts by hand for each layer."""

from __future__ import annotations

from bench_suite.data.sources import Sources
from bench_suite.models import transformer
from bench_suite.selftest import analytic_flops, runner
from bench_suite.tasks import planted_terms


def test_a_network_of_two_convolutions_by_hand() -> None:
    """On 16×16 pixels to 16 channels, on 8×8 to 32, and 4×4×32 features to 4 classes."""
    first, second, last = 2 * 256 * 25 * 16, 2 * 64 * 25 * 16 * 32, 2 * 512 * 4
    assert analytic_flops.convolution_flops((16, 32), 16, 4) == (
        first + second + last,
        2 * first + 3 * second + 3 * last,
    )
    assert analytic_flops.convolution_parameters((16, 32), 16, 4) == 400 + 12_800 + 2 * 16 + 2 * 32 + 512 * 4 + 4


def test_attention_by_hand() -> None:
    """Three words of width 64: four square products, scores and weighted sum, two layers of 128, and two classes."""
    squares, attended, feedforward = 4 * 2 * 3 * 64 * 64, 2 * 2 * 3 * 3 * 64, 2 * 2 * 3 * 64 * 128
    known = analytic_flops.transformer_flops(transformer.Options(max_length=3), classes=2)
    assert known == squares + attended + feedforward + 2 * 64 * 2


def test_no_text_is_shorter_than_what_is_read_of_it() -> None:
    (cell,) = (cell for cell in runner.plan_checks()[0].cells if cell.model.label == "transformer")
    test = planted_terms.load(planted_terms.Options(), Sources(offline=True)).splits["test"]
    texts = test.take(range(len(test)))["text"]
    assert min(len(text.split()) for text in texts) >= cell.options["model"]["max_length"]
