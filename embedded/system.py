"""The embedded system as one object: start it, use it, stop it."""

import contextlib
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Self

import httpx
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core import file_modes, redis_log
from embedded import environment, orphans, ports, redis_server
from embedded.home import Home
from embedded.problem import Problem
from embedded.supervision import BASE, Part, Supervisor, last_line
from firmlight import processes
from tasks.queue import formats

# Redis takes about 10 s to load a gigabyte of its append-only file. A part that dies is noticed
# sooner.
READY_SECONDS_MAX = 120.0
PREPARE_SECONDS_MAX = 300.0
WATCH_SECONDS = 2.0  # between two checks of the parts
# Our own web server speaks plain HTTP. Without this httpx reads the world's certificates each time
# it asks, which takes more of a start than any of its parts.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class System:
    """Firmlight on this machine, in the folder `var`, on `host` and `port` (0: any free one).

    `env` goes to every part and takes precedence over what this class sets. With a REDIS_URL in it
    no Redis server is started; with a DATABASE_URL no SQLite file is used. `fresh` empties the
    folder first. `url` is known once the system has started, and `was_open` says whether other
    users could look into the folder until then.
    """

    def __init__(
        self,
        var: Path | str,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        env: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> None:
        self.home, self.host, self.port = Home(Path(var).absolute()), host, port
        self.given, self.fresh = dict(env or {}), fresh
        self.environment: dict[str, str] = {}
        self.was_open = False
        self._lock: IO[str] | None = None
        self._supervisor: Supervisor | None = None
        self._prepare: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return environment.url(self.host, self.port)

    @property
    def redis_url(self) -> str:
        return self.environment["REDIS_URL"]

    @property
    def mark(self) -> dict[str, str]:
        """Environment for other processes that must not outlive this system: `stop` ends them."""
        return {orphans.MARK: str(self.home.root)}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything; return when it answers. After a Problem nothing is left running."""
        self.was_open = self.home.create()
        self._lock = self.home.lock()
        try:
            orphans.end(self.home.root)
            if self.fresh:
                self.home.empty()
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything in order; harmless if nothing runs."""
        if self._lock is None:
            return
        if self._prepare is not None and self._prepare.poll() is None:
            self._prepare.kill()
            self._prepare.wait()
        if self._supervisor is not None:
            self._supervisor.stop()
        orphans.end(self.home.root)
        self._lock.close()
        self._lock = self._supervisor = self._prepare = None

    def pids(self) -> dict[str, int]:
        """The process ids of the living parts, and of supervisord, by name."""
        assert self._supervisor is not None and self._supervisor.process is not None, "not started"
        living = {name: pid for name, (_, pid) in self._supervisor.states().items() if pid}
        return {**living, "supervisord": self._supervisor.process.pid}

    def stop_part(self, name: str) -> None:
        """Stop one part in order; it stays down until `start_part`."""
        assert self._supervisor is not None, "not started"
        self._supervisor.stop_part(name)

    def start_part(self, name: str) -> None:
        """Start what `stop_part` stopped; do not wait for it."""
        assert self._supervisor is not None, "not started"
        self._supervisor.start_part(name)

    def watch(self) -> None:
        """Wait until a part fails permanently, and raise Problem; only a signal ends it earlier."""
        assert self._supervisor is not None, "not started"
        while True:
            self._supervisor.check({"FATAL"})
            time.sleep(WATCH_SECONDS)

    def _start(self) -> None:
        self._choose_port()
        own_redis = "REDIS_URL" not in self.given
        parts, given = [], self.given
        if own_redis:
            redis_part, redis_url = self._prepare_redis()
            parts.append(redis_part)
            given = {"REDIS_URL": redis_url, **given}
        self.environment = environment.build(self.home, self.host, self.port, given)
        parts += self._parts()
        self._supervisor = Supervisor(self.home, parts)
        self._begin_prepare()
        self._supervisor.start(self.environment)
        self._wait(self._redis_answers, "Redis does not answer")
        if own_redis:
            self._wait(self._redis_file_is_rewritten, "Redis does not rewrite its append-only file")
        self._end_prepare()
        self._require_readable_data()
        self._supervisor.start_parts()
        self._wait(self._web_answers, "web does not answer")
        self._wait(self._jobs_listen, "the jobs do not take work")

    def _choose_port(self) -> None:
        if self.port:
            ports.check_free(self.host, self.port)
        else:
            self.port = ports.free(self.host)

    def _prepare_redis(self) -> tuple[Part, str]:
        """Configure our own Redis server; return it as a part, and its URL."""
        program = redis_server.find(self.home.redis)
        port = ports.free("127.0.0.1", redis_server.last_port(self.home))
        memory = redis_server.memory_mib(self.given.get("REDIS_MAXMEMORY_MIB", ""))
        file, url = redis_server.configure(self.home, program, port, memory)
        return Part("redis", [program.path, str(file)], first=True), url

    def _parts(self) -> list[Part]:
        """The processes of the server."""
        return [self._part(name) for name in processes.NAMES]

    def _part(self, name: str) -> Part:
        """One of Firmlight's own processes."""
        address = {"HOST": self.host, "PORT": str(self.port)}
        arguments = processes.arguments(name, {**self.environment, **address})
        # Beat's handler of SIGTERM writes to the database, and hangs if the signal interrupts such
        # a write. Beat needs no orderly end: the database holds what is due.
        signal = "KILL" if name == "beat" else "TERM"
        return Part(name, [sys.executable, "-m", *arguments], signal=signal)

    def _begin_prepare(self) -> None:
        with self._prepare_log.open("wb") as log:
            self._prepare = subprocess.Popen(
                [sys.executable, "-m", "firmlight", "prepare"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=BASE,
                env=self.environment,
                start_new_session=True,
                umask=file_modes.PRIVATE_UMASK,
            )

    def _end_prepare(self) -> None:
        assert self._prepare is not None
        if self._prepare.wait(PREPARE_SECONDS_MAX) != 0:
            reason = last_line(self._prepare_log)
            raise Problem(reason or f"Django cannot be prepared; see {self._prepare_log}")

    @property
    def _prepare_log(self) -> Path:
        return self.home.log / "prepare.log"

    def _wait(self, answers: Callable[[], bool], complaint: str) -> None:
        """Poll until it answers. Raises Problem after READY_SECONDS_MAX, or when a part dies."""
        assert self._supervisor is not None
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not answers():
            self._supervisor.check()
            if self._prepare is not None and self._prepare.poll():
                self._end_prepare()
            if time.monotonic() > deadline:
                raise Problem(
                    f"{complaint} after {READY_SECONDS_MAX:.0f} seconds; see {self.home.log}"
                )
            time.sleep(0.05)

    def _redis_answers(self) -> bool:
        try:
            with _client(self.redis_url) as client:
                return bool(client.ping())
        except redis.exceptions.AuthenticationError:
            where = _without_password(self.redis_url)
            raise Problem(f"another Redis server listens where ours should: {where}") from None
        except (redis.exceptions.RedisError, ValueError) as error:
            if "REDIS_URL" in self.given:
                raise Problem(f"REDIS_URL cannot be used: {error}") from None
            return False

    def _redis_file_is_rewritten(self) -> bool:
        with _client(self.redis_url) as client:
            return redis_log.ensure_rewritten(client)

    def _require_readable_data(self) -> None:
        """Each part looks by itself; this saves waiting for them to end."""
        with _client(self.redis_url) as client:
            try:
                formats.require_known(formats.noted(client))
            except formats.NewerData as error:
                raise Problem(str(error)) from None

    def _web_answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return ask(f"{self.url}/healthz").status_code < 500
        return False

    def _jobs_listen(self) -> bool:
        """Whether all Celery workers are ready: each of them then waits in a BRPOP of its own."""
        assert self._supervisor is not None
        broker = self.environment.get("BROKER_URL", self.redis_url)
        if not broker.startswith("redis"):
            return True
        with _client(broker) as client:
            waiting = sum(entry["cmd"] == "brpop" for entry in client.client_list())
        celery_workers = [part for part in self._supervisor.parts if "worker" in part.command]
        return waiting >= len(celery_workers)


def ask(url: str) -> httpx.Response:
    """The answer of a web server on this machine. Raises httpx.TransportError."""
    return httpx.get(url, trust_env=False, timeout=5, verify=NO_CERTIFICATES)


def _client(url: str) -> redis.Redis:
    """A client without retries: the callers here poll."""
    return redis.Redis.from_url(url, socket_timeout=5, retry=Retry(NoBackoff(), 0))


def _without_password(url: str) -> str:
    return url.rpartition("@")[2]
