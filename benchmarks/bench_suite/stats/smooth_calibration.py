"""Smooth calibration error: residuals smoothed by a kernel whose width is the error itself.

Błasiok and Nakkiran 2023, "Smooth ECE", arXiv 2309.12236. The kernel is a Gaussian on [0, 1] that is reflected at both
ends. In the basis of cosines its convolution is a product, so one transform serves all widths.
"""

from __future__ import annotations

import numpy as np

HALVINGS = 10
"Bisections of [0, 1] in which the width is searched, before a line through both ends finds it within about 1e-5."


def smooth_error(residuals: np.ndarray) -> np.ndarray:
    """Return the width σ at which the error of width σ is σ itself, (B,).

    The error of a width is ∫ |Σ (confidence − label) K(t, confidence)| dt / n over [0, 1]. It does not grow with σ, so
    there is one such width.

    Args:
        residuals: (B, G) sums of (confidence − label) / n in G cells of equal width that divide [0, 1].
    """
    low, high = np.zeros(len(residuals)), np.ones(len(residuals))
    waves = _cosines(residuals)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_below = middle < _error(waves, middle)
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    above, below = _error(waves, low) - low, high - _error(waves, high)
    return low + (high - low) * np.divide(above, above + below, out=np.zeros_like(above), where=above + below > 0)


def error_of_width(residuals: np.ndarray, width: float) -> np.ndarray:
    """Return ∫ |smoothed residuals| for a kernel of one width σ, (B,), from residuals (B, G)."""
    return _error(_cosines(residuals), np.full(len(residuals), width))


def _cosines(residuals: np.ndarray) -> np.ndarray:
    from scipy import fft

    return np.asarray(fft.dct(residuals, axis=1))


def _error(waves: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return the error of each row's width, (B,): a wave of frequency k/2 is damped by exp(−(πkσ)² / 2)."""
    from scipy import fft

    cells = waves.shape[1]
    damping = np.exp(-0.5 * np.square(np.pi * widths[:, None] * np.arange(cells)))
    return np.abs(fft.idct(waves * damping, axis=1)).sum(axis=1)
