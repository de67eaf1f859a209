"""The Redis server that the embedded system starts: which program, and its configuration."""

from pathlib import Path

import psutil

from core.redis import OLDEST
from embedded import redis_folder, redis_programs
from embedded.home import Home
from embedded.problem import Problem
from embedded.redis_programs import Program

ADVICE = (
    "No Redis server can be started. Install one (Debian, Ubuntu: apt install redis-server; "
    "Fedora: dnf install valkey; macOS: brew install redis), or set REDIS_URL."
)

MEMORY_SHARE = 4  # of the machine's memory, a quarter, within these bounds
MEMORY_MIB_MIN, MEMORY_MIB_MAX = 256, 4096

# `always` writes every accepted command to the disk before the answer: a power cut loses nothing.
# `noeviction`: a full Redis refuses new work and never drops accepted work. `set-proc-title no`:
# the command line keeps the name of this file, so the next start recognises a server left behind.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync always
maxmemory {memory_mib}mb
maxmemory-policy noeviction
save ""
daemonize no
supervised no
set-proc-title no
always-show-logo no
tcp-backlog 128
"""


def find(folder: Path | None = None) -> Program:
    """The server to start: our own, or one on PATH if ours does not run here.

    With the folder of its files, the server must be able to read them: it may be a newer Redis on
    PATH that wrote them. Raises Problem, which says what is wrong with each server and what to do.
    """
    reasons: list[str] = []
    for path in redis_programs.paths():
        program = redis_programs.ask(path)
        reason = _reason_against(path, program, folder)
        if program and not reason:
            return program
        reasons.append(reason)
    raise Problem(" ".join([*reasons, _advice(folder)]))


def _reason_against(path: str, program: Program | None, folder: Path | None) -> str:
    """Why this program cannot be used; "" if it can."""
    if program is None:
        return f"{path} does not run here."
    if program.release.version[:2] < OLDEST:
        return f"{program} is not version {OLDEST[0]}.{OLDEST[1]} or newer."
    writer = redis_folder.unreadable(folder, program.release) if folder else None
    if writer is None:
        return ""
    return f"{folder} was written by {writer}, and {program} cannot read it."


def _advice(folder: Path | None) -> str:
    """What to do if no server can be started."""
    writers = redis_folder.writers(folder) if folder else []
    if not writers:
        return ADVICE
    return f"Install {writers[0].minor} or newer, or set VAR to another folder to start empty."


def memory_mib(given: str = "") -> int:
    """How much memory the server may use, in MiB: as the user says, or a quarter of the machine's.

    Raises Problem.
    """
    if not given:
        quarter = psutil.virtual_memory().total // 2**20 // MEMORY_SHARE
        return min(max(quarter, MEMORY_MIB_MIN), MEMORY_MIB_MAX)
    if not given.isdecimal() or int(given) < 1:
        raise Problem(f"REDIS_MAXMEMORY_MIB must be a whole number of MiB, not {given!r}")
    return int(given)


def configure(
    home: Home, program: Program, port: int, memory_mib: int = MEMORY_MIB_MIN
) -> tuple[Path, str]:
    """Write the server's configuration; return its path and the server's URL."""
    password = home.secret("redis/password")
    redis_folder.record(home.redis, program.release)
    file = home.redis / "redis.conf"
    file.touch(mode=0o600)
    file.chmod(0o600)
    folder = str(home.redis).replace("\\", "\\\\").replace('"', '\\"')
    values = {"port": port, "password": password, "folder": f'"{folder}"'}
    file.write_text(CONFIGURATION.format(**values, memory_mib=memory_mib))
    (home.redis / "port").write_text(str(port))
    return file, f"redis://:{password}@127.0.0.1:{port}"


def last_port(home: Home) -> int:
    """The port of the last run; 0 if there was none."""
    file = home.redis / "port"
    text = file.read_text().strip() if file.exists() else ""
    return int(text) if text.isdecimal() else 0
