"""What the client writes is for its user alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmlight_client import private_files
from firmlight_client.auth.login_file import Login, LoginFile
from firmlight_client.worker.consent import consent_file, group_file
from firmlight_client.worker.spool import Spool


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_everything_in_the_clients_folder_is_for_its_user_alone(tmp_path: Path) -> None:
    home = tmp_path / "config" / "firmlight"
    file = LoginFile(home)
    with file.locked():
        file.save(Login(url="https://example.org", worker_token="flw_1"))
    group_file.remember(home, "https://example.org", {"g1": "Lab Seven"}, {})
    consent_file.put(home, "slots", "2", "", group_file.Memory())
    spool = Spool(home, "https://example.org", "tower")
    found = [home.parent, home, *home.rglob("*")]
    assert len(found) > 8
    assert {mode(path) for path in found if path.is_file()} == {0o600}
    assert {mode(path) for path in found if path.is_dir()} == {0o700}
    spool.close()


def test_a_folder_that_exists_stays_as_its_owner_has_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private_files.make_folder(tmp_path)
    assert mode(tmp_path) == 0o755


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "credentials.json"
    private_files.replace(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        private_files.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
