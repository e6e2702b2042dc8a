"""Splitting: shares, what stays together, what never moves, and files of which nothing else changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.errors import EvalError, SuiteError
from assay.evals.splits.split_writing import with_split, write_split
from assay.evals.splits.splitting import Plan, plan_split
from assay.evals.suites.suite import Suite, read_suite
from assay.evals.suites.suite_files import read_suite_files

Write = Callable[[Sequence[dict[str, Any]]], Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Writes a suite of one kind."""

    def write(lines: Sequence[dict[str, Any]]) -> Path:
        (tmp_path / "suite.toml").write_text(
            'name = "t"\nversion = "1"\n[kinds.k]\nsamples = "k.jsonl"\ngraders = [{ check = "exact" }]\n'
        )
        (tmp_path / "k.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return tmp_path

    return write


def lines(count: int, **more: Any) -> list[dict[str, Any]]:
    """Samples that are like no other, of two labels."""
    return [{"id": f"s{n}", "input": f"w{n} v{n} u{n}", "target": "ab"[n % 2]} | more for n in range(count)]


def after(suite: Suite, plan: Plan) -> dict[str, str]:
    """The side of each sample when a plan is done."""
    return {sample.id: sample.split for sample in suite.samples} | {move.sample: move.becomes for move in plan.moves}


@pytest.mark.parametrize("share", [0.25, 0.5, 0.7])
def test_each_label_has_its_share_on_both_sides(written: Write, share: float) -> None:
    """Strata are filled one by one."""
    suite = read_suite(written(lines(40)))
    sides = after(suite, plan_split(suite, share))
    counts = Counter(sample.target for sample in suite.samples if sides[sample.id] == "heldout")
    assert counts == {"a": 20 * share, "b": 20 * share}


def test_a_split_is_the_same_everywhere_and_another_with_another_seed(written: Write) -> None:
    """Sides follow from ids and seed, and from no order of lines."""
    suite = read_suite(written(lines(40)))
    first = after(suite, plan_split(suite, 0.5))
    again = read_suite(written(lines(40)[::-1]))
    assert after(again, plan_split(again, 0.5)) == first
    assert after(suite, plan_split(suite, 0.5, seed=1)) != first


def test_groups_and_near_duplicates_stay_on_one_side(written: Write) -> None:
    """Whatever is asked to stay together does, across labels too."""
    long = " ".join(f"x{n}" for n in range(40))
    many = lines(40)
    for n in range(0, 20):
        many[n]["group"] = f"g{n // 4}"
    many[30]["input"], many[31]["input"] = long, long + " more"
    suite = read_suite(written(many))
    for seed in range(8):
        sides = after(suite, plan_split(suite, 0.5, seed=seed))
        assert all(len({sides[f"s{n}"] for n in range(start, start + 4)}) == 1 for start in range(0, 20, 4))
        assert sides["s30"] == sides["s31"]
        assert 17 <= sum(side == "heldout" for side in sides.values()) <= 23
    apart = [after(suite, plan_split(suite, 0.5, seed=seed, together=["group"])) for seed in range(8)]
    assert any(sides["s30"] != sides["s31"] for sides in apart)


def test_what_has_been_split_keeps_its_sides(written: Write) -> None:
    """A kind with dev samples moves only when that is forced."""
    many = lines(10)
    many[0]["split"] = "dev"
    suite = read_suite(written(many))
    plan = plan_split(suite, 0.5)
    assert plan.moves == ()
    assert plan.kinds[0].kept
    assert Counter(after(suite, plan_split(suite, 0.5, force=True)).values()) == {"dev": 5, "heldout": 5}


def test_torn_samples_are_told_and_stay(written: Write) -> None:
    """A near-duplicate on the other side is for a person to take out."""
    many = lines(10)
    many[0] |= {"split": "dev", "input": "the same"}
    many[1] |= {"split": "heldout", "input": "The same."}
    plan = plan_split(read_suite(written(many)), 0.5)
    assert (plan.moves, plan.torn) == ((), (("s0", "s1"),))


def test_new_samples_join_those_that_have_been_seen(written: Write, tmp_path: Path) -> None:
    """A free kind whose sample belongs to one of dev takes its side."""
    written([*lines(3, split="dev"), {"id": "s3", "input": "w", "target": "a"}])
    (tmp_path / "l.jsonl").write_text('{"id": "n", "input": "W0 v0, u0", "target": "z"}\n')
    file = tmp_path / "suite.toml"
    file.write_text(file.read_text() + '[kinds.l]\nsamples = "l.jsonl"\ngraders = [{ check = "exact" }]\n')
    plan = plan_split(read_suite(tmp_path), 0.9)
    assert [(move.sample, move.becomes) for move in plan.moves] == [("n", "dev")]


def test_only_named_kinds_move(written: Write) -> None:
    """A kind that was not named keeps its sides."""
    assert plan_split(read_suite(written(lines(10))), 0.5, kinds=("other",)).moves == ()


@pytest.mark.parametrize("share", [0.0, 1.0, float("nan")])
def test_a_share_is_between_nothing_and_all(written: Write, share: float) -> None:
    """Neither side may be empty on purpose."""
    with pytest.raises(EvalError, match="held out"):
        plan_split(read_suite(written(lines(4))), share)


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        (b'{"id":"a","split" : "heldout","input":"x"}\r\n', b'{"id":"a","split" : "dev","input":"x"}\r\n'),
        (b'{"input": "\\"split\\": {", "id": "a"}\n', b'{"input": "\\"split\\": {", "id": "a", "split": "dev"}\n'),
        (
            b'{"id": "a", "input": "x", "meta": {"split": "heldout", "l": ["split", {"split": 1}]} }',
            b'{"id": "a", "input": "x", "meta": {"split": "heldout", "l": ["split", {"split": 1}]}, "split": "dev"}',
        ),
        (
            b'{"id": "split", "input": "split", "spl\\u0069t": "heldout"}',
            b'{"id": "split", "input": "split", "spl\\u0069t": "dev"}',
        ),
    ],
)  # fmt: skip
def test_only_the_value_of_split_changes(line: bytes, changed: bytes) -> None:
    """Order, spaces, escapes and line ends stay; keys within other values are not taken for it."""
    assert with_split(line, "dev") == changed
    assert msgspec.json.decode(changed)["split"] == "dev"


def test_what_is_no_sample_is_not_changed() -> None:
    """A line that nobody could read is left to a person."""
    with pytest.raises(SuiteError):
        with_split(b'{"id": "a", "unknown": 1}', "dev")


def test_files_are_written_and_read_back(written: Write) -> None:
    """After writing, the suite is what the plan said; lines that do not move are the same bytes."""
    folder = written(lines(20))
    before = (folder / "k.jsonl").read_bytes().splitlines()
    suite = read_suite(folder)
    plan = plan_split(suite, 0.5)
    write_split(read_suite_files(folder), plan)
    again = read_suite(folder)
    assert {sample.id: sample.split for sample in again.samples} == after(suite, plan)
    moved = {move.sample for move in plan.moves}
    lines_after = (folder / "k.jsonl").read_bytes().splitlines()
    assert all(
        a == b for a, b, sample in zip(before, lines_after, suite.samples, strict=True) if sample.id not in moved
    )
    assert plan_split(again, 0.5).moves == ()
