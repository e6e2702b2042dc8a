"""What has changed of that on which a decision rests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.decision.basis import Basis, Conditions, Ground, KindGround
from assay.decision.changed import Change, Standing, changes
from assay.decision.question import Question
from assay.decision.survey import bases, ground_of
from assay.inference.spine import Spine

World = Any  # of this folder's conftest
FACTS = {"model": "x/small", "weights_sha256": "a" * 64}


def standing(**more: Any) -> Standing:
    """A decision on two kinds between an own deployment and a route that falls back on a rented one."""
    small = Conditions(side="own", licence="mit")
    big = Conditions(side="rent", host="acme", input_usd_per_mtok=3.0, output_usd_per_mtok=15.0)
    prompts = {"a": {"prompt_sha256": "1" * 64}, "b": {"prompt_sha256": "2" * 64}}
    below = {f"0.small/{fact}": said for fact, said in FACTS.items()}
    basis = {
        "small": Basis(deployments={"small": small}, facts=FACTS, by_kind=prompts),
        "both": Basis(deployments={"small": small, "big": big}, facts={"policy": "fallback", **below}),
    }
    kinds = {kind: KindGround(samples=10, digest="d" * 64, bar=0.8) for kind in ("a", "b")}
    ground = Ground(suite_digest="s" * 64, kinds=kinds, split="heldout", bar=0.8)
    return msgspec.structs.replace(Standing(question=Question(), basis=basis, ground=ground), **more)


def with_conditions(name: str, **more: Any) -> dict[str, Basis]:
    """The candidates, one deployment on other conditions."""
    return {
        candidate: msgspec.structs.replace(
            basis,
            deployments={
                one: msgspec.structs.replace(had, **more) if one == name else had
                for one, had in basis.deployments.items()
            },
        )
        for candidate, basis in standing().basis.items()
    }


def with_ground(**more: Any) -> Ground:
    """The ground, with something else."""
    return msgspec.structs.replace(standing().ground, **more)


def with_kind(**more: Any) -> Ground:
    """The ground, with something else of kind `a`, and so another suite."""
    kinds = standing().ground.kinds
    return with_ground(kinds={**kinds, "a": msgspec.structs.replace(kinds["a"], **more)}, suite_digest="t" * 64)


def test_nothing_changed_is_nothing() -> None:
    """Two looks at the same things differ in nothing."""
    assert changes(standing(), standing()) == ()


@pytest.mark.parametrize(
    ("name", "more", "about", "said"),
    [
        ("big", {"input_usd_per_mtok": 2.0}, "price", "USD per million input tokens: 3 -> 2 (-33%)"),
        ("big", {"output_usd_per_mtok": None}, "price", "USD per million output tokens: 15 -> none"),
        ("small", {"usd_per_hour": 0.5}, "price", "USD per hour: none -> 0.5"),
        ("small", {"licence": "apache-2.0"}, "licence", "licence: mit -> apache-2.0"),
        ("big", {"policy": {"trains_on_inputs": "no", "regions": ["eu"]}}, "data policy",
         "data policy: unknown -> trains_on_inputs no, regions eu"),
        ("big", {"retires": "2027-02-01"}, "end", "retires: none -> 2027-02-01"),
        ("big", {"status": "retired"}, "end", "status: none -> retired"),
        ("big", {"side": "own"}, "privacy", "side: rent -> own"),
        ("big", {"host": "other"}, "model", "host: acme -> other"),
        ("big", {"keyless": True}, "key", "key is missing: no -> yes"),
        ("big", {"barred": "it costs too much"}, "permission", "forbidden: none -> it costs too much"),
    ],
)  # fmt: skip
def test_conditions(name: str, more: dict[str, Any], about: str, said: str) -> None:
    """Each is told once, with what it concerns: a deployment below a route concerns the route."""
    (change,) = changes(standing(), standing(basis=with_conditions(name, **more)))
    assert (change.subject, change.about, change.said) == (name, about, said)
    assert set(change.concerns) == ({"small", "both"} if name == "small" else {"both"})


def test_who_names_the_price_decides_nothing() -> None:
    """A list of another version with the same prices is no change."""
    assert changes(standing(), standing(basis=with_conditions("big", price_from="another list"))) == ()


def test_the_same_fact_below_a_route_is_told_once() -> None:
    """Other weights of a deployment that is a candidate itself and stands below another one."""
    basis = {
        name: msgspec.structs.replace(
            one,
            facts={fact: "b" * 64 if fact.endswith("weights_sha256") else said for fact, said in one.facts.items()},
        )
        for name, one in standing().basis.items()
    }
    (change,) = changes(standing(), standing(basis=basis))
    assert (change.subject, change.about, change.concerns) == ("small", "model", ("small", "both"))
    assert change.said == "weights_sha256: aaaaaaaaaaaa… -> bbbbbbbbbbbb…"


def test_a_prompt_is_told_with_its_kinds() -> None:
    """Of one kind with its name; of all kinds without."""
    small = standing().basis["small"]
    one = msgspec.structs.replace(small, by_kind={**small.by_kind, "a": {"prompt_sha256": "3" * 64}})
    (change,) = changes(standing(), standing(basis={**standing().basis, "small": one}))
    assert (change.about, change.kinds) == ("prompt", ("a",))
    assert change.said == "prompt of a: 111111111111… -> 333333333333…"
    every = msgspec.structs.replace(small, by_kind={}, facts={**FACTS, "prompt_sha256": "3" * 64})
    found = changes(standing(), standing(basis={**standing().basis, "small": every}))
    assert [one.kinds for one in found] == [("a",), ("b",)]  # from another prompt each


def test_candidates_come_and_go() -> None:
    """A new one, one that is gone, and one that could not be identified before."""
    small, both = standing().basis["small"], standing().basis["both"]
    lost = msgspec.structs.replace(small, facts={}, by_kind={}, problem="no weights")
    found = changes(standing(basis={"small": lost, "both": both}), standing(basis={"small": small, "new": small}))
    assert [(one.subject, one.said) for one in found] == [
        ("small", "problem: no weights -> none"),
        ("both", "is no candidate any more"),
        ("new", "is a new candidate"),
    ]


@pytest.mark.parametrize(
    ("ground", "subject", "said"),
    [
        (with_kind(samples=12, digest="e" * 64), "a", "samples: 10 -> 12"),
        (with_kind(digest="e" * 64), "a", "digest of its samples: dddddddddddd… -> eeeeeeeeeeee…"),
        (with_kind(bar=0.9), "a", "bar: 0.8 -> 0.9"),
        (with_kind(gate=True), "a", "is a gate: no -> yes"),
        (with_kind(p95_latency_s=2.0), "a", "p95 latency limit in seconds: none -> 2"),
        (with_kind(stays=True), "a", "may never leave: no -> yes"),
        (with_ground(suite_digest="t" * 64), "suite", "digest of other files: ssssssssssss… -> tttttttttttt…"),
        (with_ground(split="dev"), "split", "heldout -> dev"),
        (with_ground(bar=0.7), "decide.bar", "0.8 -> 0.7"),
        (with_ground(tolerance=0.03), "decide.tolerance", "0 -> 0.03"),
        (with_ground(constraints={"licences": ["mit", "apache-2.0"]}), "constraints.licences",
         "none -> mit, apache-2.0"),
        (with_ground(judges={"big": {"model": "x/big"}}), "big", "model: none -> x/big"),
    ],
)  # fmt: skip
def test_what_all_candidates_have_in_common(ground: Ground, subject: str, said: str) -> None:
    """Samples, bars, gates, limits, judges: each concerns every candidate."""
    (change,) = changes(standing(), standing(ground=ground))
    assert (change.subject, change.said, change.concerns) == (subject, said, ())


def test_new_and_lost_kinds() -> None:
    """Kinds that the suite has now, or has no longer."""
    kinds = standing().ground.kinds
    now = with_ground(kinds={"a": kinds["a"], "c": kinds["b"]}, suite_digest="t" * 64)
    found = changes(standing(), standing(ground=now))
    assert [(one.subject, one.said) for one in found] == [("b", "is no kind any more"), ("c", "is a new kind")]


def test_another_question_is_one_change() -> None:
    """Whoever asks about fewer kinds, candidates or with another bar is told that, and not that the others are gone."""
    kinds = standing().ground.kinds
    asked = Question(targets=("small",), kinds=("a",), tolerance=0.03)
    now = standing(
        question=asked,
        basis={"small": standing().basis["small"]},
        ground=with_ground(kinds={"a": kinds["a"]}, tolerance=0.03),
    )
    found = changes(standing(), now)
    assert [(one.about, one.fact, one.said) for one in found] == [
        ("question", "targets", "targets: none -> small"),
        ("question", "kinds", "kinds: none -> a"),
        ("question", "tolerance", "tolerance: none -> 0.03"),
    ]


def test_a_change_is_json() -> None:
    """With stable keys, `None` included."""
    change = Change(about="end", subject="big", fact="retires", after="2027-02-01")
    assert msgspec.json.decode(msgspec.json.encode(change)) == {
        "about": "end", "subject": "big", "fact": "retires", "before": None, "after": "2027-02-01", "concerns": [],
        "kinds": [],
    }  # fmt: skip


# ------------------------------------------------------------------------------------- looked at for real

HOSTED = """
[deployments.hosted]
model = "openai/gpt-4o-mini"
host = "openai"
api_key_env = "ASSAY_TEST_SURVEY_KEY"
[deployments.mine]
model = "x/mine"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
private = true
[deployments.engine]
model = "x/engine"
dialect = "scripted"
script = "engine.json"
[routes.both]
candidates = ["engine", "hosted"]
[constraints]
hosts = ["anthropic"]
"""


async def test_conditions_are_what_catalogue_and_configuration_say(
    make_spine: Callable[..., Spine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host, price with its source, data policy, key, and the constraint that forbids it; own and rented told apart."""
    monkeypatch.delenv("ASSAY_TEST_SURVEY_KEY", raising=False)
    spine = make_spine(HOSTED, {"engine.json": {"rules": [], "default": "yes"}})
    found = await bases(spine, ("hosted", "mine", "engine", "both"), ("a",))
    hosted = found["hosted"].deployments["hosted"]
    assert (hosted.side, hosted.host, hosted.keyless) == ("rent", "openai", True)
    assert (hosted.input_usd_per_mtok or 0) > 0
    assert (hosted.price_from or "").startswith("genai-prices")
    assert "trains_on_inputs" in hosted.policy
    assert "is not one of anthropic (hosts)" in (hosted.barred or "")
    mine, engine = found["mine"].deployments["mine"], found["engine"].deployments["engine"]
    assert (mine.side, mine.host, mine.barred) == ("own", "127.0.0.1:9", None)
    assert (engine.side, engine.host, engine.price_from) == ("own", None, None)
    assert (found["both"].side, found["both"].hosts) == ("rent", ("openai",))
    monkeypatch.setenv("ASSAY_TEST_SURVEY_KEY", "x")
    again = await bases(spine, ("hosted",), ("a",))
    assert not again["hosted"].deployments["hosted"].keyless


