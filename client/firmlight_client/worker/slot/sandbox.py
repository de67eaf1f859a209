"""A slot's fence: no network for who needs none, and never a look at the worker's own tokens. Linux
only.

Namespaces (unshare(2), user_namespaces(7)) do it without any right: the process gets a user
namespace of its own, in it a network without any device (so not even this machine can be reached),
and mounts in which the folder with the tokens is empty. Then it gives away all that it could do in
there. Some systems forbid such namespaces; the slot then runs without, and says why, so that
`firmlight doctor` can.
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


def raise_fence(*, network: bool, hidden: Path | None) -> str:
    """Fence this process in; it must have one thread only. Returns "" or, in words, why this system
    does not let it.
    """
    if sys.platform != "linux":
        return f"{sys.platform} offers no way to do it"
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | (0 if network else CLONE_NEWNET)):
        return f"this system does not allow namespaces ({os.strerror(ctypes.get_errno())})"
    _stay_who_we_are(user, group)
    if hidden:
        _hide(libc, hidden)
    _give_everything_away(libc)
    return ""


def _stay_who_we_are(user: int, group: int) -> None:
    """Without a map every file would seem to be nobody's."""
    for name, words in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(words)


def _hide(libc: ctypes.CDLL, folder: Path) -> None:
    """An empty folder that nobody can write to lies over it, for this process alone."""
    libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    libc.mount(b"none", os.fsencode(folder), b"tmpfs", flags, b"size=4k,mode=500")


def _give_everything_away(libc: ctypes.CDLL) -> None:
    """In its own namespace a process may do anything, even take the fence down; not without
    capabilities.
    """
    for capability in range(CAPABILITIES_MAX):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def keep_secrets() -> None:
    """Linux: other processes of this user cannot look into this one, its environment or its memory."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def may_hide(home: Path) -> Path | None:
    """The folder to hide; None if it is not there, or Python itself lies in it."""
    place = home.resolve()
    used = (sys.prefix, sys.base_prefix, Path(__file__).parent)
    inside = any(Path(each).resolve().is_relative_to(place) for each in used)
    return place if place.is_dir() and not inside else None
