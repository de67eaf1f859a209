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


def modes(home):
    return {stat.S_IMODE(folder.stat().st_mode) for folder in (home.root, home.log, home.redis)}


def test_other_users_cannot_look_into_a_new_folder(home):
    assert modes(home) == {0o700}


def test_a_folder_that_others_could_look_into_is_closed_and_that_is_said_once(home):
    for folder in (home.redis, home.log, home.root):
        folder.chmod(0o755)
    assert home.create() is True
    assert modes(home) == {0o700}
    assert home.create() is False


def test_a_folder_that_all_users_share_is_refused_and_left_as_it_is(tmp_path):
    shared = tmp_path / "var"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(Problem, match="is shared by all users"):
        Home(shared).create()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert not list(shared.iterdir())


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
