"""Shadows and audits of live traffic: who is asked, what it may cost, and what is recorded of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.cli.shadows import _lines as shadows_text
from assay.config.load import parse
from assay.dialects.openai_chat import OpenAIChat
from assay.evals.beside.comparer import Comparer
from assay.evals.beside.readout import readouts
from assay.evals.traffic.exchange import read_exchanges
from assay.evals.traffic.strata import stratum_of
from assay.inference import shadows
from assay.inference.bodies import Bodies
from assay.inference.pair import Pair
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.ledger.budgets import Account, Budget
from assay.ledger.comparisons import comparisons_of, kind_traffic, tallies
from assay.ledger.exchanges import Exchanges
from assay.ledger.feedback import Feedback
from assay.ledger.rows import ComparisonRow
from assay.ledger.store import SqliteLedger
from assay.types import Label, Message, Raw, Request, Sampling
from faults import Answer, FaultyHost, event

MakeSpine = Callable[..., Spine]
PRICE = "price_usd_per_mtok = { input = 1.0, output = 2.0 }\nsettings = { max_tokens = 100 }"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
OPEN = "A long answer that says a good deal about the matter, in words that another model would not choose so."
JUDGE = {
    "rules": [
        {"match": "(?s)<first[^>]*>\\s*A long", "answer": '{"reasons": "the long one", "better": "first"}'},
        {"match": "(?s)<second[^>]*>\\s*A long", "answer": '{"reasons": "the long one", "better": "second"}'},
    ],
    "default": '{"reasons": "none", "better": "equal"}',
}


def body(text: str) -> bytes:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    head = {"id": "up-1", "object": "chat.completion", "created": 1, "model": "up"}
    return json.dumps({**head, "choices": [choice], "usage": USAGE}).encode()


def toml(url: str, audit: str, *, policy: str = 'kind = "fixed"', head: str = "", more: str = "") -> str:
    """A route `r` that `main` answers, and an audit of it by `other`, which is at a host."""
    return (
        f'{head}[deployments.main]\nmodel = "x/main"\ndialect = "scripted"\nscript = "main.json"\n{PRICE}\n'
        f'[deployments.other]\nmodel = "x/other"\ndialect = "openai"\nbase_url = "{url}"\nretries = 0\n{PRICE}\n'
        f'[deployments.judge]\nmodel = "x/judge"\ndialect = "scripted"\nscript = "judge.json"\n{PRICE}\n'
        f'[routes.r]\ncandidates = ["main"]\npolicy = {{ {policy} }}\n{more}\n'
        + (f"[routes.r.audit]\n{audit}\n" if audit else "")
    )


ALWAYS = 'against = "other"\nshare = 1.0\n'


class Compared:
    """A spine whose pairs are compared."""

    def __init__(self, make_spine: MakeSpine, ledger: SqliteLedger, folder: Path, text: str, answer: str) -> None:
        self.spine = make_spine(text, {"main.json": {"default": answer}, "judge.json": JUDGE})
        self.config = parse(text.encode(), folder / "assay.toml")
        self.ledger = ledger
        self.spine.shadows.comparer = Comparer(self.spine, self.config)

    async def ask(self, text: str = "hi", **more: Any) -> list[ComparisonRow]:
        """What is recorded of one request, once all is done."""
        sampling = Sampling(max_tokens=50, temperature=0.0)
        request = Request(messages=(Message.of("user", text),), sampling=sampling, **more)
        trace = Trace()
        keeper = Bodies(self.ledger, self.config, self.spine.targets).keeper("r")
        await self.spine.answer(request, "r", trace, Options(bodies=keeper))
        await self.spine.shadows.ended()
        self.trace = trace
        return await comparisons_of(self.ledger, trace.request_id)


@pytest.fixture
def compared(make_spine: MakeSpine, ledger: SqliteLedger, tmp_path: Path) -> Callable[..., Compared]:
    """Makes one."""

    def make(text: str, answer: str = "refund") -> Compared:
        return Compared(make_spine, ledger, tmp_path, text, answer)

    return make


async def test_an_audit_compares_closed_answers(compared: Callable[..., Compared], ledger: SqliteLedger) -> None:
    """The client has the route's answer; the other's is told apart from it, with cost and time of both."""
    async with FaultyHost(Answer(body=body("Refund."))) as host:
        made = compared(toml(host.url, ALWAYS))
        (row,) = await made.ask(kind="triage")
    assert (row.verdict, row.decided_by, row.purpose) == ("same", "text", "audit")
    assert (row.route, row.own, row.other, row.kind) == ("r", "main", "other", "triage")
    assert row.other_usd == pytest.approx(7e-6)
    assert row.own_usd is not None
    assert row.other_s is not None
    assert row.answer is None  # the route keeps no bodies
    assert row.reason == ""
    attempts = {one["path"]: one for one in await ledger.attempts(request_id=made.trace.request_id)}
    assert (attempts["a0"]["purpose"], attempts["a0"]["shadow"], attempts["a0"]["route"]) == ("audit", 1, "r")
    assert made.trace.tried == "main=ok"


@pytest.mark.parametrize(("own", "other", "verdict"), [(OPEN, "Short. " * 20, "own"), ("Brief. " * 20, OPEN, "other")])
async def test_a_judge_tells_which_open_answer_is_better(
    own: str, other: str, verdict: str, compared: Callable[..., Compared], ledger: SqliteLedger
) -> None:
    """Asked in both orders; its calls are on the request's record, with a purpose and a cost of their own."""
    async with FaultyHost(Answer(body=body(other))) as host:
        made = compared(toml(host.url, ALWAYS + 'judge = "judge"'), own)
        (row,) = await made.ask()
    assert (row.verdict, row.decided_by) == (verdict, "judge judge")
    assert row.judge_usd is not None
    assert row.judge_usd > 0
    attempts = await ledger.attempts(request_id=made.trace.request_id)
    assert [one["purpose"] for one in attempts].count("judge") == 2
    assert all(one["shadow"] for one in attempts if one["purpose"])


