"""The origin `hub`: a repository of the Hugging Face hub, over HTTP, continued where it was cut.

What the hub's own tools read from the environment counts here too: `HF_ENDPOINT` (a mirror), `HF_TOKEN` (for gated
repositories), `HF_HUB_OFFLINE`. A download is continued with `Range` and `If-Range`, so that a file which changed
meanwhile begins anew (RFC 9110, sections 13.1.5 and 14.2).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from urllib.parse import quote

import aiohttp

from assay.errors import PullError
from assay.weights.origin import Watch
from assay.weights.partial import Partial
from assay.weights.wanted import HubFile, Wanted

ENDPOINT = "https://huggingface.co"
CUTS = 5
CONNECT_S = 10.0
SILENCE_S = 60.0

_CHUNK_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHY = {
    401: "it is gated or private: accept its terms on its page, then set HF_TOKEN",
    403: "it is gated or private: accept its terms on its page, then set HF_TOKEN",
    404: "there is no such repository, revision or file",
    429: "too many requests; try later",
}


class Hub:
    """One file of the hub.

    Args:
        file: which.
        environment: where HF_* variables are looked up; default: the process's.
        pause_s: seconds before a cut download is continued.
    """

    name = "hub"

    def __init__(self, file: HubFile, environment: Mapping[str, str] = os.environ, *, pause_s: float = 1.0) -> None:
        self._file = file
        self._endpoint = (environment.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
        self._token = environment.get("HF_TOKEN")
        self._offline = environment.get("HF_HUB_OFFLINE", "").strip().lower() in {"1", "true", "yes", "on"}
        self._pause_s = pause_s

    @property
    def source(self) -> str:
        """See `Origin`."""
        return f"hub {self._file.repo}@{self._file.revision}/{self._file.file}"

    @property
    def url(self) -> str:
        """Where the file is."""
        file = self._file
        return f"{self._endpoint}/{quote(file.repo)}/resolve/{quote(file.revision, safe='')}/{quote(file.file)}"

    def room_bytes(self, wanted: Wanted, here_bytes: int) -> int:
        """See `Origin`."""
        return (wanted.size_bytes or 0) - here_bytes

    async def fetch(self, wanted: Wanted, partial: Partial, watch: Watch) -> None:
        """See `Origin`. A cut connection is taken up again, `CUTS` times in all."""
        if self._offline:
            raise PullError("HF_HUB_OFFLINE is set")
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
        async with aiohttp.ClientSession(
            timeout=limits,
            trust_env=True,
            auto_decompress=False,
            requote_redirect_url=False,  # the hub redirects to addresses whose signature covers each character
        ) as session:
            for cut in range(1, CUTS + 1):
                try:
                    return await self._transfer(session, wanted, partial, watch)
                except aiohttp.InvalidURL as error:
                    raise PullError(f"{self._endpoint!r} is no address; correct HF_ENDPOINT") from error
                except aiohttp.ClientConnectorError as error:
                    raise PullError(f"no connection to {self._endpoint}: {error.strerror or error}") from error
                except (aiohttp.ClientError, TimeoutError) as error:
                    why, here = str(error) or type(error).__name__, partial.size_bytes
                    if cut == CUTS:
                        raise PullError(f"cut after {here} bytes, {CUTS} times ({why})") from error
                watch.say(f"the connection broke after {here} bytes; going on from there")
                await asyncio.sleep(self._pause_s)

    async def _transfer(self, session: aiohttp.ClientSession, wanted: Wanted, partial: Partial, watch: Watch) -> None:
        """One exchange: the rest of the file, or all of it where the rest cannot be had alone."""
        here = partial.size_bytes if partial.state.origin == self.source and partial.state.tag else 0
        if here and here == wanted.size_bytes:
            return
        if wanted.size_bytes is not None and here > wanted.size_bytes:
            here = 0
        async with session.get(self.url, headers=self._headers(partial, here)) as reply:
            if reply.status == 416 or (reply.status == 206 and not _continues(reply, partial, here)):
                partial.drop()
                raise aiohttp.ClientPayloadError("the hub cannot go on from there")
            self._check(reply, wanted)
            if reply.status == 200:
                if here:
                    watch.say("the hub gives the file from its start only, or it has changed: starting over")
                partial.start(self.source, _tag(reply))
            with partial.appending() as file:
                async for chunk in reply.content.iter_chunked(_CHUNK_BYTES):
                    file.write(chunk)
                    watch.at(file.tell())
                    if wanted.size_bytes is not None and file.tell() > wanted.size_bytes:
                        raise PullError(f"the file there is larger than {wanted.size_bytes} bytes")

    def _headers(self, partial: Partial, here: int) -> dict[str, str]:
        headers = {"accept-encoding": "identity"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"  # aiohttp drops it when another host is redirected to
        if here and partial.state.tag:
            headers |= {"range": f"bytes={here}-", "if-range": partial.state.tag}
        return headers

    def _check(self, reply: aiohttp.ClientResponse, wanted: Wanted) -> None:
        """Refuse what cannot become the wanted file before it is fetched."""
        if reply.status not in (200, 206):
            why = _WHY.get(reply.status, "try later" if reply.status >= 500 else reply.reason)
            raise PullError(f"{self._file.repo}/{self._file.file}: answer {reply.status}: {why}")
        for step in (*reply.history, reply):
            stated = step.headers.get("x-linked-etag", "").strip('"')
            if _SHA256.fullmatch(stated) and stated != wanted.sha256:
                raise PullError(f"the file there has the sha256 {stated}, not {wanted.sha256}")
        size = reply.content_length
        if reply.status == 200 and size is not None and wanted.size_bytes not in (None, size):
            raise PullError(f"the file there has {size} bytes, not {wanted.size_bytes}")


def _tag(reply: aiohttp.ClientResponse) -> str | None:
    """The strong ETag: a weak one says nothing of the bytes."""
    tag = reply.headers.get("etag")
    return tag if tag and not tag.startswith("W/") else None


def _continues(reply: aiohttp.ClientResponse, partial: Partial, here: int) -> bool:
    tag = _tag(reply)
    return reply.headers.get("content-range", "").startswith(f"bytes {here}-") and tag in (None, partial.state.tag)