async def test_what_was_kept_is_what_is_there(world: World, make_spine: Callable[..., Spine]) -> None:
    """A look that has been in the ledger is equal to the same look now: else everything would have changed."""
    limits = '[constraints]\nlicences = ["mit", "apache-2.0"]\ndata_regions = ["eu"]\nforbidden_terms = ["naming"]\n'
    spine = make_spine(HOSTED.partition("[constraints]")[0] + limits, {"engine.json": {"default": "yes"}})
    names = ("hosted", "mine", "engine", "both")
    ground = await ground_of(spine, world.suite({"a": 2}), split=None, bar=0.8, tolerance=0.0, error=0.05)
    now = Standing(question=Question(targets=names), basis=await bases(spine, names, ("a",)), ground=ground)
    kept = msgspec.json.decode(msgspec.json.encode(now), type=Standing)
    assert changes(kept, now) == ()
    assert kept == now


async def test_what_cannot_be_identified_has_a_problem(make_spine: Callable[..., Spine]) -> None:
    """Weights that are not there: the reason stands in the facts' place, and nothing is raised."""
    spine = make_spine('[deployments.small]\nmodel = "qwen/qwen2.5-coder-0.5b-instruct"\ndialect = "local"\n')
    basis = (await bases(spine, ("small",), ("a",)))["small"]
    assert (basis.facts, basis.problem is not None) == ({}, True)


