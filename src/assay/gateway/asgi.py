"""The gateway behind its server: paths, errors, disconnects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sized
from typing import NamedTuple, cast

import msgspec

from assay import plugins
from assay.access.key import ANYTHING
from assay.config.schema import Config, Serve
from assay.dialects.dialect import Inbound
from assay.errors import AssayError, BudgetExceeded, ConfigError, Overloaded, RateExceeded, RequestError
from assay.gateway import feedback, health, openapi, reference, soundness
from assay.gateway.admission import Admission, Virtual, is_loopback, refused_row
from assay.gateway.body import at_hand, read_body
from assay.gateway.call import Call
from assay.gateway.cycle import Cycle, Disconnected, written
from assay.gateway.headers import READ, answer_lines, caching, read_headers
from assay.gateway.heads import Field
from assay.gateway.metrics import CONTENT_TYPE, Level, Metrics
from assay.gateway.models import Models, speaks_anthropic
from assay.gateway.rate_headers import rate_lines
from assay.gateway.stream import Stream
from assay.gateway.visit import Visit, WrongMethod
from assay.inference.bodies import Bodies
from assay.inference.cache import CACHING
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace

log = logging.getLogger("assay.gateway")


class Page(NamedTuple):
    """A whole answer that no model had to do with."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[Field, ...] = ()