async def test_open_answers_without_a_judge_are_not_told_apart(compared: Callable[..., Compared]) -> None:
    """That two texts differ says nothing of their worth."""
    async with FaultyHost(Answer(body=body(OPEN))) as host:
        (row,) = await compared(toml(host.url, ALWAYS), "Brief. " * 20).ask()
    assert (row.verdict, row.decided_by) == ("unjudged", "nobody")


@pytest.mark.parametrize(("judge", "cap", "why"), [("judge", "usd_total = 0.0009", "budget"), ("deaf", "", "judge")])
async def test_why_a_judge_told_nothing_is_read_out(
    judge: str, cap: str, why: str, compared: Callable[..., Compared]
) -> None:
    """A cap that pays for answers and for no verdict would otherwise buy comparisons that say nothing, unseen."""
    deaf = f'[deployments.deaf]\nmodel = "x/deaf"\ndialect = "scripted"\nscript = "main.json"\n{PRICE}\n'
    async with FaultyHost(Answer(body=body(OPEN))) as host:
        made = compared(toml(host.url, f'{ALWAYS}judge = "{judge}"\n{cap}', head=deaf), "Brief. " * 20)
        await made.ask()
    [found] = readouts(await tallies(made.ledger), [])
    assert (found.verdicts, found.unjudged) == ({"unjudged": 1}, {why: 1})
    assert "not told apart: 1 whose " in "\n".join(shadows_text([found]))


