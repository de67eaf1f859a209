"""What a run of the tests installs, skips, and begins with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import conftest
from tests.support import bare, needed, order

ROOT = Path(__file__).parents[1]
PYTEST = (
    sys.executable,
    "-m",
    "pytest",
    "-p",
    "no:cacheprovider",
)  # beside other tests: no folder appears under them
REAL = ("sh", "cat", "chmod", "env", "rm", "ls", "sort", "head", "tail", "cut")

# Notes what it is asked for, and whether a server that comes along would be started.
APT_GET = """#!/bin/sh
echo "$@" >> "$NOTES"
test "$1" = update && exit 0
"$POLICY_FILE" || echo "policy $?" >> "$NOTES"
case "$*" in *rare*) echo "E: Unable to locate package" >&2; exit 100;; esac
"""
SUDO = """#!/bin/sh
echo sudo >> "$NOTES"
AS_ROOT=1 exec env "$@"
"""
ID = """#!/bin/sh
if [ "$AS_ROOT" ]; then echo 0; else echo 1000; fi
"""


class Machine:
    """A folder as the whole PATH, with programs of our own and a few real ones."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.notes = folder / "bin", folder / "notes"
        self.policy = folder / "policy-rc.d"
        self.bin.mkdir()
        for name in REAL:
            (self.bin / name).symlink_to(shutil.which(name) or name)

    def lay(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        place = {"PATH": str(self.bin), "NOTES": str(self.notes), "POLICY_FILE": str(self.policy)}
        return subprocess.run(
            command, env=place | more, capture_output=True, text=True, check=False, timeout=60
        )

    def install(self, *packages: str, **more: str) -> tuple[list[str], str]:
        """What apt-get was asked for, and what was said."""
        done = self.run(str(ROOT / ".ci" / "apt-install"), *packages, **more)
        assert done.returncode == 0, done.stderr
        return self.notes.read_text().splitlines() if self.notes.exists() else [], done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def debian(machine: Machine) -> Machine:
    """Its user is not root but with AS_ROOT, which its sudo sets."""
    machine.lay("apt-get", APT_GET)
    machine.lay("id", ID)
    machine.lay("sudo", SUDO)
    return machine


def asked(notes: list[str]) -> list[str]:
    return [line.rpartition(" ")[2] for line in notes if line.startswith("install")]


def test_root_installs_what_is_missing_and_starts_no_server(debian: Machine) -> None:
    notes, _ = debian.install("caddy", "chromium-headless-shell", AS_ROOT="1")
    assert notes[0].startswith("update")
    assert asked(notes) == ["caddy", "chromium-headless-shell"]
    assert notes.count("policy 101") == 2
    assert not debian.policy.exists()


def test_a_policy_that_is_there_stays_as_it_is(debian: Machine) -> None:
    debian.policy.write_text("#!/bin/sh\nexit 104\n")
    debian.policy.chmod(0o755)
    notes, _ = debian.install("caddy", AS_ROOT="1")
    assert "policy 104" in notes
    assert debian.policy.read_text() == "#!/bin/sh\nexit 104\n"


def test_nothing_is_installed_without_the_right_or_the_wish_or_the_need(debian: Machine) -> None:
    assert debian.install("caddy") == ([], "")
    assert debian.install("caddy", INSTALL="0", AS_ROOT="1") == ([], "")
    assert debian.install(AS_ROOT="1") == ([], "")


def test_others_than_root_install_by_sudo_if_they_say_so(debian: Machine) -> None:
    notes, _ = debian.install("caddy", INSTALL="1")
    assert notes[0] == "sudo"
    assert asked(notes) == ["caddy"]


def test_on_a_system_without_apt_nothing_happens(machine: Machine) -> None:
    machine.lay("id", "#!/bin/sh\necho 0\n")
    assert machine.install("caddy", INSTALL="1") == ([], "")


def test_what_cannot_be_installed_does_not_stop_the_rest(debian: Machine) -> None:
    notes, said = debian.install("rare", "caddy", AS_ROOT="1")
    assert asked(notes) == ["rare", "caddy"]
    assert "apt-get could not install rare; going on without" in said


@pytest.mark.parametrize("target", needed.TARGETS)
def test_each_target_names_the_packages_that_it_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    lacking = needed.packages(target)
    assert all(lacking)
    assert ("chromium-headless-shell" in lacking) is (target != "mongo")
    (tmp_path / "chromium").symlink_to(sys.executable)
    assert "chromium-headless-shell" not in needed.packages(target)


def test_a_program_may_be_named_by_a_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHROMIUM", sys.executable)
    assert needed.PROGRAMS["chromium"].path() == sys.executable
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "gone"))
    assert needed.PROGRAMS["chromium"].path() is None


