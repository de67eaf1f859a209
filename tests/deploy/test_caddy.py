"""Caddy in front of a web process.

Its rules are the ones that the installation on one server makes from those for containers.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedded.system import System
from tests.deploy import files
from tests.deploy.running import free_port
from tests.support.needed import need
from tests.system.lab import Lab
from tests.system.peer import Peer

PAGE = files.ROOT / "docs" / "how-to" / "install-on-one-server.md"
START_SECONDS_MAX = 20


def rules() -> str:
    """What the command of the page makes."""
    (command,) = re.findall(r"^(sed .*) > /etc/caddy/Caddyfile$", PAGE.read_text(), re.MULTILINE)
    return subprocess.run(
        command, shell=True, cwd=files.ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_the_page_makes_rules_for_a_web_process_on_the_same_machine() -> None:
    made = rules()
    assert f"\n{files.NAME} {{\n" in made
    assert "\treverse_proxy 127.0.0.1:8000 {\n" in made
    assert not re.search(r"dynamic|stream_close_delay|\$SITE", made)
    assert made.count("{") == made.count("}")


@pytest.fixture(scope="module")
def front(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address: with a certificate of its own, on this machine only."""
    folder, port = tmp_path_factory.mktemp("caddy"), free_port()
    here = "{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n"
    here += f"\thttps_port {port}\n"
    here += f"\tauto_https disable_redirects\n\thttp_port {free_port()}"
    text = (
        rules()
        .replace(files.NAME, "localhost")
        .replace("127.0.0.1:8000", system.url.removeprefix("http://"))
    )
    (folder / "Caddyfile").write_text(text.replace("{", here, 1))
    command = ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    with (folder / "log").open("w") as log, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            patch.setenv("SSL_CERT_FILE", str(root_of(folder, process)))
            yield f"https://localhost:{port}"
        finally:
            process.terminate()
            process.wait(10)


def root_of(folder: Path, process: subprocess.Popen[bytes]) -> Path:
    """Caddy's own authority, once it serves."""
    root, end = (
        folder / "caddy/pki/authorities/local/root.crt",
        time.monotonic() + START_SECONDS_MAX,
    )
    while "serving initial configuration" not in (folder / "log").read_text():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < end
        time.sleep(0.05)
    return root


@need("caddy")
def test_people_and_workers_come_in_by_tls_and_what_is_for_those_inside_stays_there(
    front: str, system: System
) -> None:
    with httpx.Client(base_url=front) as outside, Lab(system.url) as lab:
        alive = outside.get("/healthz")
        assert (alive.status_code, alive.json(), alive.headers.get("server")) == (
            200,
            {"status": "alive"},
            None,
        )
        assert [outside.get(path).status_code for path in ("/metrics", "/readyz", "/login/")] == [
            404,
            404,
            200,
        ]
        worker = Peer(front, lab.worker_token(1), "laptop")
        lab.submit(count=3)
        worker.work(3)
        worker.close()
