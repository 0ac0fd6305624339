"""The stock library on PostgreSQL, with its own recorder and with that of `eventsourcing-sqlalchemy`.

Both need packages that the ledger can do without, one of them an older SQLAlchemy: they run in `.venv-peers`, made from
peers.lock where it is missing.
"""

import hashlib
import subprocess
import venv
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import make_url

from benchmarks.places import PostgreSQL
from benchmarks.results import Progress
from benchmarks.stock import Result, run_stock

BATCHES = (100, 1_000, 5_000)
MOST_SECONDS = 15.0

_HERE = Path(__file__).parent
_LOCK = _HERE / "peers.lock"
_VENV = _HERE.parent / ".venv-peers"


class NotInstalled(Exception):
    """The peers could not be installed; the message says why."""


class Peer(NamedTuple):
    """A recorder to compare with, and the size of its batches."""

    name: str
    module: str
    batch: int


STOCK = [Peer("stock library", "eventsourcing.postgres", size) for size in (1, *BATCHES)]
OTHERS = [Peer("eventsourcing-sqlalchemy", "eventsourcing_sqlalchemy", size) for size in (1, 1_000)]


def measure(path: Path, place: PostgreSQL, progress: Progress) -> dict[Peer, Result]:
    """Record the file's facts with each; raises NotInstalled."""
    python = interpreter(progress)
    results = {}
    for peer in (*STOCK, *OTHERS):
        progress(f"{peer.name}, batches of {peer.batch:,}")
        with place.empty() as url:
            results[peer] = run_stock(path, environment(peer, url), peer.batch, MOST_SECONDS, python)
    return results


def environment(peer: Peer, url: str) -> dict[str, str]:
    """What the library is told of the database."""
    # By TCP: over a Unix socket, libpq's pipeline mode, which its recorder uses, hangs in batches of 1,000 facts.
    parsed = make_url(url)
    return {
        "PERSISTENCE_MODULE": peer.module,
        "POSTGRES_DBNAME": parsed.database or "",
        "POSTGRES_HOST": parsed.host or "",
        "POSTGRES_PORT": str(parsed.port),
        "POSTGRES_USER": parsed.username or "",
        "POSTGRES_PASSWORD": "",
        "SQLALCHEMY_URL": url,
    }


def interpreter(progress: Progress) -> str:
    """The Python that has the peers, installed first where they are not those of the lock file."""
    python, installed = _VENV / "bin" / "python", _VENV / "installed"
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if not installed.exists() or installed.read_text() != wanted:
        progress("installing the peers into .venv-peers")
        venv.create(_VENV, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--quiet", "--no-deps", "--require-hashes"]
        try:
            subprocess.run([*pip, "--requirement", str(_LOCK)], check=True, capture_output=True, text=True)  # noqa: S603
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip().splitlines()
            raise NotInstalled(said[-1] if said else f"pip ended with {error.returncode}") from error
        installed.write_text(wanted)
    return str(python)
