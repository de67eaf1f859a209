"""A crawl through the whole system: one poisoned site of three costs the other two nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.client.kinds.poison import REASONS, SHOWN, site_of_poison
from tests.client.kinds.site import Site, html
from tests.system.lab import Lab


@pytest.fixture
def worker(lab: Lab, tmp_path: Path) -> Iterator[None]:
    """A worker of the second person, whose owner lets it crawl this machine."""
    given = {
        "FIRMLIGHT_HOME": str(tmp_path),
        "FIRMLIGHT_URL": lab.url,
        "FIRMLIGHT_TOKEN": lab.worker_token(1),
    }
    command = [sys.executable, "-m", "firmlight_client.cli", "work", "--json", "--slots", "2"]
    process = subprocess.Popen(
        [*command, "--allow-private-networks"],
        env={**os.environ, **given, "FIRMLIGHT_ALWAYS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert any(json.loads(line)["event"] == "connected" for line in process.stdout)
    yield
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_poisoned_site_costs_the_others_nothing(lab: Lab, worker: None) -> None:
    with ExitStack() as stack:
        first, poisoned, last = [
            stack.enter_context(Site(f"127.2.0.{n}", pages).running())
            for n, pages in enumerate(
                [
                    {"/": html("First", "/a", "http://xn--ls8h.la/"), "/a": html("A")},
                    site_of_poison(),
                    {"/": html("Last", "/b"), "/b": html("B")},
                ],
                1,
            )
        ]
        task = lab.submit("CRAWLER", urls=[first.url, poisoned.url, last.url], limit=100)
        done = lab.wait(task, "succeeded", "failed")
        assert done["status"] == "succeeded", done["error"]
        assert not any(part["failures"] for part in done["contributions"])
        sites = lab.result(task)["sites"]
    assert [page["title"] for page in sites[0]["pages"]] == ["First", "A"]
    assert [page["title"] for page in sites[2]["pages"]] == ["Last", "B"]
    assert not sites[0]["errors"] + sites[2]["errors"]
    assert len(sites[1]["pages"]) == 1 + len(SHOWN)
    assert len(sites[1]["errors"]) >= len(REASONS)
