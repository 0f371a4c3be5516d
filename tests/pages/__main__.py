"""The command: python -m tests.pages writes the generated pages, and removes those of modules that are gone."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> int:
    """Write what differs, and say so."""
    from harness import ROOT

    from pages.all import is_generated, pages, stale

    for name, text in pages(ROOT).items():
        file = ROOT / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and not is_generated(file):
            print(f"ERROR: {name} was written by hand: move it away, then run this again.")
            return 1
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            print(f"pages: wrote {name}")
    for file in stale(ROOT):
        file.unlink()
        print(f"pages: removed {file.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
