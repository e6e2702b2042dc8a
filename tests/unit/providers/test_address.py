"""Addresses and header fields: what goes into a request's head, and what never does."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import AuthFailed, BadRequest, ConnectionFailed, ProviderError
from assay.providers.address import Origin, read_address
from assay.providers.http1.head import begin_head
from assay.providers.request_fields import request_fields


class TestAddress:
    """Taking an address apart."""

    @pytest.mark.parametrize(
        ("url", "origin", "authority", "target"),
        [
            ("http://host", ("http", "host", 80), "host", "/"),
            ("HTTPS://Host.Example:8443/v1?a=b#c", ("https", "host.example", 8443), "host.example:8443", "/v1?a=b"),
            ("https://host:443/", ("https", "host", 443), "host", "/"),
            ("http://[::1]:9000/v1", ("http", "::1", 9000), "[::1]:9000", "/v1"),
            ("http://[fe80::1%25lo]/", ("http", "fe80::1%25lo", 80), "[fe80::1]", "/"),
            ("http://bücher.example/", ("http", "xn--bcher-kva.example", 80), "xn--bcher-kva.example", "/"),
            ("http://under_score/", ("http", "under_score", 80), "under_score", "/"),
            ("http://h/a b/ü?q=%20ü", ("http", "h", 80), "h", "/a%20b/%C3%BC?q=%20%C3%BC"),
        ],
    )
    def test_parts(self, url: str, origin: tuple[str, str, int], authority: str, target: str) -> None:
        """Default ports, IPv6 literals, other scripts and blanks come out as a head may say them."""
        address = read_address(url)
        assert (address.origin, address.authority, address.target) == (Origin(*origin), authority, target)
        assert address.authorization is None

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "host/path",
            "ftp://host/",
            "http://",
            "http://:80/",
            "http://host:0/",
            "http://host:65536/",
            "http://host:-1/",
            "http://host:x/",
            "http://[::1/",
            "http://[not-ipv6]/",
            "http://ho st/",
            "http://host,other/",
            "http://ho\\st/",
            "http://a..ü/",
        ],
    )
    def test_what_is_none(self, url: str) -> None:
        """What is no address fails for good, and says what to correct."""
        with pytest.raises(ConnectionFailed, match="base_url") as caught:
            read_address(url)
        assert not caught.value.retryable

    @pytest.mark.parametrize("part", ["\r\nx: y", "\n", "\0", "\t", "\x7f", "\ud800"])
    @pytest.mark.parametrize("form", ["http://host/{}", "http://ho{}st/", "http://user:{}@host/", "http://host/?q={}"])
    def test_control_characters(self, form: str, part: str) -> None:
        """A control character anywhere is refused and not repeated: there may be a password beside it."""
        with pytest.raises(BadRequest) as caught:
            read_address(form.format("secret" + part))
        assert "secret" not in str(caught.value)

    def test_user_and_password(self) -> None:
        """They become basic authorization, unescaped, and are no part of what is shown."""
        address = read_address("http://me:p%40ss%3A%C3%BC@host:81/v1")
        assert address.authorization is not None
        assert base64.b64decode(address.authorization.removeprefix("Basic ")).decode() == "me:p@ss:ü"
        assert address.url == "http://host:81/v1"

    @given(st.text(max_size=40))
    def test_anything(self, text: str) -> None:
        """Whatever is given as an address is one, or fails inside our tree; its target has no blank or control."""
        for url in (text, f"http://{text}", f"http://host/{text}"):
            try:
                address = read_address(url)
            except ProviderError:
                continue
            assert all("!" <= char <= "~" for char in address.target + address.authority)


class TestFields:
    """Header fields."""

    HOST = read_address("http://host/v1")

    def test_names_are_lower_case_and_said_once(self) -> None:
        """Of names that differ in case the later one counts; defaults can be replaced."""
        fields = request_fields({"X-A": "1", "x-a": "2", "User-Agent": "mine"}, self.HOST)
        assert fields["x-a"] == "2"
        assert fields["user-agent"] == "mine"
        assert fields["accept-encoding"] == "identity"
        assert len(fields) == 4

    @pytest.mark.parametrize("value", ["two\r\nx-more: 1", "\n", "\r", "zero\0byte", "bell\x07", "\x7f", "\udcff"])
    def test_values_stay_in_their_field(self, value: str) -> None:
        """A value that would end its field is refused and not shown: it may be a key."""
        with pytest.raises(BadRequest, match="'x-key'") as caught:
            request_fields({"x-key": "secret" + value}, self.HOST)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "ä", "a\0", "(a)"])
    def test_names_are_tokens(self, name: str) -> None:
        """What is no name of a header is refused."""
        with pytest.raises(BadRequest):
            request_fields({name: "1"}, self.HOST)

    @pytest.mark.parametrize("name", ["Host", "CONTENT-LENGTH", "Transfer-Encoding", "te", "Upgrade", "Expect"])
    def test_framing_is_ours(self, name: str) -> None:
        """Nobody else says where the request goes or where it ends."""
        with pytest.raises(BadRequest, match="leave it out"):
            request_fields({name: "1"}, self.HOST)

    def test_connection(self) -> None:
        """A caller may ask that the connection is not kept, and for nothing else."""
        assert request_fields({"connection": "close"}, self.HOST)["connection"] == "close"
        with pytest.raises(BadRequest):
            request_fields({"connection": "x-a, keep-alive"}, self.HOST)

    def test_password_or_key(self) -> None:
        """A password in the address is sent; beside a key it is refused, and neither is shown."""
        address = read_address("http://me:secret@host/")
        assert request_fields({}, address)["authorization"].startswith("Basic ")
        with pytest.raises(AuthFailed, match="keep one of the two") as caught:
            request_fields({"Authorization": "Bearer key"}, address)
        assert "secret" not in str(caught.value)
        assert not caught.value.retryable

    def test_head(self) -> None:
        """The host stands in it once; its length and the empty line that ends it are each request's own."""
        head = begin_head("POST", self.HOST, request_fields({"x-a": "ü"}, self.HOST))
        lines = head.split(b"\r\n")
        assert lines[0] == b"POST /v1 HTTP/1.1"
        assert sorted(line.partition(b":")[0] for line in lines[1:-1]) == sorted(
            [b"host", b"accept", b"accept-encoding", b"user-agent", b"x-a"]
        )
        assert lines[-1] == b""

    @given(st.dictionaries(st.text(max_size=12), st.text(max_size=30), max_size=5))
    def test_anything_makes_one_head(self, headers: dict[str, str]) -> None:
        """Whatever the fields hold, the head has as many lines as it should, or nothing is sent."""
        try:
            fields = request_fields(headers, self.HOST)
        except ProviderError:
            return
        head = begin_head("POST", self.HOST, fields)
        assert head.count(b"\n") == head.count(b"\r") == len(fields) + 2
        assert head.endswith(b"\r\n")
        assert b"\r\n\r\n" not in head
