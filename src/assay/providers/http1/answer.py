"""What has come of an answer. All of it is here, so that nothing of one answer stays with the connection."""

from __future__ import annotations

from assay.errors import MalformedReply
from assay.providers.http1.body import Framing, framing_of
from assay.providers.http1.head import END, check_beginning, read_head
from assay.providers.transport import Later, Reply, Take

MAX_INTERIM = 16
_END_BYTES = len(END)


class Answer(Reply, eq=False, kw_only=True):
    """An answer as it comes: its connection fills it in.

    Attributes:
        method: of the request.
        raw_head: what has come of a head that has not come whole.
        interim: so many heads came that say only that the answer will.
        keep_s: as `Head.keep_s`.
        framing: where the body ends; None = the head has yet to come.
        pieces: what has come of the body, and nobody has taken.
        held_bytes: their size.
        failure: why no more will come.
        taker: who is given what comes while he waits.
        late: what he must do first.
    """

    method: str
    raw_head: bytes = b""
    interim: int = 0
    keep_s: float = 0.0
    framing: Framing | None = None
    pieces: list[bytes] = []
    held_bytes: int = 0
    failure: Exception | None = None
    taker: Take | None = None
    late: Later | None = None

    def take_head(self, data: bytes) -> bytes:
        """Read what has come of the answer's head; 1xx are skipped.

        Where that is all of it, the body begins: gives what came of that.

        Raises:
            MalformedReply: it is none, or nobody asked for it.
        """
        raw = self.raw_head + data if self.raw_head else data
        while (end := raw.find(END)) >= 0:
            end += _END_BYTES
            head, raw = read_head(raw[:end]), raw[end:]
            if head.status >= 200:
                self.framing = framing_of(self.method, head)
                self.status, self.headers, self.keep_s = head.status, head.headers, head.keep_s
                return raw
            self.interim += 1
            if head.status == 101 or self.interim > MAX_INTERIM:
                raise MalformedReply(f"the host answers with {head.status}, which nobody asked for")
        check_beginning(raw)
        self.raw_head = raw
        return b""
