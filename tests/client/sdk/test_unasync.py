"""The blocking client is made from the one for asyncio."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from firmlight_client import AsyncClient, AsyncTask, Client, Task

SCRIPT = Path(__file__).parents[3] / "client" / "unasync.py"


@pytest.fixture(scope="module")
def unasync() -> ModuleType:
    spec = importlib.util.spec_from_file_location("unasync", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_client_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_async_and_await_go_and_names_change_in_words_too(unasync: ModuleType) -> None:
    source = '''"""Its own docstring, with `await`."""

class AsyncTask(AsyncThing):
    """As AsyncClient."""

    async def rows(self) -> AsyncIterator[int]:
        async with self.lock:
            return [row async for row in await self.pages(awaited)]
'''
    code = unasync.blocking(source).removeprefix(unasync.DOCSTRING)
    assert (
        code
        == '''

class Task(AsyncThing):
    """As Client."""

    def rows(self) -> Iterator[int]:
        with self.lock:
            return [row for row in self.pages(awaited)]
'''
    )


@pytest.mark.parametrize(("one", "other"), [(AsyncClient, Client), (AsyncTask, Task)])
def test_both_clients_offer_the_same_with_the_same_parameters(one: type, other: type) -> None:
    def offered(cls: type) -> dict[str, list[str]]:
        names = [name for name in vars(cls) if not name.startswith("_")]
        methods = {name: getattr(cls, name) for name in names if callable(getattr(cls, name))}
        return {name: [*inspect.signature(method).parameters] for name, method in methods.items()}

    assert offered(one) == offered(other)
    assert "submit" in offered(other) or "result" in offered(other)