async def test_what_nobody_came_to_compare_is_on_record(
    compared: Callable[..., Compared], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where too many others wait: no verdict, why, and what the other's answer has cost."""
    monkeypatch.setattr(shadows, "_MOST_WAITING", 1)
    async with FaultyHost(Answer(body=body("Refund."))) as host:
        made = compared(toml(host.url, ALWAYS))
        brief = asyncio.create_task(asyncio.sleep(0.3))
        brief.add_done_callback(made.spine.shadows._comparing.discard)
        made.spine.shadows._comparing.add(brief)
        (row,) = await made.ask()
    assert (row.verdict, row.decided_by, row.reason) == (
        "unjudged",
        "nobody",
        "crowded: 1 other pair waited to be compared",
    )
    assert row.other_usd == pytest.approx(7e-6)
    [found] = readouts(await tallies(made.ledger), [])
    assert (found.uncompared, found.verdicts, found.unasked) == (1, {"unjudged": 1}, {})
    assert found.spent_usd == pytest.approx(7e-6)


async def test_a_stream_is_audited_too(compared: Callable[..., Compared]) -> None:
    """The client's stream is compared as a whole, once it has ended; so is the other's."""

    def chunk(delta: dict[str, str], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "up-1", "object": "chat.completion.chunk", "created": 1, "model": "up"}
        return event(json.dumps({**head, "choices": [choice], **more}))

    events = [chunk({"content": "re"}), chunk({"content": "fund"}), chunk({}, "stop", usage=USAGE), event("[DONE]")]
    async with FaultyHost(Answer(events=events)) as host:
        (row,) = await compared(toml(host.url, ALWAYS)).ask(stream=True)
        assert host.received[0].body.count(b'"stream": true') + host.received[0].body.count(b'"stream":true') == 1
    assert (row.verdict, row.own, row.decided_by) == ("same", "main", "text")
    assert row.other_usd == pytest.approx(7e-6)


async def test_a_share_is_drawn_by_the_request_s_id(compared: Callable[..., Compared]) -> None:
    """Of a share of 0 nobody is asked; the draw can be told again from the id."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, 'against = "other"\nshare = 0.0'))
        assert await made.ask() == []
        assert not host.received
        route = compared(toml(host.url, 'against = "other"\nshare = 0.3')).spine.route("r")
    drawn = [route.audits(f"{n:032x}") for n in range(2000)]
    assert 500 < sum(drawn) < 700
    assert drawn == [route.audits(f"{n:032x}") for n in range(2000)]


HOSTILE = [
    ("r", 'label = "private-only"', {}),
    ("request", "", {"label": Label.PRIVATE_ONLY}),
]


@pytest.mark.parametrize(("who", "more", "request_more"), HOSTILE)
@pytest.mark.parametrize("judge", [False, True])
async def test_private_data_is_never_audited_abroad(
    who: str, more: str, request_more: dict[str, Any], judge: bool, compared: Callable[..., Compared]
) -> None:
    """Whoever says that it is private: neither the other nor a judge abroad is sent a byte of it."""
    async with FaultyHost(Answer(body=body(OPEN))) as host:
        text = toml(host.url, ALWAYS, more=more)
        if judge:  # the other is here, and only the judge abroad
            text = toml(host.url, 'against = "judge"\nshare = 1.0\njudge = "other"', more=more)
        (row,) = await compared(text, "Brief. " * 20).ask(**request_more)
        assert not host.received
    assert row.verdict == ("unjudged" if judge else "unasked")
    assert row.label == "private-only"
    if not judge:
        assert row.reason.startswith("barred: ")


async def test_what_a_nested_route_holds_private_is_shown_to_no_judge_abroad(compared: Callable[..., Compared]) -> None:
    """The other may be a route with a label of its own: its answer stays private, and so does the comparison."""
    async with FaultyHost(Answer(body=body(OPEN))) as host:
        inner = '[routes.inner]\ncandidates = ["judge"]\nlabel = "private-only"\n'
        text = inner + toml(host.url, 'against = "inner"\nshare = 1.0\njudge = "other"')
        (row,) = await compared(text, "Brief. " * 20).ask()
        assert not host.received
    assert (row.verdict, row.label) == ("unjudged", "private-only")


async def test_the_cap_of_an_audit_holds(compared: Callable[..., Compared], ledger: SqliteLedger) -> None:
    """What does not fit is not asked, at once and without waiting, and that is told; the client has its answer."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, ALWAYS + "usd_per_day = 0.0005\nusd_total = 0.0006"))
        verdicts = [(await made.ask())[0].verdict for _ in range(60)]
        assert verdicts.count("unasked") > 0
        assert verdicts[0] == "same"
        assert len(host.received) == verdicts.count("same")
    spent = sum(one["cost_usd"] or 0.0 for one in await ledger.attempts(limit=200) if one["purpose"] == "audit")
    assert 0 < spent <= 0.0005  # what clients spent before counts for nothing here
    last = (await made.ask())[0]
    assert last.reason.startswith("budget: ")
    assert made.spine.shadows.left_out["budget"] > 0


async def test_a_key_s_budget_is_not_spent_on_experiments(compared: Callable[..., Compared]) -> None:
    """What a client may spend is for what it asks; the month's budget counts both."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, ALWAYS))
        account = Account("k1", None, (Budget("key:k1", 1.0, "total"),))
        request = Request(messages=(Message.of("user", "hi"),), sampling=Sampling(max_tokens=50))
        trace = Trace()
        await made.spine.answer(request, "r", trace, Options(account=account))
        await made.spine.shadows.ended()
    rows = {one["path"]: one for one in await made.ledger.attempts(request_id=trace.request_id)}
    assert "key:k1" in (rows["0"]["scopes"] or "")
    assert "key:k1" not in (rows["a0"]["scopes"] or "")
    assert (rows["a0"]["key_id"], rows["a0"]["purpose"]) == ("k1", "audit")


async def test_observing_asks_nobody(compared: Callable[..., Compared]) -> None:
    """What would have been asked is on record, with what it would cost by the tokens of the client's answer."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, ALWAYS + "observe = true"))
        (row,) = await made.ask()
        assert not host.received
    assert (row.verdict, row.own, row.other) == ("observed", "main", "other")
    assert row.other_usd == pytest.approx(row.own_usd)  # equal prices, equal tokens


async def test_a_shadow_observes_and_compares_alike(compared: Callable[..., Compared]) -> None:
    """The policy `shadow` takes the same options; observed, its shadow is not asked."""
    policy = 'kind = "shadow", primary = "main", shadow = ["other"]'
    async with FaultyHost(Answer(body=body("complaint"))) as host:
        both = toml(host.url, "", policy=policy).replace('["main"]\n', '["main", "other"]\n')
        (row,) = await compared(both).ask()
        assert (row.verdict, row.purpose) == ("differs", "shadow")
        observed = both.replace(policy, policy + ", observe = true")
        (row,) = await compared(observed).ask()
        assert row.verdict == "observed"
        assert len(host.received) == 1


async def test_a_failure_of_the_other_is_told(compared: Callable[..., Compared]) -> None:
    """It is a finding about the other: an answer that clients would not have had."""
    async with FaultyHost(Answer(status=500)) as host:
        (row,) = await compared(toml(host.url, ALWAYS)).ask()
    assert row.verdict == "failed"


async def test_the_other_s_answer_is_kept_where_bodies_are(compared: Callable[..., Compared]) -> None:
    """Without credentials, with the placeholders of the exchange; it is forgotten with it."""
    secret = "password: hunter2-hunter2"
    async with FaultyHost(Answer(body=body(f"other says {secret} too"))) as host:
        made = compared(toml(host.url, ALWAYS, more='bodies = "full"'), f"main says {secret}")
        (row,) = await made.ask()
        assert row.answer is not None
        assert "hunter2" not in row.answer + row.reason
        assert "<" in row.answer
        assert await Exchanges(made.ledger).forget(2**32) == 1
        (row,) = await comparisons_of(made.ledger, made.trace.request_id)
        assert (row.answer, row.reason, row.verdict) == (None, "", "differs")


async def test_a_run_is_not_audited(compared: Callable[..., Compared]) -> None:
    """An eval of the route pays for what it measures, and for no more."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, ALWAYS))
        await made.spine.answer(Request(messages=(Message.of("user", "hi"),)), "r", Trace(run_id="run"))
        await made.spine.shadows.ended()
        assert not host.received


async def test_comparisons_are_read_out(compared: Callable[..., Compared]) -> None:
    """Agreement with its interval, cost of both, and what all requests would have cost at the other."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, ALWAYS))
        for number in range(12):
            await made.ask(kind="a" if number < 8 else "b")
    found = readouts(await tallies(made.ledger), await kind_traffic(made.ledger))
    assert [(one.kind, one.verdicts) for one in found] == [(None, {"same": 12}), ("a", {"same": 8}), ("b", {"same": 4})]
    whole = found[0]
    assert whole.agreement.value == 1.0
    assert 0.7 < whole.agreement.low < 0.8
    assert whole.other_usd == pytest.approx(7e-6)
    assert whole.projection.requests == 12
    assert whole.projection.other_usd == pytest.approx(12 * 7e-6)
    assert whole.projection.usd == pytest.approx(12 * (whole.own_usd or 0))
    assert whole.spent_usd == pytest.approx(12 * 7e-6)
    assert [one.kind for one in readouts(await tallies(made.ledger, kind="b"), [])] == ["b"]


async def test_where_two_disagreed_is_a_stratum_of_its_own(compared: Callable[..., Compared]) -> None:
    """Suites from traffic can be drawn so that the few requests on which two disagree are among them."""
    async with FaultyHost(Answer(body=body("complaint"))) as host:
        made = compared(toml(host.url, ALWAYS, more='bodies = "full"'))
        await made.ask("the first")
        host.answer(Answer(body=body("refund")))
        await made.ask("the second")
    pages = [page async for page, _ in read_exchanges(Exchanges(made.ledger), Feedback(made.ledger))]
    assert [stratum_of(one, ("compared",)) for one in pages[0]] == [
        (("compared", "differs"),), (("compared", "same"),),
    ]  # fmt: skip


async def test_a_cap_holds_when_many_come_at_once(compared: Callable[..., Compared]) -> None:
    """Bounds are held before anything is sent: together they never exceed it, and nobody waits for room."""
    async with FaultyHost(Answer(body=body("refund"), pause_s=0.01)) as host:
        made = compared(toml(host.url, ALWAYS + "usd_total = 0.0007"))
        await asyncio.gather(*(made.ask(f"at once {number}") for number in range(12)))
        await made.spine.shadows.ended()
    rows = [one for one in await made.ledger.attempts(limit=100) if one["purpose"] == "audit"]
    assert 0 < sum(one["cost_usd"] or 0.0 for one in rows) <= 0.0007
    told = await tallies(made.ledger)
    assert sum(one.requests for one in told) == 12
    assert {one.verdict for one in told} == {"same", "unasked"}


async def test_an_unknown_price_is_not_paid_under_a_cap(compared: Callable[..., Compared]) -> None:
    """What nobody can bound does not fit into any cap; without one it is asked."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        text = toml(host.url, ALWAYS + "usd_per_day = 1.0").replace(f"retries = 0\n{PRICE}", "retries = 0", 1)
        (row,) = await compared(text).ask()
        assert (row.verdict, len(host.received)) == ("unasked", 0)
        (row,) = await compared(text.replace("usd_per_day = 1.0", "")).ask()
        assert (row.verdict, row.other_usd) == ("same", None)


@pytest.mark.parametrize("audited", [False, True])
async def test_what_an_inner_route_calls_private_has_no_shadow_of_the_outer_one(
    audited: bool, compared: Callable[..., Compared]
) -> None:
    """A router sends what is private to a route that says so: what stands beside the router is sent none of it."""
    inner = '[routes.inner]\ncandidates = ["main"]\nlabel = "private-only"\n'
    shadow = '["inner", "other"]', 'kind = "shadow", primary = "inner", shadow = ["other"]'
    candidates, policy = ('["inner"]', 'kind = "fixed"') if audited else shadow
    async with FaultyHost(Answer(body=body(OPEN))) as host:
        text = toml(host.url, ALWAYS if audited else "", policy=policy).replace('["main"]', candidates, 1)
        (row,) = await compared(inner + text, "Brief. " * 20).ask()
        assert not host.received
    assert (row.verdict, row.label) == ("unasked", "private-only")


@pytest.mark.parametrize("where", ["r", "inner", "request"])
async def test_private_data_has_no_shadow_abroad_however_routes_nest(
    where: str, compared: Callable[..., Compared]
) -> None:
    """A shadow may be a route, and stand in a route: the strictest label of all holds for it and for its judge."""
    label = 'label = "private-only"'
    inner = (
        '[routes.inner]\ncandidates = ["main", "other"]\n'
        'policy = { kind = "shadow", primary = "main", shadow = ["other"], judge = "other" }\n'
        + (label + "\n" if where == "inner" else "")
    )
    async with FaultyHost(Answer(body=body(OPEN))) as host:
        text = inner + toml(host.url, "", more=label if where == "r" else "").replace('["main"]', '["inner"]', 1)
        more = {"label": Label.PRIVATE_ONLY} if where == "request" else {}
        await compared(text, "Brief. " * 20).ask(**more)
        assert not host.received


async def test_a_cached_answer_is_not_audited_again(compared: Callable[..., Compared]) -> None:
    """It was, when it was made, or could have been; and no audit is answered from the route's cache."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, ALWAYS, more="cache = { ttl_s = 60 }"))
        counts = [len(await made.ask("equal words")) for _ in range(2)]
        assert made.trace.cached
        assert counts == [1, 0]
        assert len(host.received) == 1


async def test_what_clients_spent_before_counts_for_no_cap(compared: Callable[..., Compared]) -> None:
    """The cap of an experiment is for the experiment, and begins with what that has spent."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        before = compared(toml(host.url, ""), "word " * 400)
        for number in range(4):
            await before.ask(str(number))
        made = compared(toml(host.url, ALWAYS + "usd_total = 0.0006"))
        (row,) = await made.ask()
        assert row.verdict == "same"
        anew = compared(toml(host.url, ALWAYS + "usd_total = 0.0006\nusd_per_day = 0.00000701"))
        (row,) = await anew.ask()  # a line of the books that is new begins with what audits have cost
        assert row.verdict == "unasked"
        assert "7.0e-06 spent" in row.reason


@pytest.mark.parametrize(("share", "verdicts"), [(1.0, ["same"]), (0.0, [])])
async def test_bytes_pass_unread_but_where_they_are_compared(
    share: float, verdicts: list[str], compared: Callable[..., Compared], ledger: SqliteLedger
) -> None:
    """A client that takes the host's bytes as they are has them, audited or not; what the host called them is kept."""
    raw = b'{"model": "r", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}'
    async with FaultyHost(Answer(body=body("refund"))) as here, FaultyHost(Answer(body=body("Refund."))) as there:
        text = toml(there.url, f'against = "other"\nshare = {share}').replace(
            f'dialect = "scripted"\nscript = "main.json"\n{PRICE}', f'dialect = "openai"\nbase_url = "{here.url}"', 1
        )
        made = compared(text)
        request = OpenAIChat().read_request(raw)
        trace = Trace()
        events = [one async for one in made.spine.generate(request, "r", trace, Options(bytes_only=True))]
        assert b"".join(one.data for one in events if isinstance(one, Raw)) == body("refund")
        await made.spine.shadows.ended()
    rows = await comparisons_of(ledger, trace.request_id)
    assert [row.verdict for row in rows] == verdicts
    (found,) = await Feedback(ledger).requests("up-1")
    assert (found.id, found.response_id) == (trace.request_id, "up-1")


async def test_closing_loses_no_answer_that_was_paid_for(compared: Callable[..., Compared]) -> None:
    """Where both have answered, what they said is compared before the spine is closed."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, ALWAYS))
        begun, compare = asyncio.Event(), made.spine.shadows.comparer
        assert compare is not None

        async def slowly(pair: Pair) -> None:
            begun.set()
            await asyncio.sleep(0.02)
            await compare(pair)

        made.spine.shadows.comparer, trace = slowly, Trace()
        await made.spine.answer(Request(messages=(Message.of("user", "hi"),)), "r", trace)
        await begun.wait()
        await made.spine.close()
        assert [row.verdict for row in await comparisons_of(made.ledger, trace.request_id)] == ["same"]


async def test_who_ends_with_the_answer_asks_nobody(compared: Callable[..., Compared]) -> None:
    """A single call at the command line would cut what it has begun, and pay for it."""
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, ALWAYS))
        made.spine.shadows.asks = False
        assert await made.ask() == []
        assert not host.received


async def test_who_is_left_alone_has_not_failed(compared: Callable[..., Compared]) -> None:
    """Where the other's breaker is open nothing is sent, and that says nothing of its answers."""
    async with FaultyHost(Answer(status=500)) as host:
        text = toml(host.url, ALWAYS).replace("retries = 0\n", "retries = 0\nbreaker = { failures = 1 }\n", 1)
        made = compared(text)
        assert [(await made.ask(str(number)))[0].verdict for number in range(2)] == ["failed", "unasked"]
        assert len(host.received) == 1


async def test_a_place_is_taken_by_who_waits_for_an_answer(compared: Callable[..., Compared]) -> None:
    """Of several at once those that find no place are left out: they do not stand in line."""
    async with FaultyHost(Answer(body=body("refund"), pause_s=0.05)) as host:
        text = toml(host.url, ALWAYS).replace("retries = 0\n", "retries = 0\nconcurrency = 1\n", 1)
        made = compared(text)
        await asyncio.gather(*(made.ask(str(number)) for number in range(4)))
        await made.spine.shadows.ended()
        told = {one.verdict: (one.requests, one.why) for one in await tallies(made.ledger)}
        assert told == {"same": (1, ""), "unasked": (3, "busy")}
        assert len(host.received) == 1


@pytest.mark.parametrize("hold", ["true", "false"])
async def test_what_guards_refuse_is_not_compared(hold: str, compared: Callable[..., Compared]) -> None:
    """A refusal in an answer's place says nothing of who gave the answer, and what was stopped goes to nobody else."""
    head = '[guards.words]\ncheck = { check = "patterns", words = ["refund"] }\n'
    async with FaultyHost(Answer(body=body("refund"))) as host:
        made = compared(toml(host.url, ALWAYS, head=head, more=f'guards = {{ after = ["words"], hold = {hold} }}'))
        assert await made.ask() == []
        assert not host.received


async def test_answers_are_compared_as_guards_have_left_them(compared: Callable[..., Compared]) -> None:
    """What is taken out of a stream on its way to the client is in no comparison either."""
    head = '[guards.mail]\ncheck = { check = "personal" }\nfound = "revise"\n'
    async with FaultyHost(Answer(body=body("Write to <email-1>."))) as host:
        text = toml(host.url, ALWAYS, head=head, more='guards = { after = ["mail"], hold = false }')
        (row,) = await compared(text, "Write to ada@example.com.").ask()
    assert row.verdict == "same"
