"""A new machine, from nothing to a finished task: the client from the server itself, a code, a
browser's yes.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import program as programs
from tests.support.program import read_until
from tests.system.lab import PASSWORD, Lab

Program = Callable[..., "subprocess.Popen[str]"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q"]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """An environment without Firmlight, with this one's libraries, so that no index is asked."""
    made = tmp_path / "machine"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
    libraries = next(made.glob("lib/python*/site-packages")) / "libraries.pth"
    libraries.write_text(
        sysconfig.get_path("purelib") + "\n"
    )  # a path alone: editable installs there stay unseen
    return made


@pytest.fixture
def program(machine: Path, tmp_path: Path) -> Iterator[Program]:
    """program("login", …): the installed `firmlight`, at home in an empty folder."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        command, without = [machine / "bin" / "firmlight", *words], ("FIRMLIGHT_", "PYTHON")
        started.append(programs.start(command, tmp_path / "home", cwd=tmp_path, without=without))
        return started[-1]

    yield start
    for one in started:
        programs.end(one)


def install(machine: Path, lab: Lab) -> None:
    """What the page says. `--no-deps`, `--ignore-installed`: the libraries are there, and not to be
    touched.
    """
    page = httpx.get(f"{lab.url}/download/").text
    found = re.search(r'href="(/download/[^"#]+\.whl)#sha256=([0-9a-f]{64})"', page)
    assert found
    wheel = f"firmlight-client @ {lab.url}{found[1]}#sha256={found[2]}"  # pip compares it
    options = ["--no-deps", "--ignore-installed", "--no-index"]
    subprocess.run(
        [*PIP, "--python", str(machine / "bin" / "python"), "install", *options, wheel], check=True
    )


def log_in(lab: Lab, person: int) -> httpx.Client:
    """That person's browser."""
    browser = httpx.Client(base_url=lab.url, follow_redirects=True)
    browser.get("/login/")
    form = {
        "login": lab.names[person],
        "password": PASSWORD,
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
    }
    assert str(browser.post("/login/", data=form).url).endswith("/groups/")
    return browser


def answer(browser: httpx.Client, address: str, word: str) -> str:
    """What the page says after this answer."""
    page = browser.get(address)
    (code,) = re.findall(r'name="code" value="([A-Z]{8})"', page.text)
    form = {"code": code, "answer": word, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    return browser.post("/device/", data=form).text


def test_from_nothing_to_a_finished_task(lab: Lab, machine: Path, program: Program) -> None:
    install(machine, lab)
    version = program("--version").communicate(timeout=20)[0].strip()
    assert (
        f"firmlight_client-{version}-"
        in httpx.get(f"{lab.url}/download/latest").headers["Location"]
    )
    inside = [
        machine / "bin" / "python",
        "-P",
        "-c",
        "import firmlight_client; print(firmlight_client.__file__)",
    ]
    assert subprocess.run(inside, capture_output=True, text=True, check=True).stdout.startswith(
        str(machine)
    )

    login = program("login", lab.url, "--worker")
    (address,) = re.findall(r"http://\S+/device/\S+", read_until(login, "Waiting"))
    with contextlib.closing(log_in(lab, 1)) as browser:
        assert "is approved" in answer(browser, address, "yes")
    assert f"may now work for {lab.names[1]}" in read_until(login, "firmlight work")
    assert login.wait(20) == 0

    program("work", "--slots", "1", "--always", "--plain", "--name", "new one")
    task = lab.submit("MEAN", numbers=[1, 2, 3, 6])
    done = lab.wait(task)
    assert done["status"] == "succeeded"
    assert [row["member"]["username"] for row in done["contributions"]] == [lab.names[1]]

    assert program("logout").wait(20) == 0
    assert lab.api[1].get("worker-tokens/").json()["results"] == [], (
        "the server knows that it has ended"
    )


def test_who_is_turned_away_is_told_and_keeps_nothing(
    lab: Lab, machine: Path, program: Program
) -> None:
    install(machine, lab)
    login = program("login", lab.url)
    (address,) = re.findall(r"http://\S+/device/\S+", read_until(login, "Waiting"))
    with contextlib.closing(log_in(lab, 1)) as browser:
        assert "is denied" in answer(browser, address, "no")
    assert "The code was denied in the browser." in read_until(login, "denied")
    assert login.wait(20) == 1
    assert "Nobody is logged in here" in program("work").communicate(timeout=20)[0]
