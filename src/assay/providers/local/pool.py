"""Engines by weights and settings, so that deployments that agree on both share one process."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from assay.config.schema import Engine as Settings
from assay.config.schema import Local
from assay.envelope.hardware import GIB
from assay.providers.local.engine import Engine
from assay.providers.local.memory import Memory
from assay.providers.local.places import EngineState


class _Key(NamedTuple):
    weights: Path
    settings: tuple[object, ...]
    exact: bool


class _Shared:
    """An engine and how many deployments use it."""

    __slots__ = ("engine", "users")

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.users = 0


class EnginePool:
    """All engines of one assay process.

    An engine starts on its first request, and stops when it is idle or another one needs its memory.

    Args:
        local: how much memory they may hold together, and how long a request waits for a load.
    """

    def __init__(self, local: Local | None = None) -> None:
        self._local = local or Local()
        gib = self._local.memory_gib
        self.memory = Memory(None if gib is None else int(gib * GIB), wait_s=self._local.load_timeout_s)
        self._engines: dict[_Key, _Shared] = {}

    def __len__(self) -> int:
        return len(self._engines)

    def share(self, weights: Path, settings: Settings, *, exact: bool = True) -> Engine:
        """The engine for these weights and settings; each `share` needs a `release`."""
        key = _key(weights, settings, exact)
        if key not in self._engines:
            start_timeout_s = self._local.load_timeout_s
            engine = Engine(key.weights, settings, self.memory, exact=exact, start_timeout_s=start_timeout_s)
            self._engines[key] = _Shared(engine)
        shared = self._engines[key]
        shared.users += 1
        return shared.engine

    def states(self, *, look: bool = False) -> list[EngineState]:
        """What every engine is doing.

        Args:
            look: read the files of those that have not been needed yet, so that their need is known.

        Raises:
            WeightsError: such a file is missing or damaged.
        """
        if look:
            for shared in self._engines.values():
                shared.engine.look()
        return [shared.engine.state for shared in self._engines.values()]

    async def release(self, engine: Engine) -> None:
        """One user less; the last one closes the engine."""
        key = _key(engine.weights, engine.settings, engine.exact)
        shared = self._engines.get(key)
        if shared is None or shared.engine is not engine:
            return
        shared.users -= 1
        if shared.users <= 0:
            del self._engines[key]
            await engine.close()

    async def close(self) -> None:
        """Close all engines, whoever uses them."""
        engines = [shared.engine for shared in self._engines.values()]
        self._engines.clear()
        for engine in engines:
            await engine.close()


def _key(weights: Path, settings: Settings, exact: bool) -> _Key:
    return _Key(weights.resolve(), tuple(getattr(settings, name) for name in settings.__struct_fields__), exact)
