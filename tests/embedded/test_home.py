import os
import stat

import pytest

from embedded import Problem
from embedded.home import SOCKET_PATH_BYTES_MAX, Home


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "var")
    home.create()
    return home


def test_only_one_can_hold_the_folder(home):
    with home.lock():
        with pytest.raises(Problem, match=f"already runs on .*process {os.getpid()}"):
            home.lock()
    home.lock().close()


def test_a_secret_is_made_once_and_for_its_owner_only(home):
    first = home.secret("secret_key")
    assert home.secret("secret_key") == first
    assert len(first) >= 43  # 256 bits in base64
    assert stat.S_IMODE((home.root / "secret_key").stat().st_mode) == 0o600
    assert home.secret("redis/password") != first


def test_emptying_removes_everything_but_the_lock(home):
    (home.root / "firmlight.sqlite3").touch()
    (home.redis / "old.aof").touch()
    with home.lock():
        home.empty()
        assert {path.name for path in home.root.iterdir()} == {"lock", "log", "redis"}
        assert not list(home.redis.iterdir())


def test_emptying_does_not_follow_links(home, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (home.root / "link").symlink_to(precious)
    home.empty()
    assert (precious / "file").exists()


def test_a_long_path_gets_its_socket_elsewhere_and_leaves_nothing_there(tmp_path):
    deep = Home(tmp_path / ("x" * SOCKET_PATH_BYTES_MAX))
    deep.create()
    killed, current = deep.socket(), deep.socket()
    assert len(str(current)) <= SOCKET_PATH_BYTES_MAX
    assert not killed.parent.exists()  # what a killed run left is removed by the next one
    deep.remove_socket()
    assert not current.parent.exists()


def test_a_file_in_the_place_of_the_folder_is_one_clear_line(tmp_path):
    (tmp_path / "var").touch()
    with pytest.raises(Problem, match=r"VAR=.* cannot be used: File exists"):
        Home(tmp_path / "var").create()
