"""The pictures of the page in docs: python -m tests.screenshots makes them anew, and says how large they are.

They are of documents as federation_status_page makes them, so that they are the same wherever they are made.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))

import status_documents as documents
from browser import Browser

FOLDER = documents.TEMPLATES.parents[2] / "docs" / "images"
WIDTHS = {"wide": 1280, "narrow": 390}
PAGES = {
    "two-members": documents.healthy(2),
    "twenty-members": documents.healthy(20),
    "one-member-down": documents.one_down(3),
}
DARK = "one-member-down"
# The largest that a picture may be, in bytes.
LARGEST = 150_000
# What is below is more of the same, in pixels.
LONGEST = 2200


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.screenshots", description="Make the pictures of docs/status.md."
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they go (docs/images)")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, Browser(Path(home) / "browser") as browser:
        for name, document in PAGES.items():
            page = documents.write(document, Path(home) / f"{name}.html")
            for size, width in WIDTHS.items():
                browser.open(page, width)
                save(browser.picture(), folder / f"status-{name}-{size}.png")
            if name == DARK:
                browser.open(page, WIDTHS["wide"], dark=True)
                save(browser.picture(), folder / f"status-{name}-dark.png")


def save(picture: bytes, path: Path) -> None:
    """Write a picture as small as it can be without looking different."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, LONGEST)))
    # By how far colors are apart rather than by how often they are there: what is red on it is rare.
    image.quantize(128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {image.width} x {image.height}, {path.stat().st_size} bytes")
    assert path.stat().st_size <= LARGEST, f"{path} is larger than {LARGEST} bytes."


if __name__ == "__main__":
    main()
