"""What is held for a call before it is sent is never less than what it may cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from assay.dialects.completions import Completions
from assay.dialects.openai_chat import OpenAIChat
from assay.errors import ConstraintError
from assay.inference.bounds import reserve
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.ledger.budgets import MOST_USD
from assay.ledger.store import SqliteLedger
from assay.types import Message, Request, Sampling
from faults import Answer, FaultyHost

MakeSpine = Callable[..., Spine]
TOML = """
[deployments.up]
model = "acme/big"
dialect = "{dialect}"
base_url = "http://127.0.0.1:9"
price_usd_per_mtok = {{ input = 0.0, output = 1000000.0 }}
"""


def held_usd(spine: Spine, dialect: Any, **body: Any) -> float | None:
    """What is held for a client's request, at one USD for each token of the answer."""
    up = spine.targets["up"]
    assert isinstance(up, LiveDeployment)
    request = dialect.read_request(msgspec.json.encode({"model": "up", **body}))
    budgeted = spine.constraints.usd_per_month is not None
    return reserve(up, spine.constraints, up.attempted(request, untouched=True), budgeted=budgeted).usd


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        ({"prompt": "a"}, 1),
        ({"prompt": "a", "n": 3}, 3),
        ({"prompt": "a", "n": 2, "best_of": 5}, 5),
        ({"prompt": "a", "best_of": 10**400}, 1),
        ({"prompt": ["a"]}, 1),
        ({"prompt": ["a", "b", "c"]}, 3),
        ({"prompt": ["a", "b", "c"], "n": 2}, 6),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1, 2, 3], [4]]}, 2),
    ],
)
def test_every_answer_of_a_completion_counts(make_spine: MakeSpine, body: dict[str, Any], answers: int) -> None:
    """A list of prompts has as many answers, and of `best_of` all are paid for; some hosts count one token more."""
    spine = make_spine(TOML.format(dialect="completions"))
    assert held_usd(spine, Completions(), max_tokens=100, **body) == 101 * answers
    assert held_usd(spine, Completions(), max_tokens=1, **body) == 17 * answers, "hosts take less than 16 as 16"


def test_the_larger_of_two_limits_counts(make_spine: MakeSpine) -> None:
    """A host that knows only one of the two names takes that one."""
    spine = make_spine(TOML.format(dialect="openai"))
    chat = {"messages": [{"role": "user", "content": "hi"}]}
    assert held_usd(spine, OpenAIChat(), max_tokens=500, max_completion_tokens=10, **chat) == 501
    assert held_usd(spine, OpenAIChat(), max_tokens=5, max_completion_tokens=40, **chat) == 41


PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "JVBERi0xLjQ="}}]}]},
        {"messages": [{"role": "user", "content": "hi"}], "prompt": {"id": "p"}},
    ],
)
def test_what_a_host_reads_elsewhere_counts(make_spine: MakeSpine, body: dict[str, Any]) -> None:
    """No byte of a request stands for a file that the host has, or for packed pages: the model's context is held."""
    toml = TOML.replace("input = 0.0", "input = 1000000.0").format(dialect="openai")
    known = make_spine(toml.replace("acme/big", "openai/gpt-4o-mini"))
    assert (held_usd(known, OpenAIChat(), max_tokens=10, **body) or 0) > 128_000
    assert held_usd(make_spine(toml), OpenAIChat(), max_tokens=10, **body) is None
    limited = make_spine(toml + "[constraints]\nusd_per_month = 1.0\n")
    with pytest.raises(ConstraintError, match="context"):
        held_usd(limited, OpenAIChat(), max_tokens=10, **body)


@pytest.mark.parametrize("constraints", ["", "[constraints]\nusd_per_month = 1000000\n"])
async def test_a_call_that_the_books_cannot_take_is_not_sent(make_spine: MakeSpine, constraints: str) -> None:
    """More than a million USD for one call is a mistake in a price; it is said so, whether a budget is set or not."""
    spine = make_spine(TOML.format(dialect="openai") + constraints)
    request = Request(messages=(Message.of("user", "hi"),), sampling=Sampling(max_tokens=2_000_000))
    with pytest.raises(ConstraintError, match=r"may cost 2,000,001.00 USD, and none .* more than 1,152,921.50 USD"):
        await spine.answer(request, "up")


async def test_nobody_is_believed_who_reports_more(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """Where nothing bounds a call, its row has what the books have, and says that this is a bound."""
    usage = {"prompt_tokens": 1, "completion_tokens": 10**12, "total_tokens": 10**12 + 1}
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    async with FaultyHost(Answer(body=msgspec.json.encode({"id": "1", "choices": [choice], "usage": usage}))) as host:
        spine = make_spine(TOML.format(dialect="openai").replace("http://127.0.0.1:9", host.url))
        await spine.answer(Request(messages=(Message.of("user", "hi"),)), "up")
    [row] = await ledger.attempts()
    assert (row["cost_usd"], row["cost_basis"]) == (MOST_USD, "bound")
    assert (await ledger.spent()).settled_usd == MOST_USD