async def test_facts_are_kept_once(world: World) -> None:
    """What is the same for every kind stands once; prompts of their own by kind."""
    spine = world.spine({"m": {"a": "+", "b": "+"}}, m='kinds = { a = { system = "Say." } }')
    basis = (await bases(spine, ("m",), ("a", "b")))["m"]
    assert basis.facts["model"] == "x/m"
    assert set(basis.by_kind) == {"a", "b"}
    assert set(basis.by_kind["a"]) == {"prompt_sha256"}
    assert basis.facts_of("a")["prompt_sha256"] != basis.facts_of("b")["prompt_sha256"]


async def test_the_ground_does_not_depend_on_the_order_of_samples(world: World) -> None:
    """The same samples in another order of lines are the same; another target is not."""
    suite = world.suite({"a": 4})
    spine = world.spine({"m": {"a": "++++"}})

    async def digest() -> str:
        from assay.evals.suites.suite import read_suite

        now = read_suite(suite.folder)
        ground = await ground_of(spine, now, split=None, bar=0.8, tolerance=0.0, error=0.0)
        return ground.kinds["a"].digest

    before, file = await digest(), Path(suite.folder) / "a.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(reversed(lines)))
    assert await digest() == before
    file.write_text("".join(lines).replace('"target": "yes"', '"target": "no"', 1))
    assert await digest() != before