def test_the_last_lines_count_what_was_skipped_for_each_program(
    monkeypatch: pytest.MonkeyPatch, machine: Machine
) -> None:
    machine.lay("apt-get", APT_GET)
    monkeypatch.setenv("PATH", str(machine.bin))
    browser, caddy = (needed.PROGRAMS[name].lacking for name in ("chromium", "caddy"))
    reasons = [
        *[f"Skipped: {browser}"] * 16,
        f"Skipped: {caddy}",
        "Skipped: these limits are Linux's",
    ]
    assert needed.skipped(reasons) == [
        "1 test skipped: no Caddy; apt install caddy",
        "16 browser tests skipped: no Chromium; apt install chromium-headless-shell",
    ]
    assert needed.skipped([]) == []


def clean() -> dict[str, str]:
    """The environment for a run of its own."""
    ours = ("PYTEST_", "FIRMLIGHT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def test_on_a_machine_that_has_nothing_browser_tests_are_skipped_and_the_run_is_green() -> None:
    tests = ["tests/e2e/test_everybody.py", "tests/deploy/test_caddy.py"]
    pytest_here = [*PYTEST, "-n", "1", "-k", "everybody or come_in_by_tls", *tests]
    command = [sys.executable, "-m", "tests.support.bare", *pytest_here]
    done = subprocess.run(
        command, cwd=ROOT, env=clean(), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-3:]
    browser = [line for line in last if " browser tests skipped: no Chromium; " in line]
    assert int(browser[0].partition(" ")[0]) >= 5
    assert any(line.startswith("1 test skipped: no Caddy; ") for line in last)


def test_a_bare_machine_has_all_but_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, empty = tmp_path / "full", tmp_path / "bare"
    for folder in (full, empty):
        folder.mkdir()
    for name in ("redis-server", "chromium", "ls"):
        (full / name).symlink_to(sys.executable)
    (full / "notes.txt").touch(mode=0o644)
    monkeypatch.setenv("PATH", f"{full}::{tmp_path / 'gone'}")
    bare.lay(empty)
    assert {path.name for path in empty.iterdir()} == {"ls"}
    monkeypatch.setenv("PATH", str(empty))
    assert [name for name in bare.left_out() if shutil.which(name)] == []
    assert shutil.which("ls")


def test_the_newest_and_the_oldest_python_are_those_that_run(machine: Machine) -> None:
    script = str(ROOT / ".ci" / "python")
    assert machine.run(script, "newest").stdout == ""
    for minor in ("11", "12"):
        machine.lay(f"python3.{minor}", f"#!/bin/sh\necho {minor}\n")
    machine.lay("python3.13", "#!/bin/sh\necho 'pyenv: command not found' >&2; exit 127\n")
    assert machine.run(script, "newest").stdout == f"{machine.bin}/python3.12\n"
    assert machine.run(script, "oldest").stdout == f"{machine.bin}/python3.11\n"


def test_a_python_that_only_pyenv_knows_is_found(machine: Machine) -> None:
    machine.lay("python3.11", "#!/bin/sh\necho 11\n")
    there = machine.bin.parent / "versions" / "3.13.0" / "bin"
    there.mkdir(parents=True)
    machine.lay("python3", "#!/bin/sh\necho 13\n").rename(there / "python3")
    machine.lay("pyenv", f"#!/bin/sh\necho {machine.bin.parent}\n")
    assert machine.run(str(ROOT / ".ci" / "python"), "newest").stdout == f"{there}/python3\n"


def test_a_python_that_is_too_old_or_too_new_is_not_taken(machine: Machine) -> None:
    """The question is put to a real one, with another version number."""
    shift = "import sys; sys.version_info = ({}); exec(sys.argv[1])"
    for name, version in (("python3", "3, 10, 9"), ("python3.14", "3, 15, 0")):
        code = shift.format(version)
        machine.lay(name, f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$2"\n')
    assert machine.run(str(ROOT / ".ci" / "python"), "newest").stdout == ""
    machine.lay(
        "python3.14", f'#!/bin/sh\nexec {sys.executable} -c "{shift.format("3, 14, 0")}" "$2"\n'
    )
    assert (
        machine.run(str(ROOT / ".ci" / "python"), "newest").stdout == f"{machine.bin}/python3.14\n"
    )


def test_what_runs_together_and_takes_longest_is_begun_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = {"tests/a.py": 30.0, "tests/b.py": 20.0, "tests/c.py": 15.0, "tests/d.py": 1.0}
    monkeypatch.setattr(order, "noted", lambda: seconds)
    files = ("d", "a", "new", "c", "b")
    items = [SimpleNamespace(nodeid=f"tests/{file}.py::test") for file in files]
    together = {"tests/b.py", "tests/c.py"}

    def scope(nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "pair" if file in together else file

    order.longest_first(items, scope)
    assert [Path(item.nodeid.partition("::")[0]).stem for item in items] == [
        "c",
        "b",
        "a",
        "new",
        "d",
    ]


def test_the_seconds_of_the_files_that_ran_are_noted_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    noted = tmp_path / "seconds.json"
    noted.write_text('{"tests/gone.py": 9.0, "tests/conftest.py": 8.0, "tests/plugin.py": 7.0}')
    monkeypatch.setattr(order, "NOTED", noted)
    notes = order.Notes()
    ran = [
        ("tests/plugin.py", "setup", 1.0),
        ("tests/plugin.py", "call", 2.0),
        ("tests/conftest.py", "setup", 0.0),
    ]
    for file, when, seconds in ran:
        notes.pytest_runtest_logreport(
            SimpleNamespace(nodeid=f"{file}::test", when=when, duration=seconds)
        )
    notes.pytest_sessionfinish()
    assert order.noted() == {"tests/conftest.py": 8.0, "tests/plugin.py": 3.0}


def test_what_is_apart_from_storage_exists() -> None:
    assert [folder for folder in conftest.APART_FROM_STORAGE if not (ROOT / folder).exists()] == []


def test_tests_of_storage_are_chosen_by_their_fixtures() -> None:
    chosen = [
        "tests/core/test_pagination.py",  # a fixture
        "tests/databases/test_indexes.py",  # the mark of pytest-django
        "tests/databases/test_moving.py",  # starts programs that use it
        "tests/system/test_crawl.py",  # a whole system
    ]
    others = ["tests/core/test_text.py", "tests/failover/test_network.py"]
    command = [*PYTEST, "--collect-only", "-q", "-m", "storage", *chosen, *others]
    done = subprocess.run(
        command, cwd=ROOT, env=clean(), capture_output=True, text=True, timeout=300
    )
    assert re.findall(r"^(tests/\S+): \d+$", done.stdout, re.MULTILINE) == chosen, done.stdout


def test_who_starts_a_system_on_the_database_says_so() -> None:
    """`fresh` makes a database beside that of the tests, which no fixture of theirs shows."""
    files = [
        file
        for file in (ROOT / "tests").rglob("test_*.py")
        if "import fresh" in file.read_text() and "def system" not in file.read_text()
    ]
    silent = [
        file for file in files if not re.search(r"mark\.(storage|transactions)", file.read_text())
    ]
    assert [file.name for file in silent] == ["test_backup.py"]  # it has the fixture `system`
