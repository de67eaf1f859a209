"""Write the vectors: `python -m tests.client.vectors`."""

from __future__ import annotations

from tests.client.vectors import FOLDER, files

for name, text in files().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
