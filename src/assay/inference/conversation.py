"""A conversation with one target: the turns so far, and what they cost."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from assay.inference.asking import Asking, TimedCall, shown
from assay.inference.spine import Spine
from assay.inference.trace import total_cost
from assay.ledger.rows import CostBasis, new_id
from assay.types import Event, Label, Message, Part, Reasoning, Request, Response, Text


class Spending(NamedTuple):
    """What the turns of a conversation used. `usd` is None as soon as the cost of one is not known."""

    turns: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    cost_basis: CostBasis
    engine_s: float | None


class Conversation:
    """Asks a target turn by turn; every turn sends all before it.

    Args:
        spine: what answers.
        target: deployment or route.
        system: a message before all turns.
        kind: of each request.
        label: where what is said may go.

    Attributes:
        messages: what was said so far, without the system message.
        calls: what each turn came to, those that failed and those before a reset included.
    """

    def __init__(
        self, spine: Spine, target: str, *, system: str | None = None, kind: str | None = None,
        label: Label = Label.UNLABELLED,
    ) -> None:  # fmt: skip
        self.target = target
        self.system = system
        self.messages: list[Message] = []
        self.calls: list[TimedCall] = []
        self._spine = spine
        self._kind = kind
        self._label = label
        self._session = new_id()  # a weighted split keeps to one candidate

    def reset(self) -> None:
        """Forget what was said; the system message stays."""
        self.messages.clear()

    def request(self, *further: Message) -> Request:
        """The conversation so far, and further messages, as a request."""
        head = [Message.of("system", self.system)] if self.system else []
        return Request(
            model=self.target,
            messages=(*head, *self.messages, *further),
            kind=self._kind,
            label=self._label,
            session=self._session,
            stream=True,
            stream_usage=True,
        )

    async def ask(self, text: str) -> AsyncGenerator[Event, None]:
        """Say something; gives the answer as events.

        An answer that is given up half-way (the generator is closed, or cancelled) stays in the conversation as far
        as it came. A turn that failed does not.

        Raises:
            AssayError: there is no whole answer.
        """
        said = Message.of("user", text)
        asking = Asking(self._spine, self.request(said), self.target)
        try:
            async with aclosing(asking.events()) as events:
                async for event in events:
                    yield event
        finally:
            self.calls.append(asking.call)
            if asking.error is None:
                self._keep(said, asking.response)
        if asking.error is not None:
            raise asking.error

    def _keep(self, said: Message, response: Response) -> None:
        parts: tuple[Part, ...] = tuple(part for part in response.parts if not isinstance(part, Reasoning))
        if response.tool_calls:  # nobody carries them out, and a call without its result is refused by hosts
            parts = (Text(text=shown(response)),)
        if parts:
            self.messages += [said, Message(role="assistant", parts=parts)]

    @property
    def spending(self) -> Spending:
        """What all turns used together."""
        usd, basis = total_cost((call.usd, call.cost_basis) for call in self.calls)
        engine = [call.engine_s for call in self.calls if call.engine_s is not None]
        return Spending(
            turns=len(self.calls),
            input_tokens=sum(call.input_tokens or 0 for call in self.calls),
            output_tokens=sum(call.output_tokens or 0 for call in self.calls),
            usd=usd,
            cost_basis=basis,
            engine_s=sum(engine) if engine else None,
        )
