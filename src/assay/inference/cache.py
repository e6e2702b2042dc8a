"""The spine's cache: identical calls are answered from the ledger, and marked.

Evals ask for it. A client's request is answered from it only where the route says so (`[routes.NAME.cache]`), in a
space that other keys do not reach.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from assay.config.cached import Cached
from assay.errors import MalformedReply
from assay.ledger.rows import Reply
from assay.types import Document, Image, Label, Refusal, Request, Response, ToolResult, Unknown, Video

if TYPE_CHECKING:
    from assay.inference.route import LiveRoute
    from assay.ledger.budgets import Account

FORMAT = "1"
"""Part of every key: change it when the meaning of a stored answer changes."""

_IRRELEVANT: dict[str, Any] = {
    "native": None, "model": "", "stream": False, "stream_usage": False, "session": None, "deadline_s": None,
    "origin": None, "tags": {},
}  # fmt: skip


_MIB = 1024 * 1024
_ELSEWHERE = (
    "previous_response_id", "conversation", "prompt", "container", "mcp_servers", "web_search_options", "cachedContent",
)  # fmt: skip
"""Fields by which a host reads what is not in the request, and may be another thing tomorrow."""


class Caching(NamedTuple):
    """What a client allows: that its answer comes from the cache of the route, and that it is kept there."""

    read: bool = True
    write: bool = True


CACHING = Caching()


class Space(NamedTuple):
    """The cache of one route, as one request may use it.

    Attributes:
        route: whose cache.
        seeded: the client chose the seed; a policy that draws one draws another each time.
    """

    route: str
    config: Cached
    allowed: Caching
    seeded: bool

    def holds(self, asked: Request, prepared: Request, label: Label) -> bool:
        """Whether an answer to this may be given again.

        Args:
            asked: the request before the deployment's prompt and settings.
            prepared: with them, as it is sent.
            label: its effective privacy label.
        """
        if label is Label.PRIVATE_ONLY and not self.config.private:
            return False
        if not _stands_alone(prepared):
            return False
        if asked.sampling.seed is not None and not self.seeded:
            return False
        certain = prepared.sampling.temperature == 0 or prepared.sampling.seed is not None
        return certain or self.config.any_temperature or prepared.form in ("embedding", "count")

    def key(self, fingerprint: str, prepared: Request, account: Account, label: Label) -> str:
        """Names a call, for those alone who may share its answer."""
        return cache_key(fingerprint, prepared, 0, f"{self.route}\0{self._owner(account)}\0{label.value}")

    def reply(self, key: str, response: Response) -> Reply | None:
        """The answer as it is kept; None where it broke off, was refused, or did not end as answers do."""
        if any(map(_is_unsure, (response, *response.alternatives))):
            return None
        return Reply(
            key=key,
            response=pack(response),
            route=self.route,
            expires_at=time.time() + self.config.ttl_s,
            max_bytes=int(self.config.max_mib * _MIB),
        )

    def _owner(self, account: Account) -> str:
        if self.config.share == "all":
            return "all"
        if self.config.share == "team" and account.team is not None:
            return f"team {account.team}"
        return f"key {account.key_id}" if account.key_id is not None else "nobody"


def space_of(route: LiveRoute, allowed: Caching, request: Request) -> Space | None:
    """The cache of a route for a request; None where it has none, or the client wants nothing of it."""
    if route.cache is None or not any(allowed):
        return None
    return Space(route.name, route.cache, allowed, seeded=request.sampling.seed is not None)


def _stands_alone(request: Request) -> bool:
    """Whether all that decides the answer is in the request."""
    if any(request.extra.get(field) is not None for field in _ELSEWHERE) or any(tool.native for tool in request.tools):
        return False
    parts = (part for message in request.messages for part in message.parts)
    return not any(map(_is_elsewhere, parts))


def _is_elsewhere(part: object) -> bool:
    match part:
        case Image() | Video() | Document():
            return part.data is None
        case ToolResult():
            return any(map(_is_elsewhere, part.parts))
    return isinstance(part, Unknown)


def _is_unsure(answer: Response) -> bool:
    """Whether it is no whole answer that another reader would want."""
    if answer.embeddings or (answer.finish is None and not answer.parts):
        return False  # vectors, a count of tokens
    ended = answer.finish is not None and answer.finish.kind in ("stop", "tool_calls")
    return not ended or any(isinstance(part, Refusal) for part in answer.parts)


def cache_key(fingerprint: str, prepared: Request, seed: int, space: str = "") -> str:
    """Names a call: the deployment's fingerprint and everything of the request that decides the answer.

    Args:
        fingerprint: `LiveDeployment.fingerprint` - weights, engine, host, but not the prompt.
        prepared: the request with the deployment's prompt applied.
        seed: repeats of one sample differ in it.
        space: who may have its answer; that of evals is the empty one.
    """
    asked = msgspec.json.encode(msgspec.structs.replace(prepared, **_IRRELEVANT), order="sorted")
    named = [FORMAT.encode(), fingerprint.encode(), str(seed).encode(), asked]
    if space:
        named.append(hashlib.sha256(space.encode("utf-8", "surrogatepass")).digest())
    return hashlib.sha256(b"\0".join(named)).hexdigest()


def pack(response: Response) -> bytes:
    """An answer as the cache keeps it."""
    return msgspec.json.encode(response)


def unpack(data: bytes) -> Response:
    """The answer in a cache row.

    Raises:
        MalformedReply: it was written by an incompatible version.
    """
    try:
        return msgspec.json.decode(data, type=Response)
    except msgspec.DecodeError as error:
        raise MalformedReply(f"the cached answer cannot be read ({error}); run `assay cache clear`") from error
