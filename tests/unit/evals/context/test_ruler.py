"""Lengths in a target's own tokens: counted, billed, or said to be estimates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.evals.context.plan import Grid
from assay.evals.context.ruler import ASSUMED, measured_ruler
from assay.evals.context.suite import suite_of
from assay.inference.spine import Spine

Readers = Callable[..., Any]
SpineWith = Callable[[Any], Spine]


@pytest.mark.parametrize("counts", [True, False])
async def test_prompts_have_the_length_they_should(
    reader: Readers, spine_with: SpineWith, grid: Callable[..., Grid], counts: bool
) -> None:
    """By a count or by the bill: each prompt with its answer's room is not longer than its length, nor much shorter."""
    spine = spine_with(reader(counts=counts))
    ruler = await measured_ruler(spine, "m", 1024)
    assert ruler.basis == ("counted" if counts else "billed")
    lengths = (1024, 2048, 8192, 32_768)
    for sample in suite_of(grid("needle", "hops", "latest", lengths=lengths, repeats=1), ruler).samples:
        length, words = sample.meta["length"], len(sample.messages[0].text.split())
        assert 0.93 * length - 40 < words + 32 <= length, sample.id


async def test_a_count_asks_no_model(reader: Readers, spine_with: SpineWith) -> None:
    """Where the target counts, nothing is answered for it."""
    one = reader()
    await measured_ruler(spine_with(one), "m", 1024)
    assert one.asked == []


async def test_a_bill_is_asked_once(reader: Readers, spine_with: SpineWith) -> None:
    """Two prompts, none longer than the shortest that is to be asked; the cache has them the next time."""
    one = reader(counts=False)
    spine = spine_with(one)
    first = await measured_ruler(spine, "m", 600)
    assert len(one.asked) == 2
    assert max(len(text.split()) for text in one.asked) <= 600
    assert await measured_ruler(spine, "m", 600) == first
    assert len(one.asked) == 2


async def test_nobody_tells_tokens(reader: Readers, spine_with: SpineWith) -> None:
    """Then lengths are estimates, and it is said."""
    ruler = await measured_ruler(spine_with(reader(counts=False, bills=False)), "m", 1024)
    assert ruler == ASSUMED
    assert "estimates" in ruler.told


async def test_a_suite_is_named_by_what_it_is_made_from(grid: Callable[..., Grid]) -> None:
    """Other lengths, tasks and repeats belong to the same suite; another seed, ruler or room makes another."""
    whole = suite_of(grid(), ASSUMED).digest
    assert suite_of(grid("hops", lengths=(4096,), repeats=9), ASSUMED).digest == whole
    others = {suite_of(grid(seed=1), ASSUMED).digest, suite_of(grid(), _other()).digest}
    assert len({*others, whole}) == 3


async def test_a_prompt_is_the_same_in_every_grid(grid: Callable[..., Grid]) -> None:
    """What a sample asks rests on its own name and the seed alone."""
    some, more = suite_of(grid(), ASSUMED), suite_of(grid("needle", "latest", lengths=(1024,), repeats=3), ASSUMED)
    mine = {one.id: one.messages for one in some.samples}
    same = [one.id for one in more.samples if one.id in mine]
    assert len(same) == 10
    assert all(one.messages == mine[one.id] for one in more.samples if one.id in mine)


def _other() -> Any:
    from msgspec.structs import replace

    return replace(ASSUMED, chars_per_token=5.0)
