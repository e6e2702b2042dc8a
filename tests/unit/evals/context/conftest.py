"""A reader in place of a model: it finds every fact in that part of a prompt which it sees, and no other."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable

import pytest

from assay.errors import BadRequest, ContextTooLong, ProviderFault
from assay.evals.context.plan import Grid
from assay.evals.context.tasks import Task
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.providers.provider import Attempted, Meter
from assay.providers.scripted import Script, ScriptedProvider
from assay.types import Begin, Event, Finish, Finished, TextDelta, Usage, UsageReport

Sees = Callable[[str], str]
Says = Callable[[str, str], str]
CONFIG = """
[deployments.m]
model = "x/m"
dialect = "scripted"
script = "m.json"
retries = 0
"""


class Reader(ScriptedProvider):
    """Answers from what it sees of the notes. Its tokens are words.

    Args:
        sees: the part of a text that it uses.
        limit_words: longer prompts are refused.
        counts: whether it can count without answering.
        bills: whether its answers say how many tokens they read.
        fails: whether a prompt gets no answer.
        says: the answer, from what is seen and the whole prompt.
    """

    def __init__(
        self, sees: Sees = lambda text: text, *, limit_words: int | None = None, counts: bool = True,
        bills: bool = True, fails: Callable[[str], bool] = lambda text: False, says: Says | None = None,
    ) -> None:  # fmt: skip
        super().__init__(Script())
        self._sees, self._limit, self._counts, self._bills, self._fails = sees, limit_words, counts, bills, fails
        self._says = says or self.right
        self.asked: list[str] = []

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """One answer, or a count."""
        text = attempt.request.messages[-1].text
        words = len(text.split())
        meter.sent_bytes = len(text)
        if attempt.request.form == "count":
            if not self._counts:
                raise BadRequest("it counts nothing", status=404)
            yield UsageReport(usage=Usage(input=words))
            return
        self.asked.append(text)
        if self._limit is not None and words > self._limit:
            raise ContextTooLong(f"{words} tokens are more than {self._limit}", status=400)
        if self._fails(text):
            raise ProviderFault("nobody is here", status=500)
        yield Begin(id="r", model="reader")
        yield TextDelta(text=self._says(self._sees(text), text))
        yield Finished(finish=Finish(kind="stop", native="stop"))
        if self._bills:
            yield UsageReport(usage=Usage(input=words, output=1))

    @staticmethod
    def right(seen: str, text: str) -> str:
        """What somebody says who reads no more than `seen` of a prompt, but the question."""
        codes = dict(re.findall(r"gate code of the (\w+) depot is (\d+)\.", seen))
        codes |= dict(re.findall(r"gate code of the (\w+) depot was changed to (\d+)\.", seen))
        depot = re.search(r"What is the gate code of the (\w+) depot( now)?\?", text)
        if depot is not None:
            return codes.get(depot[1], "I cannot see it.")
        who = re.search(r"the parcel of (.+) lies\? ", text)
        lies = dict(re.findall(r"The parcel of ([\w ]+) lies in the (\w+) depot\.", seen))
        return codes.get(lies.get(who[1], ""), "I cannot see it.") if who is not None else "What?"


@pytest.fixture
def spine_with(make_spine: Callable[..., Spine]) -> Callable[..., Spine]:
    """A spine whose deployment `m` is this reader; more lines may stand in its table."""

    def make(reader: Reader, more: str = "") -> Spine:
        spine = make_spine(CONFIG + more, {"m.json": {}})
        live = spine.targets["m"]
        assert isinstance(live, LiveDeployment)
        live.provider = reader
        return spine

    return make


def small(*tasks: Task, lengths: tuple[int, ...] = (1024, 2048), repeats: int = 2, seed: int = 0) -> Grid:
    """A grid of five depths."""
    return Grid(
        tasks=tasks or ("needle",), lengths=lengths, depths=(0, 25, 50, 75, 100), repeats=repeats, answer_tokens=32,
        seed=seed,
    )  # fmt: skip


@pytest.fixture
def grid() -> Callable[..., Grid]:
    """Makes grids: see `small`."""
    return small


@pytest.fixture
def reader() -> type[Reader]:
    """The class of readers."""
    return Reader
