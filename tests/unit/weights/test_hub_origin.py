"""Downloads from a hub on loopback that cuts, forgets, changes and refuses."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest
from pulling import CONTENT, HUB_FILE, SHA256, FakeHub, Said, serving, until, wanted

from assay.errors import PullError
from assay.weights.hub import CUTS, Hub
from assay.weights.partial import Partial
from assay.weights.pull import pull
from assay.weights.store import Store

HALF = len(CONTENT) // 2


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


def hub_of(server: FakeHub, **more: str) -> Hub:
    """The origin, at the server of the test, without pauses."""
    return Hub(HUB_FILE, {"HF_ENDPOINT": server.url, **more}, pause_s=0)


async def test_a_file_is_downloaded_verified_and_placed(store: Store) -> None:
    """The address is the hub's, the bytes are the file's, and the manifest says where they came from."""
    said = Said()
    async with serving(FakeHub()) as server:
        done = await pull(wanted(), store, [hub_of(server)], said)
    assert server.paths == ["/maker/tiny-gguf/resolve/v1/tiny-q4_0.gguf"]
    assert "authorization" not in server.requests[0]
    assert (done.fetched, done.path.read_bytes()) == (True, CONTENT)
    assert done.source == "hub maker/tiny-gguf@v1/tiny-q4_0.gguf"
    assert said.sizes[-1] == len(CONTENT)
    held = store.find(sha256=SHA256, model="")
    assert held is not None
    assert held.manifest is not None
    assert (held.manifest.sha256, held.manifest.verified, held.manifest.licence) == (SHA256, True, "mit")


async def test_a_cut_connection_is_taken_up_where_it_broke(store: Store) -> None:
    """The second request asks for the rest alone, of the same version of the file."""
    async with serving(FakeHub(cuts=[HALF])) as server:
        done = await pull(wanted(), store, [hub_of(server)], Said())
    assert done.path.read_bytes() == CONTENT
    assert "range" not in server.requests[0]
    assert (server.requests[1]["range"], server.requests[1]["if-range"]) == (f"bytes={HALF}-", '"one"')


async def test_a_connection_that_is_always_cut_ends_and_the_next_pull_goes_on(store: Store) -> None:
    """After some cuts the pull fails and says how far it came; nothing is usable; the same command goes on."""
    async with serving(FakeHub(cuts=[1000] * CUTS)) as server:
        with pytest.raises(PullError, match=f"cut after {1000 * CUTS} bytes"):
            await pull(wanted(), store, [hub_of(server)], Said())
        assert store.find(sha256=SHA256, model="maker/tiny") is None
        assert store.held() == ()
        done = await pull(wanted(), store, [hub_of(server)], Said())
    assert server.requests[-1]["range"] == f"bytes={1000 * CUTS}-"
    assert done.path.read_bytes() == CONTENT


async def test_a_hub_that_ignores_range_gives_the_whole_file(store: Store) -> None:
    """What was here is not put in front of the whole file."""
    said = Said()
    async with serving(FakeHub(cuts=[HALF], ranges=False)) as server:
        done = await pull(wanted(), store, [hub_of(server)], said)
    assert done.path.read_bytes() == CONTENT
    assert any("starting over" in line for line in said.lines)


async def test_a_file_that_changed_meanwhile_begins_anew(store: Store) -> None:
    """Another ETag: the old beginning is thrown away."""
    server = FakeHub(content=b"X" * len(CONTENT), cuts=[HALF])
    async with serving(server):
        server.etags = ['"old"', '"new"']
        asking = asyncio.create_task(pull(wanted(), store, [hub_of(server)], Said()))
        await until(lambda: server.requests)
        server.content = CONTENT
        done = await asking
    assert done.path.read_bytes() == CONTENT
    assert len(server.requests) == 2


async def test_a_hub_that_goes_on_with_another_version_is_not_believed(store: Store) -> None:
    """206 with another ETag, though If-Range was sent: from the start, in a third request."""
    server = FakeHub(cuts=[HALF], etags=['"old"', '"new"'], always_206=True)
    async with serving(server):
        done = await pull(wanted(), store, [hub_of(server)], Said())
    assert ["range" in headers for headers in server.requests] == [False, True, False]
    assert done.path.read_bytes() == CONTENT


async def test_a_weak_etag_is_never_continued(store: Store) -> None:
    """A weak tag says nothing of the bytes."""
    async with serving(FakeHub(cuts=[HALF], etags=['W/"one"'])) as server:
        await pull(wanted(), store, [hub_of(server)], Said())
    assert all("range" not in headers for headers in server.requests)


async def test_a_file_that_is_whole_but_was_not_verified_is_not_fetched_again(store: Store) -> None:
    """Killed between the last byte and the digest: the next pull asks the hub for nothing."""
    partial = store.partial(wanted())
    async with serving(FakeHub()) as server:
        origin = hub_of(server)
        partial.start(origin.source, '"one"')
        partial.path.write_bytes(CONTENT)
        assert (await pull(wanted(), store, [origin], Said())).path.read_bytes() == CONTENT
    assert server.requests == []


async def test_a_wrong_digest_leaves_nothing(store: Store) -> None:
    """Right size, wrong bytes: an error with both digests, nothing kept, nothing usable."""
    async with serving(FakeHub(content=CONTENT[::-1])) as server:
        with pytest.raises(PullError, match=f"not {SHA256}; the copy was deleted"):
            await pull(wanted(), store, [hub_of(server)], Said())
    assert store.held() == ()
    assert store.partials() == ()


@pytest.mark.parametrize("change", [{"linked": f'"{"0" * 64}"'}, {"content": CONTENT + b"more"}])
async def test_another_file_is_refused_before_it_is_fetched(store: Store, change: dict[str, object]) -> None:
    """The hub states another digest or size: not a byte of the body is kept."""
    async with serving(FakeHub(**change)) as server:  # type: ignore[arg-type]
        with pytest.raises(PullError, match="the file there has"):
            await pull(wanted(), store, [hub_of(server)], Said())
    assert store.partials() == ()


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "set HF_TOKEN"), (403, "set HF_TOKEN"), (404, "no such repository"), (429, "too many"), (503, "try later")],
)
async def test_a_refusal_says_what_to_do(store: Store, status: int, message: str) -> None:
    """Each status has its sentence."""
    async with serving(FakeHub(status=status)) as server:
        with pytest.raises(PullError, match=f"answer {status}: .*{message}"):
            await pull(wanted(), store, [hub_of(server)], Said())


async def test_the_token_goes_to_the_hub_and_nowhere_else(store: Store) -> None:
    """A redirect to another host does not carry the token on."""
    async with serving(FakeHub()) as storage, serving(FakeHub(redirect=storage.url, linked=f'"{SHA256}"')) as server:
        await pull(wanted(), store, [hub_of(server, HF_TOKEN="secret-of-test")], Said())
    assert server.requests[0]["authorization"] == "Bearer secret-of-test"
    assert "authorization" not in storage.requests[0]


async def test_a_signed_address_is_followed_as_it_stands(store: Store) -> None:
    """The signature of a redirect covers each character, so none is quoted in another way."""
    query = "?Policy=a%2Fb%3D%27%7E~*(x)&Key-Pair-Id=K%2D1"
    async with serving(FakeHub()) as storage, serving(FakeHub(redirect=storage.url, query=query)) as server:
        await pull(wanted(), store, [hub_of(server)], Said())
    assert storage.paths == [server.paths[0] + query]


async def test_offline_is_honoured(store: Store) -> None:
    """HF_HUB_OFFLINE: no connection is tried."""
    async with serving(FakeHub()) as server:
        with pytest.raises(PullError, match="HF_HUB_OFFLINE is set"):
            await pull(wanted(), store, [hub_of(server, HF_HUB_OFFLINE="1")], Said())
    assert server.requests == []


async def test_no_hub_is_said_at_once(store: Store) -> None:
    """A refused connection and an impossible address are errors that name the address."""
    async with serving(FakeHub()) as server:
        gone = server.url
    for endpoint, message in ((gone, "no connection to http://127"), ("not an address", "correct HF_ENDPOINT")):
        with pytest.raises(PullError, match=message):
            await pull(wanted(), store, [Hub(HUB_FILE, {"HF_ENDPOINT": endpoint}, pause_s=0)], Said())


async def test_a_full_disk_in_mid_way_keeps_what_is_here(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC: an error that says so; when there is room, the same command goes on from there."""
    async with serving(FakeHub()) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Partial, "appending", full_after(Partial.appending, HALF))
            with pytest.raises(PullError, match=r"disk of .* is full; what is here stays"):
                await pull(wanted(), store, [hub_of(server)], Said())
        assert store.held() == ()
        assert store.partial(wanted()).size_bytes == HALF
        assert (await pull(wanted(), store, [hub_of(server)], Said())).path.read_bytes() == CONTENT
    assert server.requests[-1]["range"] == f"bytes={HALF}-"


def full_after(real, limit):  # type: ignore[no-untyped-def]  # stands in for a method
    """`Partial.appending` on a disk with room for so many bytes."""
    from contextlib import contextmanager

    @contextmanager
    def appending(self):  # type: ignore[no-untyped-def]
        with real(self) as file:

            class Full:
                def write(self, data: bytes) -> int:
                    file.write(data[: max(0, limit - file.tell())])
                    if file.tell() >= limit:
                        raise OSError(errno.ENOSPC, "No space left on device")
                    return len(data)

                tell = staticmethod(file.tell)

            yield Full()

    return appending
