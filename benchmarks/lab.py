"""The real system with real workers, as the measurements use it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any
from uuid import uuid4

from embedded.system import System
from firmlight_client.sdk.client import Client

PASSWORD = "correct horse battery"
START_SECONDS_MAX = 60.0


@dataclass
class WorkerProcess:
    """A `firmlight work --json` process; `lines` gets (time.monotonic(), event) for each line it
    prints.
    """

    process: subprocess.Popen[str]
    lines: Queue[tuple[float, dict[str, Any]]] = field(default_factory=Queue)

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self.lines.put((time.monotonic(), json.loads(line)))

    def wait_for(
        self, event: str, seconds: float = START_SECONDS_MAX
    ) -> tuple[float, dict[str, Any]]:
        """When it next printed this event, and the event."""
        end = time.monotonic() + seconds
        while True:
            moment, found = self.lines.get(timeout=max(end - time.monotonic(), 0.001))
            if found.get("event") == event:
                return moment, found

    def forget(self) -> None:
        """Throw away what it has printed so far."""
        while not self.lines.empty():
            self.lines.get_nowait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass
class Lab:
    """One submitter and a worker owner in one group, on a system of its own."""

    system: System
    client: Client
    owner: Client
    group: str
    folder: Path
    workers: list[WorkerProcess] = field(default_factory=list)
    others: list[Client] = field(default_factory=list)  # more owners

    def worker_token(self, name: str) -> str:
        return str(self.owner.create_worker_token(name)["token"])

    def another_owner(self) -> Client:
        """One more member of the group."""
        self.others.append(_member(self.system, self.client, self.group))
        return self.others[-1]

    def start_worker(
        self, *, slots: int = 1, owner: Client | None = None, env: Mapping[str, str] = {}
    ) -> WorkerProcess:
        """Start a worker and wait until the server has welcomed it."""
        name = f"worker-{len(self.workers)}"
        token = str((owner or self.owner).create_worker_token(name)["token"])
        home = self.folder / name
        home.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            **env,
            "FIRMLIGHT_URL": self.system.url,
            "FIRMLIGHT_TOKEN": token,
            "FIRMLIGHT_HOME": str(home),
        }
        command = [
            sys.executable,
            "-m",
            "firmlight_client.cli",
            "work",
            "--always",
            "--json",
            "--slots",
            str(slots),
            "--name",
            name,
        ]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        worker = WorkerProcess(process)
        threading.Thread(target=worker.read, daemon=True).start()
        self.workers.append(worker)
        worker.wait_for("connected")
        return worker


@contextlib.contextmanager
def lab(**env: str) -> Iterator[Lab]:
    """A system on free ports in a temporary folder, with two people in one group; all of it ends
    with the block.
    """
    folder = tempfile.TemporaryDirectory(prefix="firmlight-bench-")
    with (
        folder as name,
        System(
            Path(name) / "var",
            env={"LOG_LEVEL": "WARNING", "SUBMIT_PER_MINUTE_MAX": "1000000", **env},
        ) as system,
    ):
        made = _people(system, Path(name))
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.stop()
            for person in (made.client, made.owner, *made.others):
                person.close()


def _people(system: System, folder: Path) -> Lab:
    submitter = _register(system, "submitter")
    group = submitter.create_group(f"bench {uuid4().hex[:8]}")["id"]
    return Lab(system, submitter, _member(system, submitter, group), group, folder)


def _register(system: System, role: str) -> Client:
    name = f"{role}-{uuid4().hex[:8]}"
    return Client.register(system.url, name, f"{name}@example.org", PASSWORD)


def _member(system: System, leader: Client, group: str) -> Client:
    owner = _register(system, "owner")
    leader.invite(group, owner.me()["username"])
    (invitation,) = owner.invitations()
    owner.accept(invitation["id"])
    return owner
