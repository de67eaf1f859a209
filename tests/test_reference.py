"""What operators read agrees with the program."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)


def test_every_setting_is_listed():
    source = "".join(path.read_text() for path in (ROOT / "firmlight" / "settings").glob("*.py"))
    names = set(re.findall(r'(?:number|whole|beside|env\.\w+)\(\s*"([A-Z_]+)"', source))
    listed = set(
        re.findall(r"[A-Z_]{4,}", (ROOT / "docs" / "reference" / "settings.md").read_text())
    )
    assert names
    assert names <= listed, sorted(names - listed)
