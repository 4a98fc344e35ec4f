"""Draw `docs/images/report.png`: the first screen of the page of the run that the README shows.

Run `python docs/report_picture.py`. It needs Pillow, and Chromium on the path.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from bench_suite.reports.html.page import write_page
from bench_suite.store.runs import Run

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "images" / "report.png"
WIDTH, HEIGHT = 1080, 860  # CSS pixels; one CSS pixel is one pixel of the picture


def shown_run() -> Path:
    """Return the folder of the run whose output the README shows."""
    name = re.search(r"results/(\S+)/report\.md", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert name is not None, "the README shows no run"
    return ROOT / "results" / name[1]


def main() -> None:
    """Render the page in Chromium and save its first screen with a palette of 64 colours."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser is not None, "Chromium is not on the path: apt-get install chromium"
    TARGET.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source, picture = Path(folder, "report.html"), Path(folder, "report.png")
        write_page([Run(shown_run())], source)
        flags = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"]
        flags += ["--virtual-time-budget=3000"]  # until the page's program has run
        subprocess.run([browser, *flags, f"--screenshot={picture}", source.as_uri()], check=True, capture_output=True)
        with Image.open(picture) as image:
            image.convert("RGB").quantize(64).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
