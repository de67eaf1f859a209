"""Fail if a fault is known of a library that we pin. Where the index says nothing, say so and pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ASK = (
    "--requirement",
    "requirements.txt",
    "--no-deps",
    "--disable-pip",
    "--progress-spinner",
    "off",
    "--timeout",
    "5",
)


def main() -> int:
    command = [str(Path(sys.executable).with_name("pip-audit")), *ASK, "--format", "json"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        found = []
    judged = [row for row in found if "vulns" in row]
    if not judged:
        print("known faults: skipped, the package index does not answer")
    faults = [
        f"{row['name']} {row['version']}: {fault['id']}" for row in judged for fault in row["vulns"]
    ]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
