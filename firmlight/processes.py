"""The server's processes, each started as `python -m firmlight NAME`.

The command is the same for `make run`, the containers, systemd and a Procfile. The started program
replaces the process, so that signals reach it. HOST and PORT say where web listens, JOBS_THREADS
how many jobs a process runs in parallel, and WEB_STOP_SECONDS how long web waits for its requests
when it stops.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# A ping now and then keeps routers from dropping the connection. The pong waits behind the data
# that is under way: 8 MiB take 256 s at 32 KiB/s. Work does not wait for it, since a silent worker
# loses its leases.
WS_PING_SECONDS, WS_PONG_SECONDS_MAX = 20, 300
FRAME_BYTES_MAX = 16 * 2**20
# It configures nothing, so that uvicorn's lines are formatted like all others.
UVICORN_LOG = Path(__file__).with_name("uvicorn.json")
QUEUES = {"jobs": "short", "jobs-long": "long,bulk", "sweep": "sweep"}
SWEEP_THREADS = "3"  # the sweep, the reconciliation and the purge may be due together
NAMES = ("web", *QUEUES, "beat")
# `firmlight.prepare` has made the checks.
CELERY = ("celery", "--quiet", "--skip-checks")
HTTP, WS = "firmlight.serving.protocols:Http", "firmlight.serving.protocols:WebSocket"


def arguments(name: str, env: Mapping[str, str]) -> list[str]:
    """What comes after `python -m`. Raises ValueError for a process that is not one of NAMES."""
    if name == "web":
        return _web(env)
    if name in QUEUES:
        return _jobs(name, env)
    if name == "beat":
        return [*CELERY, "-A", "firmlight", "beat", "--loglevel", _level(env), "--pidfile="]
    raise ValueError(f"the processes are {', '.join(NAMES)}, not {name!r}")


def _web(env: Mapping[str, str]) -> list[str]:
    return [
        *("uvicorn", "firmlight.asgi:application"),
        *("--host", env.get("HOST", "127.0.0.1"), "--port", env.get("PORT", "8000")),
        *("--http", HTTP, "--ws", WS),
        *("--log-config", str(UVICORN_LOG)),
        *("--lifespan", "on", "--no-access-log", "--no-server-header", "--no-proxy-headers"),
        *("--timeout-graceful-shutdown", env.get("WEB_STOP_SECONDS", "3")),
        *("--ws-per-message-deflate", "false", "--ws-max-size", str(FRAME_BYTES_MAX)),
        *("--ws-ping-interval", str(WS_PING_SECONDS)),
        *("--ws-ping-timeout", str(WS_PONG_SECONDS_MAX)),
    ]


def _jobs(name: str, env: Mapping[str, str]) -> list[str]:
    """Long jobs have a process of their own, and so has the sweep, which never runs kinds' code."""
    threads = SWEEP_THREADS if name == "sweep" else env.get("JOBS_THREADS", "2")
    return [
        *CELERY,
        *("-A", "firmlight", "worker", "--loglevel", _level(env)),
        *("-Q", QUEUES[name], "-n", f"{name}@%h"),
        *("-P", "threads", "-c", threads),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


def _level(env: Mapping[str, str]) -> str:
    return env.get("LOG_LEVEL", "INFO")
