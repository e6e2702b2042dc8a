"""Preference pairs: from all kinds of feedback and from comparisons, redacted, with their origin and terms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desks import TOML, Desk

from assay.config.load import parse
from assay.decision.experiments.pair import Line, side_of
from assay.decision.experiments.pairing import Paired, Pairing, Wanted
from assay.inference.bodies import Bodies
from assay.ledger.comparisons import add_comparison
from assay.ledger.rows import ComparisonRow, new_id
from assay.privacy.redaction import Redactor
from assay.types import Text

MakeDesk = Callable[..., Desk]
KEEP = TOML.replace('model = "x/new"', 'model = "openai/gpt-4o-mini"') + '\n[serve]\nbodies = "full"\n'
OLD = {"rules": [{"match": "again", "answer": "old"}], "default": "old says so"}
NEW = {"default": "new says so"}


class Kept(Desk):
    """A desk whose bodies are kept."""

    bodies: Bodies

    async def kept(self, text: str, target: str) -> str:
        """A request of which request and answer are kept; its id."""
        return (await self.ask(None, text, target, bodies=self.bodies.keeper(target))).id

    async def pairs(self, **wanted: Any) -> tuple[list[Paired], Pairing]:
        """What `assay pairs export` writes, and what it tells."""
        pairing = Pairing(self.ledger, self.spine.targets, Redactor(personal=True))
        return [pair async for pair in pairing.pairs(Wanted(**wanted))], pairing


@pytest.fixture
def kept(desk: MakeDesk, tmp_path: Path) -> Kept:
    """The desk."""
    made = desk(OLD, NEW, KEEP)
    found = Kept(made.spine, made.ledger)
    found.bodies = Bodies(made.ledger, parse(KEEP.encode(), tmp_path / "assay.toml"))
    return found


def said(line: Line) -> tuple[str, str, str]:
    """Prompt, chosen and rejected."""
    return line.prompt[-1]["content"], line.chosen[0]["content"], line.rejected[0]["content"]


async def test_a_correction_is_better_than_the_answer(kept: Kept) -> None:
    """The prompt is the conversation as the client said it; the origin tells who wrote what."""
    one = await kept.kept("Where is my parcel?", "old")
    await kept.say(one, "edited", correction="On its way.")
    ((line, digest),), pairing = await kept.pairs()
    assert said(line) == ("Where is my parcel?", "On its way.", "old says so")
    assert line.prompt == [{"role": "user", "content": "Where is my parcel?"}]
    assert line.chosen[0]["role"] == line.rejected[0]["role"] == "assistant"
    facts = {
        "request_id": one,
        "source": "edited",
        "chosen_by": "a person",
        "rejected_by": "old",
        "label": "unlabelled",
    }
    assert facts.items() <= line.origin.items()
    assert line.origin["prompt_sha256"] == digest
    assert pairing.sources == {"edited": 1}


async def test_preferred_over_another_answer_to_the_same(kept: Kept) -> None:
    """Both answers must be of one prompt; of different ones nothing is learnt, and that is counted."""
    one, two = await kept.kept("hello", "new"), await kept.kept("hello", "old")
    other = await kept.kept("bye", "old")
    await kept.say(one, "preferred", over_request_id=two)
    third = await kept.kept("hello again", "new")
    await kept.say(third, "preferred", over_request_id=other)
    fourth = await kept.kept("hello", "new")
    await kept.say(fourth, "preferred", over_request_id="gone")
    found, pairing = await kept.pairs(forbidden=True)
    assert [said(pair.line) for pair in found] == [("hello", "new says so", "old says so")]
    assert found[0].line.origin["other_request_id"] == two
    assert pairing.left_out["preferred to the answer to another prompt"] == 1
    assert pairing.left_out["preferred to an answer that is not kept"] == 1


async def test_accepted_and_rejected_answers_to_one_prompt(kept: Kept) -> None:
    """Two people, one question: the answer that was used is better than the one that was not."""
    good, bad = await kept.kept("hello", "old"), await kept.kept("hello", "new")
    alone = await kept.kept("bye", "old")
    await kept.say(good, "accepted")
    await kept.say(bad, "rejected")
    await kept.say(alone, "rejected")
    found, pairing = await kept.pairs(forbidden=True)
    assert [said(pair.line) for pair in found] == [("hello", "old says so", "new says so")]
    assert pairing.sources == {"accepted-rejected": 1}


async def test_comparisons_of_shadows(kept: Kept) -> None:
    """What a judge preferred, either way, with who judged; ties and answers that are not kept give nothing."""
    one = await kept.kept("hello", "old")
    answer = msgspec.json.encode((Text(text="shadow says so"),)).decode()
    for verdict, text in (("other", answer), ("own", answer), ("equal", answer), ("other", None)):
        row: Any = ComparisonRow(
            id=new_id(), created_at=1.0, request_id=one, route="desk", kind=None, label="unlabelled", purpose="audit",
            own="old", other="new", verdict=verdict, decided_by="judge big", reason="clearer", answer=text,  # type: ignore[arg-type]
        )  # fmt: skip
        await add_comparison(kept.ledger, row)
    found, pairing = await kept.pairs(forbidden=True)
    assert sorted(said(pair.line)[1] for pair in found) == ["old says so", "shadow says so"]
    assert {pair.line.origin["decided_by"] for pair in found} == {"judge big"}
    assert pairing.left_out["compared with an answer that is not kept"] == 1


async def test_nothing_to_learn_is_left_out(kept: Kept) -> None:
    """Answers that say the same but for white space, corrections without words, and what was said already."""
    for text, correction in (("a", "old  says so"), ("b", None), ("c", "Better."), ("c", "Better.")):
        await kept.say(await kept.kept(text, "old"), "edited", correction=correction)
    found, pairing = await kept.pairs()
    assert len(found) == 1
    assert pairing.left_out["both answers say the same"] == 1
    assert pairing.left_out["edited, and what became of it was not told"] == 1
    assert pairing.left_out["said already"] == 1


async def test_what_terms_forbid_is_left_out_and_what_is_unknown_is_told(kept: Kept) -> None:
    """A host's conditions mark a pair `ask`; a model that nobody knows, too; forbidden ones come only when wanted."""
    await kept.say(await kept.kept("a", "new"), "edited", correction="Better.")
    await kept.say(await kept.kept("b", "old"), "edited", correction="Better.")
    found, pairing = await kept.pairs()
    assert {pair.line.origin["terms"] for pair in found} <= {"ask", "allowed"}
    assert pairing.terms["old"].verdict == "ask"
    pairing.terms["old"] = pairing.terms["old"]._replace(verdict="forbidden")
    again = [pair async for pair in pairing.pairs(Wanted())]
    assert all(pair.line.origin["rejected_by"] != "old" for pair in again)
    assert pairing.left_out["the terms of an answer forbid to train other models with it"] == 1


async def test_personal_data_is_taken_out_alike_on_all_sides(kept: Kept) -> None:
    """One placeholder for one thing, in the prompt and in both answers."""
    one = await kept.kept("I am jo@example.com, not eve@example.com.", "old")
    await kept.say(one, "edited", correction="Hello jo@example.com!")
    ((line, _),), pairing = await kept.pairs()
    assert said(line)[0] == "I am <email-1>, not <email-2>."
    assert said(line)[1] == "Hello <email-1>!"
    assert pairing.redacted["email"] >= 3


def test_a_prompt_is_on_one_side() -> None:
    """About a fifth of the prompts is held out, the same ones each time, and none at all where none is wanted."""
    digests = [f"{n * 2**192 * 0x9E3779B97F4A7C15 % 2**256:064x}" for n in range(1, 1001)]
    sides = [side_of(digest, 0.2) for digest in digests]
    assert 150 < sides.count("heldout") < 250
    assert sides == [side_of(digest, 0.2) for digest in digests]
    assert {side_of(digest, 0.0) for digest in digests} == {"train"}