class Gateway:
    """One endpoint before all targets of a spine.

    Args:
        spine: what answers.
        serve: limits, and the key that clients must show.
        bodies: what is kept of requests and answers; default: as `serve` says.
        virtual: keys that clients may show instead; default: there are none.

    Attributes:
        bodies: see above.
        draining: it is about to stop, and `/readyz` says so.
        crowd: the connections of the server that runs it.
        on_refusal: is told each time that a budget has no room for a request.

    Raises:
        ConfigError: the key's variable is empty, or other machines could come in without a key.
    """

    def __init__(
        self, spine: Spine, serve: Serve, bodies: Bodies | None = None, virtual: Virtual | None = None
    ) -> None:
        self.serve = serve
        self.bodies = bodies if bodies is not None else Bodies(spine.ledger, Config(serve=serve), spine.targets)
        self.draining = False
        self.crowd: Sized = ()
        self.on_refusal: Callable[[BudgetExceeded], None] | None = None
        self._spine = spine
        self._targets = spine.targets
        self._admission = Admission(serve, virtual, self._targets)
        self._detailed = is_loopback(serve.host)  # a page that needs no key tells strangers nothing of this machine
        self._dialects = inbound_dialects()
        self._by_path = {path: dialect for dialect in self._dialects.values() for path in dialect.paths}
        self._models = Models(since_s=Trace().started_at)
        self._metrics = Metrics(self._level)
        self._in_flight = 0
        self._pages: dict[str, Callable[[Visit], Awaitable[Page]]] = {
            "/": self._health,
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._metrics_page,
            "/models": self._model_list,
            "/openapi.json": self._openapi,
            "/docs": self._reference,
        }

    async def serve_one(self, cycle: Cycle) -> None:
        """Answer one request."""
        dialect = self._by_path.get(cycle.head.resource.path)
        visit = Visit(cycle, cycle.head, dialect=dialect)
        self._in_flight += 1
        try:
            self._admission.check(visit)
            if dialect is None:
                await self._show(visit)
            else:
                call = await self._called(dialect, visit)
                if cycle.disconnected:
                    raise Disconnected
                cycle.ends_with_client = True
                try:
                    await call.serve()
                except asyncio.CancelledError:
                    cycle.ends_with_client = False  # last words may be said
                    await self._cancelled(call, visit)
                finally:
                    cycle.ends_with_client = False
        except (Disconnected, AssayError) as error:
            self._note(visit, error)
            if isinstance(error, AssayError):
                await self._error(visit, error)
            _let_go(error)
        except (Exception, SystemExit) as error:  # no plugin ends the gateway
            log.exception("unexpected error in request %s", visit.trace.request_id)
            visit.failed(error)
            if cycle.status is None:  # else the server ends the connection within the answer
                await self._error(visit, AssayError("internal error; the gateway's log has more"))
        finally:
            self._in_flight -= 1
            if visit.ticket is not None:
                self._admission.settle(visit, visit.ticket)
            self._metrics.observe(visit)
            for record in visit.trace.records:
                _let_go(record.error)
            if log.isEnabledFor(logging.INFO):
                log.info("%s", visit)

    # --------------------------------------------------------------------------------------- calls

    async def _called(self, dialect: Inbound, visit: Visit) -> Call:
        """The call that a request is, once it is read and let in."""
        head = visit.head
        if head.method != "POST":
            raise WrongMethod(visit, ("POST",))
        body = at_hand(visit, self.serve.max_body_bytes)
        if body is None:
            body = await read_body(visit, self.serve)
        request = dialect.read_request(body)
        if head.speaks is None:
            head.speaks = not head.headers.keys().isdisjoint(READ)
        if head.speaks or dialect.carried_headers:
            request = read_headers(visit, request, dialect)
        soundness.check(request)
        if visit.key.terms is not ANYTHING:
            try:
                request = self._admission.admit(visit, request)
            except RateExceeded as error:  # is on record before it is told
                await self._spine.ledger.close_request(refused_row(visit, request, error))
                raise
        if head.speaks:
            await feedback.attach(visit, self._spine.ledger, self.bodies)
        if request.model not in self._targets:
            self._refuse_unknown(request.model)
        visit.target = request.model
        keeper = self.bodies.keeper(request.model, request.form)
        cache = caching(visit) if head.speaks else CACHING
        options = Options(bodies=keeper, account=visit.key.account, bytes_only=keeper is None, caching=cache)
        return (Stream if request.stream else Call)(self._spine, dialect, request, visit, options)

    def _refuse_unknown(self, model: str) -> None:
        if not model:
            names = ", ".join(sorted(self._targets))
            raise RequestError(f"model: the request names none; known: {names}", field="model")
        try:
            self._spine.route(model)
        except ConfigError as error:
            raise RequestError(str(error), field="model", status=404) from error

    async def _cancelled(self, call: Call, visit: Visit) -> None:
        """The client of a call has left, or the server stops and has waited long enough."""
        if visit.cycle.disconnected:
            cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
            raise Disconnected from None
        visit.outcome = "failed"
        await call.cut(Overloaded("the gateway is stopping; ask again"))

    def _note(self, visit: Visit, error: Disconnected | AssayError) -> None:
        """Note what a request ended with; what its client is not told, the log has."""
        visit.failed(error)
        if isinstance(error, BudgetExceeded) and self.on_refusal is not None:
            self.on_refusal(error)
        if visit.outcome == "broken":
            log.error("request %s: %s", visit.trace.request_id, error)

    async def _error(self, visit: Visit, error: AssayError) -> None:
        """Tell an error in the format that the client speaks, as far as that is known."""
        dialect = visit.dialect or self._likely(visit)
        trace = visit.trace
        wire = dialect.write_error(error, trace.request_id)
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in wire.headers.items()]
        headers.append((dialect.request_id_header.encode(), trace.request_id.encode()))
        if isinstance(error, WrongMethod):
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        if wire.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        lines = written(headers) + answer_lines(trace, complete=bool(trace.records))
        if visit.ticket is not None:
            lines += rate_lines(visit.ticket, dialect)
        await visit.cycle.flow.drain()
        visit.cycle.answer(wire.status, lines, wire.body)

    def _likely(self, visit: Visit) -> Inbound:
        """The format of a client that asks for something which belongs to none."""
        anthropic = self._dialects.get("anthropic")
        return anthropic if anthropic is not None and speaks_anthropic(visit) else self._dialects["openai"]

    # --------------------------------------------------------------------------------------- pages

    async def _show(self, visit: Visit) -> None:
        own = self._feedback if visit.head.resource.path == feedback.PATH else self._page
        page = await own(visit)
        kind = (b"content-type", page.content_type.encode())
        await visit.cycle.flow.drain()
        visit.cycle.answer(page.status, written((kind, *page.headers)), page.body)

    async def _feedback(self, visit: Visit) -> Page:
        return _json(await feedback.take(visit, self.serve, self._spine.ledger, self.bodies))

    async def _page(self, visit: Visit) -> Page:
        path = visit.head.resource.path
        page = self._pages.get(path)
        if page is None and not path.startswith("/models/"):
            raise RequestError(
                f"there is nothing at {visit.head.resource.asked}; /docs lists what there is", status=404
            )
        visit.require("GET", "HEAD")
        if page is None:
            name = path.removeprefix("/models/")
            return _json(self._models.one(name, self._targets, visit))
        return await page(visit)

    async def _health(self, visit: Visit) -> Page:
        return _json(health.alive(self._spine, detailed=self._detailed))

    async def _readiness(self, visit: Visit) -> Page:
        found = await health.readiness(self._spine, draining=self.draining, detailed=self._detailed)
        return _json(found.body, status=200 if found.ready else 503)

    async def _metrics_page(self, visit: Visit) -> Page:
        if not visit.terms.reads_metrics:
            raise RequestError(
                "/metrics tells of all routes and keys; it needs the operator's key (serve.api_key_env), or one that "
                "`assay keys add NAME --metrics` makes", status=403,
            )  # fmt: skip
        return Page(self._metrics.page(), content_type=CONTENT_TYPE)

    async def _model_list(self, visit: Visit) -> Page:
        return _json(self._models.listed(self._targets, visit))

    async def _openapi(self, visit: Visit) -> Page:
        return _json(self._description())

    async def _reference(self, visit: Visit) -> Page:
        page = reference.render(self._description(), visit.header("host") or "127.0.0.1:8080")
        return Page(page, content_type="text/html; charset=utf-8", headers=reference.HEADERS)

    def _description(self) -> openapi.Document:
        asks_key = self._admission.asks_key
        names = () if asks_key else tuple(self._targets)  # this page is open to all
        return openapi.describe(self._dialects.values(), names, asks_key=asks_key)

    def refresh(self) -> None:
        """Once a second."""
        self._metrics.refresh()

    def _level(self) -> Level:
        states = {name: one.state for name, one in self._spine.health().items()}
        return Level(self._in_flight, len(self.crowd), self._spine.ledger.waiting, states)


def _let_go(error: BaseException | None) -> None:
    """Forget where an error was raised: records hold errors, and these places hold the records and whole prompts."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def inbound_dialects() -> dict[str, Inbound]:
    """Every registered format that clients speak, by name; some have upstreams only."""
    loaded = (plugins.load("assay.dialects", name)() for name in plugins.names("assay.dialects"))
    return {dialect.name: cast(Inbound, dialect) for dialect in loaded if getattr(dialect, "paths", ())}


def _json(value: object, status: int = 200) -> Page:
    return Page(msgspec.json.encode(value), status)
