"""Pictures of matrices: colours that tell small shares apart, values that can be read, and no import of matplotlib."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from bench_suite.reports.heatmap import CIVIDIS, SIDE, _font, draw_matrix, scale_of

COUNTS = np.array([[900.0, 10.0, 90.0], [0.0, 5.0, 5.0], [0.0, 0.0, 0.0]])


def pixels_of(values: list[list[float | None]], **data: str) -> np.ndarray:
    rows, columns = [str(n) for n in range(len(values))], [str(n) for n in range(len(values[0]))]
    content = draw_matrix({"rows": rows, "columns": columns, "values": values, **data})
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def rgb(colour: int) -> list[int]:
    return [colour >> 16, colour >> 8 & 255, colour & 255]


def test_counts_are_coloured_by_their_share_of_the_row_and_other_values_as_they_are() -> None:
    scale = scale_of(COUNTS)
    np.testing.assert_allclose(scale.values, [[0.9, 0.01, 0.09], [0, 0.5, 0.5], [0, 0, 0]])
    assert scale.position(0.09) - scale.position(0.01) > 0.15, "what lies beside the diagonal can be told apart"
    assert scale.meaning == "share of the row"
    for other in ([[1.0, 0.2], [0.2, 1.0]], [[-1.0, 2.0], [1.0, 2.0]], [[1.0, 2.0]], [[0.0]], [[np.nan, 2.0], [1, 1]]):
        values = np.array(other)
        scale = scale_of(values)
        assert scale.values is values
        assert scale.meaning == ""
        assert (scale.ticks[0], scale.ticks[-1]) == (np.nanmin(values), np.nanmax(values))
    assert scale.position(2.0) == 1.0
    assert scale_of(np.full((2, 2), np.nan)).ticks == [0.0]
    assert scale_of(np.array([[3.5, 3.5]])).position(3.5) == 0.0


def test_the_colours_are_those_of_cividis() -> None:
    exact = np.array(colormaps["cividis"](np.linspace(0, 1, len(CIVIDIS))))[:, :3] * 255
    assert np.abs(exact - [rgb(colour) for colour in CIVIDIS]).max() < 6


def test_each_value_has_its_place_and_an_unknown_one_is_white() -> None:
    pixels = pixels_of([[1.0, 0.0, 0.0], [0.0, None, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    dark, light = (np.argwhere((pixels == rgb(CIVIDIS[end])).all(axis=2)) for end in (0, -1))
    left = min(dark[:, 1].min(), light[:, 1].min())
    top = min(dark[:, 0].min(), light[:, 0].min())
    width, height = 250 / 3, 5 * SIDE / 5

    def corner(row: int, column: int) -> list[int]:
        return pixels[int(top + row * height) + 4, int(left + column * width) + 4].tolist()

    assert [corner(0, column) for column in range(3)] == [rgb(CIVIDIS[-1]), rgb(CIVIDIS[0]), rgb(CIVIDIS[0])]
    assert corner(1, 1) == [255, 255, 255]
    assert corner(1, 2) == rgb(CIVIDIS[-1])
    assert corner(4, 0) == rgb(CIVIDIS[8])


def test_names_and_values_change_the_picture_and_the_same_data_make_the_same_bytes() -> None:
    data = {"rows": ["a", "b"], "columns": ["a", "b"], "values": COUNTS[:2, :2].tolist(), "x": "predicted", "y": "true"}
    pictures = [draw_matrix({**data, **other}) for other in (
        {}, {"x": "true"}, {"y": ""}, {"rows": ["a", "c"]}, {"columns": ["a", "longer"]}, {"values": [[1, 2], [3, 5]]},
    )]  # fmt: skip
    assert len(set(pictures)) == len(pictures)
    assert draw_matrix(data) == pictures[0]


def test_values_that_do_not_fit_their_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot reshape"):
        draw_matrix({"rows": ["a"], "columns": ["b"], "values": [[1, 2]]})


def test_the_font_is_that_of_matplotlib_which_is_not_imported() -> None:
    assert _font(20).getname()[0] == "DejaVu Sans"  # type: ignore[union-attr]  # not the bitmap of old Pillow
    code = (
        "import sys; from bench_suite.reports.plots import picture; from bench_suite.contracts import Artifact; "
        "picture(Artifact('n', 'matrix', {'rows': ['a'], 'columns': ['b'], 'values': [[1]]}, 'c')); "
        "sys.exit('matplotlib' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
