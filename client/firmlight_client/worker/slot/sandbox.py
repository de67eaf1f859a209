"""A slot's sandbox: no network for kinds that need none, and no way to the worker's tokens.

Linux only. Namespaces (unshare(2), user_namespaces(7)) need no privilege: the process gets a user
namespace of its own, in it a network without any device (so not even this machine can be reached),
and mounts in which the folder with the tokens is empty. Then it drops every capability that it has
in there. Some systems forbid such namespaces; the slot then runs without them, and reports why to
`firmlight doctor`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x0002_0000, 0x1000_0000, 0x4000_0000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
CAPABILITY_VERSION_3 = 0x2008_0522
CAPABILITIES_MAX = 64


def enter(*, network: bool, hidden: Path | None) -> str:
    """Put this process into the sandbox; it must have one thread only.

    `network`: leave it the network. `hidden` is a folder that it must not see. Returns "" or, in
    words, why this system has no sandbox for it.
    """
    if sys.platform != "linux":
        return f"{sys.platform} offers no way to do it"
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    namespaces = CLONE_NEWUSER | CLONE_NEWNS
    if not network:
        namespaces |= CLONE_NEWNET
    if libc.unshare(namespaces):
        return f"this system does not allow namespaces ({os.strerror(ctypes.get_errno())})"
    _map_ids(user, group)
    if hidden:
        _hide(libc, hidden)
    _drop_capabilities(libc)
    return ""


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
