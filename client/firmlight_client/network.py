"""Whether this machine's owner lets kinds reach addresses that are not public.

One flag for one process: a worker's slot sets it at its start, from `firmlight work --allow-private-networks`.
"""

_private_allowed = False


def allow_private() -> None:
    """Let kinds of this process reach private addresses and any port."""
    global _private_allowed  # noqa: PLW0603  one switch a process, thrown once
    _private_allowed = True


def private_allowed() -> bool:
    return _private_allowed
