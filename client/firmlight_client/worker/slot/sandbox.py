"""A slot's sandbox: no network for kinds that need none, and none of the owner's files.

Linux only. Namespaces (unshare(2), user_namespaces(7)) need no privilege: the process gets a user
namespace of its own, in it a network without any device (so not even this machine can be reached),
and a file system in which only programs are, Python, and the slot's own folder (`new_root`). Then
it drops every capability that it has in there. Where such namespaces are forbidden, Landlock closes
files and TCP. What is missing is reported when the worker starts and by `firmlight doctor`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from firmlight_client.worker.slot import readable
from firmlight_client.worker.slot.fence import Fence
from firmlight_client.worker.slot.landlock import Landlock
from firmlight_client.worker.slot.new_root import NewRoot

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x0002_0000, 0x1000_0000, 0x4000_0000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
CAPABILITY_VERSION_3 = 0x2008_0522
CAPABILITIES_MAX = 64


def enter(*, network: bool, folder: Path, hidden: Path | None, failed: str = "") -> Fence:
    """Put this process into the sandbox; it must have one thread only.

    `network`: leave it the network. `folder` is its own, the present one lies in it. `hidden` is a
    folder that it must not see. `failed` says why namespaces did not work for the process before
    this one. Returns what is missing. Raises OSError if it fails half way: end the process then.
    """
    if sys.platform != "linux":
        words = f"{sys.platform} offers no way to do it"
        return Fence(files=words, network=words, closes_network=False)
    libc = ctypes.CDLL(None, use_errno=True)
    landlock = Landlock(libc)
    if failed:
        return _without_namespaces(landlock, failed, network=network, folder=folder, hidden=hidden)
    user, group = os.getuid(), os.getgid()
    namespaces = CLONE_NEWUSER | CLONE_NEWNS
    if not network:
        namespaces |= CLONE_NEWNET
    if libc.unshare(namespaces):
        why = f"this system does not allow namespaces ({os.strerror(ctypes.get_errno())})"
        return _without_namespaces(landlock, why, network=network, folder=folder, hidden=hidden)
    _map_ids(user, group)
    root = NewRoot(libc)
    files = root.why_not()
    if files:
        if hidden:
            _hide(libc, hidden)
    else:
        files = _enter_new_root(root, network=network, folder=folder, hidden=hidden)
    _drop_capabilities(libc)
    if landlock.version:
        landlock.close_signals()
    return Fence(files=files)


def _enter_new_root(root: NewRoot, *, network: bool, folder: Path, hidden: Path | None) -> str:
    """Returns what the process can read all the same, in words; "" if nothing. Raises OSError."""
    needed = [path for path in _needed(network=network) if not path.is_relative_to(folder)]
    root.enter(
        system=readable.system(),
        devices=readable.devices(),
        readable=needed,
        writable=folder,
        empty=[*owners_home(), *([hidden] if hidden else [])],
    )
    left = " and ".join(map(str, root.not_emptied))
    return f"Python lies in {left}, so kinds can read what is in there" if left else ""


def _without_namespaces(
    landlock: Landlock, why: str, *, network: bool, folder: Path, hidden: Path | None
) -> Fence:
    """Close what Landlock can. It cannot take a folder out of one that is readable."""
    if not landlock.version:
        words = f"{why}, and its kernel has no Landlock"
        return Fence(files=words, network=words, closes_network=False)
    allowed = [*readable.system(), *_needed(network=network)]
    landlock.close_files(
        readable=allowed, devices=readable.devices(), writable=folder, network=network
    )
    kept_out = [*owners_home(), *([hidden] if hidden else [])]
    left = [str(path) for path in kept_out if any(path.is_relative_to(each) for each in allowed)]
    files = f"kinds can read {' and '.join(left)}" if left else ""
    if landlock.closes_tcp:
        return Fence(files=files, network=f"{why}; Landlock closes TCP, and nothing else of it")
    return Fence(files=files, network=why, closes_network=False)


def _needed(*, network: bool) -> list[Path]:
    return [*readable.of_python(), *(readable.of_network() if network else [])]


def owners_home() -> list[Path]:
    """The home of the user that runs this, whatever HOME says; none if they have no real one."""
    if sys.platform == "win32":
        return []
    import pwd

    try:
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # a number without a name, as in some containers
        return []
    return [home] if home.is_absolute() and home != Path("/") else []


def _map_ids(user: int, group: int) -> None:
    """Keep user and group: without a map every file would seem to be nobody's."""
    for name, words in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(words)


def _hide(libc: ctypes.CDLL, folder: Path) -> None:
    """Mount an empty read-only folder over it, for this process alone."""
    libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    libc.mount(b"none", os.fsencode(folder), b"tmpfs", flags, b"size=4k,mode=500")


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """In its own namespace a process may do anything, even unmount what hides the folder.

    Without capabilities it may not.
    """
    for capability in range(CAPABILITIES_MAX):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def keep_secrets() -> None:
    """Linux: hide this process's environment and memory from other processes of this user."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def may_hide(home: Path) -> Path | None:
    """The folder to hide; None if it is not there, or Python itself lies in it."""
    place = home.resolve()
    used = (sys.prefix, sys.base_prefix, Path(__file__).parent)
    inside = any(Path(each).resolve().is_relative_to(place) for each in used)
    return place if place.is_dir() and not inside else None
