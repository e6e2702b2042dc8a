"""Every registered format under bytes that coverage guides: `python tests/fuzz/formats.py [SECONDS]`.

It needs `atheris`, which is made for few versions of Python and is no requirement; without it this says so and ends.
It begins with good requests, answers and streams of each format, and stops at the first error that is not of our tree.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "dialects"))


class Target:
    """What is attacked; the first byte of an input says which format and which way in."""

    def __init__(self) -> None:
        from assay import plugins

        known = [plugins.load("assay.dialects", name)() for name in plugins.names("assay.dialects")]
        self.clients: list[Any] = [one for one in known if hasattr(one, "read_request")]
        self.upstreams: list[Any] = [one for one in known if hasattr(one, "read_response")]

    def seeds(self) -> list[bytes]:
        """Good bytes for each way in."""
        from wire_mutants import ASKED, EVENTS, GEMINI, REQUESTS, RESPONSE

        found = [bytes([3 * at]) + json.dumps(REQUESTS[one.name]).encode() for at, one in enumerate(self.clients)]
        for at, one in enumerate(self.upstreams):
            if one.name == "gemini":
                answer = json.dumps(GEMINI).encode()
                stream = b"data: " + answer + b"\r\n\r\n"
            else:
                answer, encoder = one.write_response(RESPONSE, ASKED), one.encoder(ASKED)
                stream = b"".join(encoder.encode(event) for event in EVENTS) + encoder.close()
            found += [bytes([3 * at + 1]) + answer, bytes([3 * at + 2]) + stream]
        return found

    def attack(self, data: bytes) -> None:
        """Read the bytes; only the errors that a reader may raise are quiet."""
        from assay.errors import MalformedReply, RequestError
        from assay.types import fold

        if not data:
            return
        (at, way), body = divmod(data[0], 3), data[1:]
        if way == 0:
            with suppress(RequestError):
                self.clients[at % len(self.clients)].read_request(body)
            return
        upstream, events = self.upstreams[at % len(self.upstreams)], []
        with suppress(MalformedReply):
            if way == 1:
                events += upstream.read_response(body)
            else:
                decoder = upstream.decoder()
                for piece in (body[: len(body) // 2], body[len(body) // 2 :]):
                    events += decoder.feed(piece)
                events += decoder.close()
        fold(events)


def main() -> None:
    """Attack for as long as is said."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    try:
        import atheris
    except ImportError:
        sys.stderr.write("atheris is not installed: nothing was attacked with coverage (pip install atheris)\n")
        return
    with atheris.instrument_imports(include=["assay"]):
        target = Target()
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-max_len=6000", "-rss_limit_mb=4000", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *options, corpus], target.attack)
        atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main()
