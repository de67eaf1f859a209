"""People over the public API."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from typing import Any, Self
from uuid import uuid4

import httpx

PASSWORD = "correct horse battery"
PATIENCE_SECONDS, LOOK_SECONDS = 30.0, 0.05
TLS = (
    ssl.create_default_context()
)  # reading the world's certificates takes each client longer than its requests


class Lab:
    """Three people who share a group; `api[i]` is the logged-in client of person i."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url, self.headers, mark = url, dict(headers or {}), uuid4().hex[:10]
        self.names = [f"{name}-{mark}" for name in ("ada", "ben", "cleo")]
        self.access: list[str] = []
        self.api = [self.register(name) for name in self.names]
        self.group = self._form_group(f"lab {mark}")
        self._tokens: dict[int, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.api:
            client.close()

    def register(self, name: str) -> httpx.Client:
        """A new person; returns their logged-in client."""
        client = httpx.Client(
            base_url=f"{self.url}/api/", timeout=30, verify=TLS, headers=self.headers
        )
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        answer = client.post("auth/register/", json=body)
        assert answer.status_code == 201, answer.text
        self.access.append(answer.json()["access"])
        client.headers["Authorization"] = f"Bearer {self.access[-1]}"
        return client

    def _form_group(self, name: str) -> str:
        group = self.api[0].post("groups/", json={"name": name}).json()["id"]
        invited = self.api[0].post(
            f"groups/{group}/invitations/", json={"usernames": self.names[1:]}
        )
        assert invited.status_code == 201, invited.text
        for client in self.api[1:]:
            (invitation,) = client.get("invitations/").json()["results"]
            assert client.post(f"invitations/{invitation['id']}/accept/").is_success
        return group

    def worker_token(self, person: int) -> str:
        if person not in self._tokens:
            answer = self.api[person].post("worker-tokens/", json={"name": "tests"})
            assert answer.status_code == 201, answer.text
            self._tokens[person] = answer.json()["token"]
        return self._tokens[person]

    def submit(self, kind: str = "ECHO", person: int = 0, **params: Any) -> str:
        """The new task's id."""
        answer = self.api[person].post(
            "tasks/", json={"group": self.group, "kind": kind, "params": params}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def task(self, task: str) -> dict[str, Any]:
        return self.api[0].get(f"tasks/{task}/").json()

    def wait(self, task: str, *statuses: str) -> dict[str, Any]:
        """The task once it has one of these statuses (the final ones if none are named)."""
        wanted = statuses or ("succeeded", "failed", "cancelled")
        return self.until(lambda: self.task(task), lambda found: found["status"] in wanted)

    def until(self, look: Any, fine: Any) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while not fine(found := look()):
            assert time.monotonic() < end, f"still {found}"
            time.sleep(LOOK_SECONDS)
        return found

    def result(self, task: str) -> Any:
        return self.api[0].get(f"tasks/{task}/result/").json()
