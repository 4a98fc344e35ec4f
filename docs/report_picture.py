"""Draw `docs/images/report.png`: the first screen of the report of the run that the README shows.

Run `python docs/report_picture.py`. It needs the extra `docs` (for Markdown), Pillow and Chromium on the path.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import markdown
from PIL import Image

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "images" / "report.png"
WIDTH, HEIGHT = 980, 860  # CSS pixels; one CSS pixel is one pixel of the picture
STYLE = """
body { font: 15px/1.45 "DejaVu Sans", sans-serif; color: #222; margin: 18px 28px; }
table { border-collapse: collapse; margin: 8px 0 14px; font-size: 13px; }
th, td { border: 1px solid #ccc; padding: 4px 10px; }
th { background: #f0f2f4; }
h1 { font-size: 25px; margin: 0 0 6px; }
h2 { font-size: 20px; margin: 12px 0 4px; }
h3 { font-size: 16px; margin: 12px 0 4px; }
p { margin: 6px 0; }
"""


def shown_run() -> Path:
    """Return the folder of the run whose output the README shows."""
    name = re.search(r"results/(\S+)/report\.md", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert name is not None, "the README shows no run"
    return ROOT / "results" / name[1]


def page(report: Path) -> str:
    """Return the report as a page of HTML."""
    body = markdown.markdown(report.read_text(encoding="utf-8"), extensions=["tables"])
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><body>{body}</body>'


def main() -> None:
    """Render the report in Chromium and save its first screen with a palette of 64 colours."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser is not None, "Chromium is not on the path: apt-get install chromium"
    TARGET.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source, picture = Path(folder, "report.html"), Path(folder, "report.png")
        source.write_text(page(shown_run() / "report.md"), encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"]
        subprocess.run([browser, *flags, f"--screenshot={picture}", source.as_uri()], check=True, capture_output=True)
        with Image.open(picture) as image:
            image.convert("RGB").quantize(64).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
