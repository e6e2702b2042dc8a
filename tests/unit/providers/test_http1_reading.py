"""Reading answers strictly: heads, framings, packed bodies; without any network."""

from __future__ import annotations

import contextlib
import gzip
import math
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ConnectionFailed, MalformedReply
from assay.providers.http1.body import MAX_TRAILER_BYTES, Chunked, Framing, Sized, UntilClose, framing_of
from assay.providers.http1.coding import FREE_BYTES, MAX_RATIO, PIECE_BYTES, unpacking
from assay.providers.http1.head import MAX_FIELDS, MAX_HEAD_BYTES, Head, check_beginning, read_head


def head(*lines: str, status: str = "HTTP/1.1 200 OK") -> Head:
    """A head with these fields."""
    return read_head("\r\n".join([status, *lines, "", ""]).encode("latin-1"))


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Data in pieces of these sizes, the rest in one."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


def fed(framing: Framing, data: bytes, sizes: list[int] | None = None) -> bytes:
    """The body that a framing finds in data that comes in pieces of these sizes."""
    return b"".join(framing.feed(piece) for piece in cut(data, sizes or []) if piece)


class TestHead:
    """Heads of answers."""

    def test_parts(self) -> None:
        """Status, and fields by lower-case names without the blanks around them; a repeated one is joined."""
        found = head("X-A:  one \t", "Server:", "x-a:two", "via: ü")
        assert (found.status, found.minor) == (200, 1)
        assert found.headers == {"x-a": "one, two", "server": "", "via": "ü"}

    @pytest.mark.parametrize("line", ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 All is\twell", "HTTP/1.0 599 No"])
    def test_status_lines(self, line: str) -> None:
        """A reason may be missing or say anything."""
        assert head(status=line).status in (200, 599)

    @pytest.mark.parametrize(
        "data",
        [
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 -20 OK\r\n\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1  200 OK\r\n\r\n",
            b"HTTP/1.1 200 O\0K\r\n\r\n",
            b"http/1.1 200 OK\r\n\r\n",
            b" HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nfolded: a\r\n b: c\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n x: first\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nblank : a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nblank\t: a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n: a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: a\nb: c\r\n\r\n",
            b"HTTP/1.1 200 OK\nx: a\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: a\x7f\r\n\r\n",
            "HTTP/1.1 200 OK\r\nnäme: a\r\n\r\n".encode(),
            b"HTTP/1.1 200 OK\r\nx(y): a\r\n\r\n",
            b"\x15\x03\x03\x00\x02\x02\x46",
        ],
    )
    def test_what_is_none(self, data: bytes) -> None:
        """Folded lines, bare line ends, zero bytes, blanks before a colon and other readings are refused."""
        with pytest.raises(MalformedReply):
            read_head(data)

    def test_limits(self) -> None:
        """A head may have so many fields and bytes, and one more of either is refused."""
        assert len(head(*(f"x{n}: y" for n in range(MAX_FIELDS))).headers) == MAX_FIELDS
        with pytest.raises(MalformedReply, match=str(MAX_FIELDS)):
            head(*(f"x{n}: y" for n in range(MAX_FIELDS + 1)))
        with pytest.raises(MalformedReply, match=str(MAX_HEAD_BYTES)):
            head("x: " + "y" * MAX_HEAD_BYTES)

    @pytest.mark.parametrize(
        "data",
        [
            b"HTTP/1.1 200 OK\r\n" + b"x: " + b" " * 60_000 + b"\0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"x:\r\n" * 12_000 + b"\0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"x" * 60_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 " + b" " * 60_000 + b"\0\r\n\r\n",
        ],
        ids=["blanks", "fields", "name", "reason"],
    )
    def test_no_head_takes_long(self, data: bytes) -> None:
        """The worst of heads is given up in one pass."""
        started = time.process_time()
        with pytest.raises(MalformedReply):
            read_head(data)
        assert time.process_time() - started < 0.2

    @pytest.mark.parametrize("value", [" " * 60_000, "a" + " " * 60_000 + "b", "a " * 30_000, " \t" * 30_000 + "b \t"])
    def test_no_value_takes_long(self, value: str) -> None:
        """The blanks around a value, and within it, are looked at once."""
        started = time.process_time()
        assert head(f"x:{value}").headers == {"x": value.strip(" \t")}
        assert time.process_time() - started < 0.2

    @given(
        st.lists(st.tuples(st.sampled_from(["x", "X", "y-Z"]), st.text("a:,\xa0\x85\xff \t", max_size=6)), max_size=4)
    )
    def test_any_fields(self, fields: list[tuple[str, str]]) -> None:
        """Names are lower case, values lose blanks and tabs at both ends and nothing else, and are joined in order."""
        wanted: dict[str, list[str]] = {}
        for name, value in fields:
            wanted.setdefault(name.lower(), []).append(value.strip(" \t"))
        found = head(*(f"{name}:{value}" for name, value in fields)).headers
        assert found == {name: ", ".join(values) for name, values in wanted.items()}

    @pytest.mark.parametrize("data", [b"SSH-2.0", b"<html>", b"HTTP/2", b"\0", b"HTTP/1.1 200 OK\nx: y\n\n"])
    def test_hopeless_beginnings(self, data: bytes) -> None:
        """What can no longer become a head is told at once."""
        with pytest.raises(MalformedReply):
            check_beginning(data)

    def test_hopeful_beginnings(self) -> None:
        """A head that comes byte by byte is waited for."""
        whole = b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n"
        for size in range(len(whole)):
            check_beginning(whole[:size])

    @pytest.mark.parametrize(
        ("status", "lines", "keeps"),
        [
            ("HTTP/1.1 200 OK", [], True),
            ("HTTP/1.1 200 OK", ["connection: close"], False),
            ("HTTP/1.1 200 OK", ["connection: x, CLOSE"], False),
            ("HTTP/1.1 200 OK", ["connection: keep-alive", "connection: close"], False),
            ("HTTP/1.0 200 OK", [], False),
            ("HTTP/1.0 200 OK", ["Connection: Keep-Alive"], True),
        ],
    )
    def test_whether_the_host_keeps_the_connection(self, status: str, lines: list[str], keeps: bool) -> None:
        """HTTP/1.1 keeps unless it says not, HTTP/1.0 does not unless it says so."""
        assert (head(*lines, status=status).keep_s > 0) is keeps

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [("timeout=5", 5), ("timeout=30, max=7", 30), ("max=7;timeout = 2", 2), ("xtimeout=9", math.inf)],
    )
    def test_how_long(self, value: str, seconds: float) -> None:
        """A host may say how long it keeps an idle connection."""
        assert head(f"keep-alive: {value}").keep_s == seconds

    @given(st.binary(max_size=200))
    def test_garbage(self, data: bytes) -> None:
        """Any bytes are a head or a malformed reply."""
        for some in (data, b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n"):
            for read in (read_head, check_beginning):
                with contextlib.suppress(MalformedReply):
                    read(some)


class TestFraming:
    """Where a body ends."""

    @pytest.mark.parametrize(
        ("lines", "kind"),
        [
            (["content-length: 5"], Sized),
            (["content-length: 5", "content-length: 5"], Sized),
            (["content-length: 5, 5"], Sized),
            (["transfer-encoding: Chunked"], Chunked),
            ([], UntilClose),
        ],
    )
    def test_kinds(self, lines: list[str], kind: type) -> None:
        """A length, chunks, or the end of the connection."""
        assert type(framing_of("POST", head(*lines))) is kind

    @pytest.mark.parametrize(
        ("lines", "status"),
        [
            (["content-length: 5", "transfer-encoding: chunked"], "HTTP/1.1 200 OK"),
            (["content-length: 5", "content-length: 6"], "HTTP/1.1 200 OK"),
            (["content-length: 5, 6"], "HTTP/1.1 200 OK"),
            (["content-length: "], "HTTP/1.1 200 OK"),
            (["content-length: +5"], "HTTP/1.1 200 OK"),
            (["content-length: -5"], "HTTP/1.1 200 OK"),
            (["content-length: 5 5"], "HTTP/1.1 200 OK"),
            (["content-length: 0x5"], "HTTP/1.1 200 OK"),
            (["content-length: 1_0"], "HTTP/1.1 200 OK"),
            (["content-length: \xb2"], "HTTP/1.1 200 OK"),
            (["content-length: 9999999999999999999"], "HTTP/1.1 200 OK"),
            (["transfer-encoding: gzip, chunked"], "HTTP/1.1 200 OK"),
            (["transfer-encoding: chunked, chunked"], "HTTP/1.1 200 OK"),
            (["transfer-encoding: chunked", "transfer-encoding: identity"], "HTTP/1.1 200 OK"),
            (["transfer-encoding: xchunked"], "HTTP/1.1 200 OK"),
            (["transfer-encoding: "], "HTTP/1.1 200 OK"),
            (["transfer-encoding: chunked"], "HTTP/1.0 200 OK"),
        ],
    )
    def test_two_readings_are_refused(self, lines: list[str], status: str) -> None:
        """Where two readers could find the end at different places, there is no answer."""
        with pytest.raises(MalformedReply):
            framing_of("POST", head(*lines, status=status))

    @pytest.mark.parametrize(
        ("method", "status"), [("HEAD", "HTTP/1.1 200 OK"), ("POST", "HTTP/1.1 204 No"), ("GET", "HTTP/1.1 304 Not")]
    )
    def test_without_a_body(self, method: str, status: str) -> None:
        """Some answers have none, whatever their length says; what comes all the same is too much."""
        framing = framing_of(method, head("content-length: 5", status=status))
        assert framing.done
        framing.feed(b"x")
        assert framing.surplus

    def test_length(self) -> None:
        """The body is as long as said; what comes after it shows that the host cannot be followed."""
        framing = Sized(5)
        assert fed(framing, b"hel") == b"hel"
        with pytest.raises(ConnectionFailed, match="after 3 bytes"):
            framing.end()
        assert framing.feed(b"lo and more") == b"lo"
        assert (framing.done, framing.surplus) == (True, True)
        framing.end()

    def test_until_close(self) -> None:
        """All there is belongs to the body, and the connection's end is its end."""
        framing = UntilClose()
        assert fed(framing, b"all of it", [2, 3]) == b"all of it"
        assert not framing.done
        framing.end()
        assert framing.done

    @given(
        st.lists(st.binary(min_size=1, max_size=40), max_size=6),
        st.sampled_from([b"", b";a=b", b' ; q="x;y"']),
        st.sampled_from([b"", b"x-t: 1\r\n", b"a: b\r\nc: d\r\n"]),
        st.booleans(),
        st.lists(st.integers(0, 30), max_size=12),
    )
    def test_chunks_however_they_come(
        self, chunks: list[bytes], extension: bytes, trailer: bytes, upper: bool, sizes: list[int]
    ) -> None:
        """Any cutting of a chunked body gives the same body, and its end is found exactly."""
        form = b"%X%b\r\n%b\r\n" if upper else b"%x%b\r\n%b\r\n"
        data = b"".join(form % (len(chunk), extension, chunk) for chunk in chunks) + b"000" + extension + b"\r\n"
        framing = Chunked()
        assert fed(framing, data + trailer, sizes) == b"".join(chunks)
        assert not framing.done
        framing.feed(b"\r\n")
        assert (framing.done, framing.surplus) == (True, False)
        framing.end()
        byte_by_byte = Chunked()
        assert fed(byte_by_byte, data + trailer + b"\r\nHTTP/1.1", [1] * 2000) == b"".join(chunks)
        assert (byte_by_byte.done, byte_by_byte.surplus) == (True, True)

    @pytest.mark.parametrize(
        "data",
        [
            b"zz\r\n",
            b"+5\r\nhello\r\n",
            b"-5\r\n",
            b"0x5\r\nhello\r\n",
            b" 5\r\nhello\r\n",
            b"5 \r\nhello\r\n",
            b"5_0\r\n",
            b"\r\n",
            b"5\nhello\n",
            b"5\rhello\r\n",
            b"5;a\nb\r\n",
            b"5;a\0b\r\nhello\r\n",
            b"5;" + b"e" * 2000,
            b"5;" + b"e" * 2000 + b"\r\nhello\r\n",
            b"f" * 16 + b"\r\n",
            b"0" * 16 + b"5\r\nhello\r\n",
            b"5\r\nhello world",
            b"5\r\nhello\n",
            b"5\r\nhello\r\r",
            b"0\r\nno field\r\n\r\n",
            b"0\r\nx : y\r\n\r\n",
            b"0\r\nx: y\n\r\n",
            b"0\r\nx: \0\r\n\r\n",
            b"0\r\n\n",
            b"0\r\nx: " + b"y" * MAX_TRAILER_BYTES,
            b"0\r\n" + b"x: y\r\n" * (MAX_TRAILER_BYTES // 5),
        ],
        ids=lambda data: repr(data)[:40],
    )
    @pytest.mark.parametrize("piece_bytes", [1, 1_000_000])
    def test_bad_chunks(self, data: bytes, piece_bytes: int) -> None:
        """Signs, blanks, bare line ends, long extensions and trailers are refused, however they come."""
        with pytest.raises(MalformedReply):
            fed(Chunked(), data, [piece_bytes] * (len(data) // piece_bytes))

    @given(st.lists(st.binary(max_size=60), max_size=8))
    def test_garbage(self, pieces: list[bytes]) -> None:
        """Any bytes are chunks or a malformed reply, and nothing but the beginning of a line is held back."""
        framing = Chunked()
        try:
            for piece in pieces:
                framing.feed(piece)
                assert len(framing._held) <= 60 * 8
        except MalformedReply:
            pass

    def test_a_cut_is_told(self) -> None:
        """A connection that ends before the last chunk was seen has cut the answer."""
        framing = Chunked()
        framing.feed(b"5\r\nhello\r\n0\r\n")
        with pytest.raises(ConnectionFailed, match="after 5 bytes"):
            framing.end()


class TestPacked:
    """Bodies that are packed although nobody asked."""

    TEXT = b"data: hello\n\n" * 50

    @pytest.mark.parametrize(
        ("coding", "packed"),
        [
            ("gzip", gzip.compress(TEXT)),
            ("X-GZIP", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
            ("deflate", zlib.compress(TEXT)),
            ("deflate", zlib.compress(TEXT)[2:-4]),
        ],
        ids=["gzip", "two members", "zlib", "raw"],
    )
    @pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
    def test_forms(self, coding: str, packed: bytes, piece_bytes: int) -> None:
        """Gzip of one or more members, and both things that are called deflate, in any pieces."""
        unpack = unpacking(coding)
        assert unpack is not None
        pieces = (packed[start : start + piece_bytes] for start in range(0, len(packed), piece_bytes))
        assert b"".join(part for piece in pieces for part in unpack.feed(piece)) == self.TEXT
        unpack.end()

    def test_a_flushed_event_is_not_held_back(self) -> None:
        """What a host flushes is there at once, not at the end."""
        packer = zlib.compressobj(wbits=31)
        unpack = unpacking("gzip")
        assert unpack is not None
        for text in (b"data: one\n\n", b"data: two\n\n"):
            assert b"".join(unpack.feed(packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))) == text

    def test_large_but_honest(self) -> None:
        """Much text comes out in pieces of bounded size."""
        text = b"".join(b"%d %d\n" % (n, n * n) for n in range(60_000))
        unpack = unpacking("gzip")
        assert unpack is not None
        pieces = list(unpack.feed(gzip.compress(text)))
        assert b"".join(pieces) == text
        assert max(map(len, pieces)) <= PIECE_BYTES
        unpack.end()

    def test_nothing_stays_inside(self) -> None:
        """All that has come is unpacked at once, also where a full piece leaves more behind and no input is left."""
        packed = gzip.compress(b" " * 300_000)
        for size in range(100, len(packed)):
            unpack = unpacking("gzip")
            assert unpack is not None
            expected = len(zlib.decompressobj(31).decompress(packed[:size]))
            assert sum(map(len, unpack.feed(packed[:size]))) == expected

    def test_bomb(self) -> None:
        """What unpacks to far too much is stopped long before its end, and is not asked for again."""
        bomb = gzip.compress(bytes(50_000_000))
        unpack = unpacking("gzip")
        assert unpack is not None
        came: list[int] = []
        with pytest.raises(MalformedReply, match=f"{MAX_RATIO} times") as caught:
            came.extend(map(len, unpack.feed(bomb)))
        assert sum(came) <= FREE_BYTES + MAX_RATIO * len(bomb)
        assert not caught.value.retryable

    def test_cut(self) -> None:
        """A packed body that ends in its middle is told; an empty one is empty."""
        unpack = unpacking("gzip")
        assert unpack is not None
        unpack.end()
        list(unpack.feed(gzip.compress(self.TEXT)[:-3]))
        with pytest.raises(MalformedReply, match="middle"):
            unpack.end()

    @pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "unknown"])
    def test_what_cannot_be_read(self, coding: str) -> None:
        """Other codings are refused by name, for good."""
        with pytest.raises(MalformedReply, match=coding) as caught:
            unpacking(coding)
        assert not caught.value.retryable

    @pytest.mark.parametrize("coding", [None, "", " Identity "])
    def test_not_packed(self, coding: str | None) -> None:
        """No coding is none."""
        assert unpacking(coding) is None

    @given(st.sampled_from(["gzip", "deflate"]), st.lists(st.binary(max_size=40), max_size=5))
    def test_garbage(self, coding: str, pieces: list[bytes]) -> None:
        """Any bytes unpack or are a malformed reply."""
        unpack = unpacking(coding)
        assert unpack is not None
        try:
            for piece in pieces:
                list(unpack.feed(piece))
            unpack.end()
        except MalformedReply:
            pass
