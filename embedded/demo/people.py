"""The people of the demo, who use Firmlight over its public API."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from embedded.problem import Problem

PASSWORD = "a long walk by the lake"  # noqa: S105  of accounts that live for a minute


class Person:
    """One user who is logged in. The methods make requests as any program would."""

    def __init__(self, url: str, username: str) -> None:
        self.username = username
        self._http = httpx.Client(base_url=f"{url}/api/", timeout=60, trust_env=False)
        body = {"username": username, "email": f"{username}@example.org", "password": PASSWORD}
        answer = self.post("auth/register/", json=body)
        self._http.headers["Authorization"] = f"Bearer {answer['access']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def create_group(self, name: str) -> str:
        """Create a group; return its id."""
        return self.post("groups/", json={"name": name})["id"]

    def invite(self, group: str, usernames: list[str]) -> None:
        self.post(f"groups/{group}/invitations/", json={"usernames": usernames})

    def accept_invitations(self) -> int:
        """Accept every invitation that waits; return how many there were."""
        waiting = self.get("invitations/")["results"]
        for invitation in waiting:
            self.post(f"invitations/{invitation['id']}/accept/")
        return len(waiting)

    def worker_token(self, name: str) -> str:
        return self.post("worker-tokens/", json={"name": name})["token"]

    def submit(
        self, group: str, kind: str, title: str, *, params: dict[str, Any], file: Path | None = None
    ) -> str:
        """Submit a task, with `file` as its upload if there is one; return its id."""
        about = {"group": group, "kind": kind, "title": title}
        if file is None:
            return self.post("tasks/", json={**about, "params": params})["id"]
        with file.open("rb") as upload:
            return self.post("tasks/", data=about, files={"file": (file.name, upload)})["id"]

    def task(self, task: str) -> dict[str, Any]:
        return self.get(f"tasks/{task}/")

    def result(self, task: str) -> Any:
        return self.get(f"tasks/{task}/result/")

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def post(self, path: str, **content: Any) -> Any:
        return self._ask("POST", path, **content)

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        """The JSON of the answer, None if it is empty. Raises Problem unless it is a success."""
        try:
            answer = self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise Problem(f"{method} /api/{path} got no answer: {error}") from None
        if not answer.is_success:
            raise Problem(
                f"{method} /api/{path} answered {answer.status_code}: {answer.text[:500]}"
            )
        return answer.json() if answer.content else None
