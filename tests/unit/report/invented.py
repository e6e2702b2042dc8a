"""Decisions of an invented team, small and large, and their views."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assay.config.load import parse
from assay.config.schema import Config
from assay.decision.decision import CandidateResult, Decision, KindDecision, Status
from assay.report.decided import decision_view
from assay.report.view import DecisionView, Samples, Source
from assay.stats.intervals import upper_bound, wilson

AT = 1795425794.0


def result(name: str, status: Status, passed: int = 0, failed: int = 0, **more: Any) -> CandidateResult:
    """One candidate for one kind; its interval follows from its counts."""
    scored = passed + failed
    interval = tuple(wilson(passed, scored)) if scored else None
    return CandidateResult(
        name=name, status=status, reason=more.pop("reason", f"{status.value} for a reason"), passed=passed,
        failed=failed, interval=interval, **more,
    )  # fmt: skip


def kind(name: str, *candidates: CandidateResult, total: int = 20, bar: float = 0.8, **more: Any) -> KindDecision:
    """One kind with its candidates; the chosen one is the one whose status says so."""
    chosen = next((one.name for one in candidates if one.status is Status.CHOSEN), None)
    return KindDecision(
        name=name, kinds=(name,), gate=more.pop("gate", False), bar=bar, total=total, needed=round(bar * total),
        chosen=chosen, reason=more.pop("reason", f"{chosen or 'nobody'} meets the bar"), candidates=candidates, **more,
    )  # fmt: skip


def decision(*kinds: KindDecision, **more: Any) -> Decision:
    """A decision of these kinds."""
    names = dict.fromkeys(one.name for each in kinds for one in each.candidates)
    known: dict[str, Any] = {
        "id": "01a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4", "created_at": AT, "suite": "desk", "suite_version": "3",
        "suite_digest": "0123456789abcdef" * 4, "config_digest": "fedcba9876543210" * 4, "seed": 7,
        "split": "heldout", "asked": sum(one.passed + one.failed + one.unscored for k in kinds for one in k.candidates),
        "asked_now": 12, "grid": sum(each.total * len(each.candidates) for each in kinds), "spent_usd": 0.0123,
        "spent_engine_s": 4.2, "runs": {name: f"run-{name}" for name in names}, "guarantee": "exact",
        "population": "the samples of suite 'desk' 3",
    }  # fmt: skip
    return Decision(kinds=kinds, **(known | more))


def small() -> Decision:
    """A gate, a kind done by an own model, one by a rented one, one that nobody passes and one that is open."""
    return decision(
        kind(
            "leak.probe", result("small", Status.CHOSEN, 20, 0, engine_s=0.3, failure_bound=upper_bound(0, 20)),
            result("leaky", Status.FAILED, 19, 1, engine_s=0.2, failure_bound=upper_bound(1, 20)),
            result("frontier", Status.NOT_NEEDED, 20, 0, usd=0.002, failure_bound=upper_bound(0, 20)),
            gate=True, bar=1.0,
        ),
        kind(
            "sql", result("small", Status.CHOSEN, 16, 2, engine_s=0.5, p95_s=1.5),
            result("leaky", Status.GATED, expected=0.4, expected_unit="s"),
            result("frontier", Status.NOT_NEEDED, expected=0.002, expected_unit="usd"),
        ),
        kind(
            "tickets", result("small", Status.FAILED, 9, 5, engine_s=0.4, p95_s=1.2),
            result("leaky", Status.GATED), result("frontier", Status.CHOSEN, 16, 1, usd=0.0021, p95_s=0.8),
        ),
        kind(
            "scripts", result("small", Status.FAILED, 1, 5, engine_s=0.9), result("leaky", Status.GATED),
            result("frontier", Status.FAILED, 2, 5, usd=0.004),
            moves=("another configuration: frontier came closest", "a larger open model"),
        ),
        kind(
            "dates", result("small", Status.OPEN, 14, 2, unscored=4, engine_s=0.4), result("leaky", Status.GATED),
            result("frontier", Status.UNPROVEN, reason="no key in $FRONTIER_KEY"),
        ),
    )  # fmt: skip


def large(kinds: int = 20, candidates: int = 12, seed: int = 1) -> Decision:
    """Many kinds and candidates, owned and rented, with every status somewhere."""
    draw = random.Random(seed)  # noqa: S311 - invented figures
    skills = [(name, draw.uniform(0.2, 0.97)) for name in large_names(candidates)]
    made = []
    for number in range(kinds):
        found, won = [], False
        for place, (name, skill) in enumerate(skills):
            own = place % 2 == 0
            value = (0.2 * 1.6**place if own else 0.0002 * 1.9**place) * draw.uniform(0.8, 1.3)
            cost: dict[str, Any] = {"engine_s" if own else "usd": value}
            expected: dict[str, Any] = {"expected": value, "expected_unit": "s" if own else "usd"}
            if place >= candidates - 2:  # nobody knows what these cost
                cost = expected = {}
            total, p = 40, min(0.99, max(0.02, skill + draw.uniform(-0.3, 0.15)))
            if place == 3:
                found.append(result(name, Status.UNPROVEN, reason="no key in $SOME_KEY", **expected))
            elif won:
                found.append(result(name, Status.NOT_NEEDED, reason="a cheaper one passes", **expected))
            else:
                passed = sum(draw.random() < p for _ in range(total))
                won = passed >= 32
                unscored = draw.choice([0, 0, 0, 3]) if not won else 0
                failed = total - passed - min(unscored, total - passed)
                status = Status.CHOSEN if won else Status.FAILED
                found.append(result(name, status, passed, failed, unscored=total - passed - failed,
                                    p95_s=draw.uniform(0.3, 9), **cost, **expected))  # fmt: skip
        made.append(kind(f"domain{number % 5}.kind-{number}", *found, total=40))
    return decision(*made)


def large_names(candidates: int) -> list[str]:
    """Names as teams write them."""
    models = ["smollm2-135m", "gpt-4o-mini", "qwen2.5-0.5b-grammar", "claude-haiku", "qwen2.5-1.5b-few-shot",
              "gpt-4.1", "llama-3.2-3b-q4", "gemini-flash", "mistral-7b-instruct", "claude-sonnet-4-5",
              "qwen3-30b-a3b", "a-cascade-with-a-long-name"]  # fmt: skip
    return [models[n % len(models)] + ("" if n < len(models) else f"-{n}") for n in range(candidates)]


def config_of(names: Mapping[str, bool], folder: Path = Path("/nowhere")) -> Config:
    """A configuration in which these deployments are own (True) or rented (False)."""
    toml = "".join(
        f'[deployments.{json.dumps(name)}]\nmodel = "x/{number}"\ndialect = "{"local" if own else "openai"}"\n'
        + ("" if own else 'base_url = "https://host.invalid/v1"\n')
        for number, (name, own) in enumerate(names.items())
    )
    return parse(toml.encode(), folder / "assay.toml")


def source(**more: Any) -> Source:
    """Where the figures come from, of a decision whose suite is as it was."""
    known: dict[str, Any] = {
        "what": "decision", "id": "01a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4", "created_at": AT, "suite": "desk",
        "suite_version": "3", "suite_digest": "0123456789abcdef" * 4, "suite_state": "same",
        "config_digest": "fedcba9876543210" * 4, "config_changed": False, "seed": 7, "split": "heldout",
        "versions": ("0.1.0",),
    }  # fmt: skip
    return Source(**(known | more))


def view_of(made: Decision, own: Callable[[int], bool] = lambda place: place % 2 == 0) -> DecisionView:
    """The view of a decision without results: every other candidate is owned, unless told otherwise."""
    config = config_of({name: own(place) for place, name in enumerate(made.runs)})
    return decision_view(made, {}, config, None, source(), Samples(note="no sample here"))
