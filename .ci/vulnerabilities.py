"""Fail if a pinned dependency has a known vulnerability.

Where the package index does not answer, the script says so and passes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ARGUMENTS = (
    "--requirement",
    "requirements.txt",
    "--no-deps",
    "--disable-pip",
    "--progress-spinner",
    "off",
    "--timeout",
    "5",
    "--format",
    "json",
)


def main() -> int:
    pip_audit = str(Path(sys.executable).with_name("pip-audit"))
    audit = subprocess.run([pip_audit, *ARGUMENTS], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(audit.stdout)["dependencies"]
    except ValueError:
        packages = []
    checked = [package for package in packages if "vulns" in package]
    if not checked:
        print("vulnerabilities: skipped, the package index does not answer")

    failed = False
    for package in checked:
        for vulnerability in package["vulns"]:
            print(f"{package['name']} {package['version']}: {vulnerability['id']}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
