"""What every test has: no network but loopback, one engine thread, a ledger of its own, a scripted spine."""

from __future__ import annotations

import gc
import itertools
import json
import os
import shutil
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("ASSAY_THREADS", "1")  # two spinning threads on a busy machine are slower than one
os.environ.pop("ASSAY_CONFIG", None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background: children would be deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

from assay.catalog.load import builtin
from assay.config.load import parse
from assay.inference.build import Builder
from assay.inference.spine import Spine
from assay.ledger.migrate import migrate
from assay.ledger.store import SqliteLedger

# A busy machine is slow, which is no failure; CI tries the same examples every time.
settings.register_profile("assay", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("assay")

_numbers = itertools.count()
_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104 - an address that tests may name


def pytest_collection_finish() -> None:
    """What collecting made lives to the end: the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that leaves this machine fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
            raise AssertionError(f"a test wanted to connect to {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def own_weights(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What was pulled on this machine decides no test, but for those that load real weights.

    The folder is only named, not made: a folder for each of ten thousand tests is a minute.
    """
    if request.node.get_closest_marker("local") is None:
        monkeypatch.setenv("ASSAY_WEIGHTS", str(tmp_path_factory.getbasetemp() / f"no-weights-{next(_numbers)}"))


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema and nothing in it: to copy it takes half as long as to make one."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, str(path))
    return path


@pytest.fixture
async def ledger(tmp_path: Path, empty_ledger: Path) -> AsyncIterator[SqliteLedger]:
    """A ledger in a file of its own."""
    made = SqliteLedger(shutil.copyfile(empty_ledger, tmp_path / "ledger.db"))
    yield made
    await made.close()


@pytest.fixture
async def make_spine(tmp_path: Path, ledger: SqliteLedger) -> AsyncIterator[Callable[..., Spine]]:
    """Builds a spine from TOML; `scripts` are written to files named as the scripted deployments name them."""
    made: list[Spine] = []

    def make(toml: str, scripts: dict[str, Any] | None = None) -> Spine:
        for name, script in (scripts or {}).items():
            (tmp_path / name).write_text(json.dumps(script))
        config = parse(toml.encode(), tmp_path / "assay.toml")
        spine = Builder(builtin(), config.local).spine(config, ledger)
        made.append(spine)
        return spine

    yield make
    for spine in made:
        await spine.close()
