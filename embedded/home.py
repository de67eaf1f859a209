"""The one folder (`VAR`) in which an embedded system keeps everything."""

import fcntl
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from core import file_modes
from embedded.problem import Problem

# sun_path of a Unix socket holds 108 bytes on Linux and 104 on macOS; supervisor adds a suffix
# while it binds.
SOCKET_PATH_BYTES_MAX = 90


@dataclass(frozen=True)
class Home:
    """The folder and what is in it. `root` is absolute; only the owner can read the secrets."""

    root: Path

    def __str__(self) -> str:
        """As people type it: relative if it is below the present folder."""
        here = Path.cwd()
        if self.root.is_relative_to(here):
            return f"{self.root.relative_to(here)}/"
        return f"{self.root}/"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def redis(self) -> Path:
        return self.root / "redis"

    @property
    def database(self) -> Path:
        return self.root / "firmlight.sqlite3"

    def create(self) -> bool:
        """Create the folders, for this user alone; return whether others could look into them.

        Raises Problem if that is not possible.
        """
        try:
            was_open = self._create_private()
        except OSError as error:
            raise Problem(f"VAR={self.root} cannot be used: {error.strerror or error}") from None
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise Problem(f"VAR={self.root} cannot be used: it is not writable")
        return was_open

    def _create_private(self) -> bool:
        """The folder closes what is in it, whatever the modes of the files in there are."""
        was_open = self.root.is_dir() and file_modes.close_to_others(self.root)
        for folder in (self.root, self.log, self.redis):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file_modes.close_to_others(folder)
        return was_open

    def lock(self) -> IO[str]:
        """Lock the folder as long as the returned file is open; the lock ends with this process.

        Raises Problem if another process holds it.
        """
        try:
            file = (self.root / "lock").open("a+")
        except OSError as error:
            raise Problem(f"VAR={self.root} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "?"
            file.close()
            raise Problem(
                f"Firmlight already runs on {self.root} (process {holder}); stop it or set VAR"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def empty(self) -> None:
        """Remove everything but the lock, which must be held."""
        self.remove_socket()
        for entry in self.root.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()
        self.create()

    def secret(self, path: str) -> str:
        """256 random bits as text, generated the first time and the same ever after."""
        file = self.root / path
        if not file.exists():
            descriptor, new = tempfile.mkstemp(dir=file.parent)  # 0600 from the start
            with os.fdopen(descriptor, "w") as handle:
                handle.write(secrets.token_urlsafe(48))
            Path(new).replace(file)
        return file.read_text().strip()

    def socket(self) -> Path:
        """Where supervisor listens: in the folder, unless that path is too long for a Unix socket.

        Then it is in a temporary folder. The link `socket-folder` leads there, so that the next
        start finds and removes what a killed run left behind.
        """
        inside = self.root / "supervisor.sock"
        if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES_MAX:
            return inside
        self.remove_socket()
        folder = Path(tempfile.mkdtemp(prefix="firmlight-"))  # 0700
        self._socket_folder.symlink_to(folder)
        return folder / inside.name

    def remove_socket(self) -> None:
        """Remove the temporary folder of the socket, if there is one."""
        if self._socket_folder.is_symlink():
            shutil.rmtree(self._socket_folder.resolve(), ignore_errors=True)
            self._socket_folder.unlink()

    @property
    def _socket_folder(self) -> Path:
        return self.root / "socket-folder"
