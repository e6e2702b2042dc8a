"""The composition root: wires a configuration to catalogue, ledger and spine."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec import structs

from assay.catalog.load import Catalog
from assay.catalog.load import load as load_catalog
from assay.config.load import Loaded, load, load_if_any
from assay.config.schema import Config, Deployment, Engine, Ledger
from assay.decision.lock import FILE_NAME, Lock, read_lock
from assay.errors import ConfigError
from assay.inference.build import Builder
from assay.inference.spine import Spine
from assay.ledger.own import own_ledger
from assay.ledger.store import SqliteLedger

if TYPE_CHECKING:
    from assay.evals.beside.comparer import Comparer
    from assay.evals.suites.suite import Suite
    from assay.inference.pair import Pair


class App:
    """Everything that a command or the gateway works with. An async context manager: closing lets go of it all.

    Attributes:
        loaded: the configuration.
        ledger: its ledger; `ledger.recovered` says what crashed processes had left open.
        spine: its deployments and routes.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.catalog = load_catalog(loaded.config.catalog_files)
        self._pinned: str | None = None
        self.ledger = open_ledger(loaded)
        try:
            self.spine: Spine = Builder(self.catalog, loaded.config.local).spine(loaded.config, self.ledger)
            self.spine.shadows.comparer = self._compare
        except BaseException:
            self.ledger.close_now()
            raise

    async def __aenter__(self) -> App:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.spine.close()
        await self.ledger.close()

    async def _compare(self, pair: Pair) -> None:
        await self._comparer(pair)

    @cached_property
    def _comparer(self) -> Comparer:
        from assay.evals.beside.comparer import Comparer

        return Comparer(self.spine, self.loaded.config)

    @property
    def lock_path(self) -> Path:
        """Where this configuration's pins are kept."""
        return self.loaded.folder / FILE_NAME

    @property
    def suite_path(self) -> Path:
        """The folder of the suite that decisions are made on.

        Raises:
            ConfigError: none is named, or there is none.
        """
        return self.loaded.suite_path

    @property
    def candidates(self) -> tuple[str, ...]:
        """What decisions choose from: `decide.candidates`, else all deployments and the members of grids."""
        config = self.loaded.config
        named = config.decide.candidates
        return config.members(named if named is not None else (*config.deployments, *config.grids))

    def members(self, names: Iterable[str]) -> tuple[str, ...]:
        """Names with the members of a grid in place of its name; each once."""
        return self.loaded.config.members(names)

    def candidates_for(self, suite: Suite) -> tuple[str, ...]:
        """As `candidates`, without the judges of this suite where `decide.candidates` names nobody."""
        if self.loaded.config.decide.candidates is not None:
            return self.candidates
        from assay.evals.graders.grading import graders_of

        judges = {name for _, grader in graders_of(suite.samples) for name in grader.models}
        return tuple(name for name in self.candidates if name not in judges) or self.candidates

    async def require(self, names: Collection[str]) -> None:
        """Make sure that each name can be called; the pinned route can be from then on.

        Raises:
            ConfigError: nothing has this name.
            DecisionError: it could be the pinned route's, and the lock cannot be read.
        """
        if any(name not in self.spine.targets for name in names):
            await self.serve_pins()
        for name in names:
            self.spine.route(name)

    def endpoint(self, spine: Spine) -> AbstractAsyncContextManager[str]:
        """A gateway before a spine, on a free port of this machine; see `gateway.server.endpoint`."""
        from assay.gateway.server import endpoint

        return endpoint(spine)

    async def serve_pins(self) -> tuple[Lock | None, dict[str, str]]:
        """Make the pinned route callable. Returns the lock, and why some of its pins are broken.

        Called again, what the lock says now takes the place of what it said; requests in flight end as they began.

        Raises:
            DecisionError: the lock cannot be read; what was callable stays so.
            ConfigError: its route has the name of something else.
        """
        if not self.lock_path.exists():
            return None, {}
        from assay.decision.pin import broken_pins, pinned_route

        lock = read_lock(self.lock_path)
        if lock.route in self.spine.targets and lock.route != self._pinned:
            raise ConfigError(f"{self.lock_path}: its route {lock.route!r} is also the name of a target in assay.toml")
        broken = await broken_pins(self.spine, lock)
        route = pinned_route(lock, broken, self.loaded.config.serve.default_kind)
        if self._pinned is not None and self._pinned != lock.route:
            del self.spine.targets[self._pinned]
        self.spine.targets[lock.route] = route
        self._pinned = lock.route
        return lock, broken


def open_app(config: Path | str | None = None) -> App:
    """The app of a configuration file (default: the nearest `assay.toml`).

    Raises:
        AssayError: the configuration, catalogue or ledger cannot be used.
    """
    return App(load(config))


def open_for(name: str, config: Path | str | None = None) -> tuple[App, str]:
    """An app in which `name` can be called, and what it is called there; see `loaded_for`.

    Raises:
        AssayError: the configuration cannot be used, or there is nothing of this name.
    """
    return App(loaded_for(name, config)), name


def loaded_for(name: str, config: Path | str | None = None) -> Loaded:
    """A configuration in which `name` can be called.

    It is a deployment or route of the configuration; else a model of the catalogue, or a GGUF file, that the local
    engine runs: an extra deployment beside those of the configuration. Without a configuration the ledger is the
    user's own, in the folder for application data.

    Raises:
        AssayError: the configuration cannot be used, or there is nothing of this name.
    """
    loaded = load_if_any(config) or without_config()
    if name in loaded.config.deployments or name in loaded.config.routes:
        return loaded
    extra = _engine_of(name, load_catalog(loaded.config.catalog_files))
    deployments = {**loaded.config.deployments, name: extra}
    return loaded._replace(config=structs.replace(loaded.config, deployments=deployments))


def without_config() -> Loaded:
    """What counts where there is no configuration: the defaults, with the user's own ledger."""
    return Loaded(Config(ledger=Ledger(url=f"sqlite:///{own_ledger()}")), None, "")


def _engine_of(name: str, catalog: Catalog) -> Deployment:
    """A model on the local engine, by name or file."""
    engine = Engine(slots=1)
    if name.lower().endswith(".gguf") or Path(name).is_file():
        path = Path(name).expanduser().resolve()
        return Deployment(model=path.stem.lower(), dialect="local", weights=str(path), engine=engine)
    model = catalog.find(name)
    if not model.weights:
        raise ConfigError(
            f"{model.id} cannot be run here: the catalogue knows no file of its weights; name a deployment"
        )
    return Deployment(model=model.id, dialect="local", engine=engine)


def open_ledger(loaded: Loaded) -> SqliteLedger:
    """The ledger that a configuration names."""
    return SqliteLedger(loaded.ledger_path, loaded.config.ledger.durability)
