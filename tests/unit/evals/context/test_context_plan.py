"""What is asked: lengths and depths as people write them, and what it takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.errors import ConfigError
from assay.evals.context.plan import (
    Grid,
    Quoted,
    budget,
    default_lengths,
    depths_of,
    lengths_of,
    place_of,
    quoted,
)
from assay.inference.spine import Spine

UNKNOWN = Quoted(model=None, engine=None)
MakeSpine = Callable[..., Spine]


@pytest.mark.parametrize(
    ("text", "lengths"),
    [("1k", (1024,)), ("4096, 1k,2K", (1024, 2048, 4096)), ("1M", (1_048_576,)), ("900,900", (900,))],
)
def test_lengths_as_they_are_written(text: str, lengths: tuple[int, ...]) -> None:
    """K is 1,024 and M its square; ascending, each once."""
    assert lengths_of(text) == lengths


@pytest.mark.parametrize("text", ["", "1k,", "4.5k", "-1", "0", "long", "1g", "1_000"])
def test_what_is_no_length(text: str) -> None:
    """It is refused with the form that is expected."""
    with pytest.raises(ConfigError, match="such as 4096 or 4k"):
        lengths_of(text)


def test_depths_as_they_are_written() -> None:
    """Whole numbers of percent, ascending."""
    assert depths_of("100, 0,50") == (0, 50, 100)
    for wrong in ("101", "-5", "1.5", "", "half"):
        with pytest.raises(ConfigError, match="from 0 to 100"):
            depths_of(wrong)


@pytest.mark.parametrize(
    ("said", "lengths"),
    [
        (Quoted(model=8192, engine=2048), (1024, 2048)),
        (Quoted(model=10_000, engine=None), (1024, 2048, 4096, 8192, 10_000)),
        (UNKNOWN, (1024, 2048, 4096, 8192)),
        (Quoted(model=1024, engine=None), (1024,)),
        (Quoted(model=700, engine=None), (700,)),
    ],
)
def test_lengths_by_default(said: Quoted, lengths: tuple[int, ...]) -> None:
    """Powers of two up to the smaller of what model and engine have, which is the last one."""
    assert default_lengths(said, 32) == lengths


def test_lengths_by_default_have_room_for_thinking() -> None:
    """Where an answer may take 2,048 tokens the first length is the first power of two that holds a text beside it."""
    assert default_lengths(Quoted(model=16_384, engine=None), 2048) == (4096, 8192, 16_384)
    assert default_lengths(UNKNOWN, 4096) == (8192, 16_384)


def test_a_length_without_room_is_refused(grid: Callable[..., Grid]) -> None:
    """A text needs some tokens beside its answer."""
    with pytest.raises(ConfigError, match="the shortest is 512"):
        grid(lengths=(100, 2048))


def test_a_place_and_its_name(grid: Callable[..., Grid]) -> None:
    """Each prompt has a name of its own, which says where it stands; other names are of no grid."""
    places = list(grid("needle", "hops").places())
    assert len({one.id for one in places}) == len(places) == 40
    assert [place_of(one.id) for one in places] == places
    assert place_of("tickets-1") is None


PRICED = """
[deployments.a]
model = "x/a"
dialect = "scripted"
script = "a.json"
price_usd_per_mtok = { input = 2.0, output = 10.0 }
[deployments.b]
model = "x/b"
dialect = "scripted"
script = "a.json"
[routes.both]
candidates = ["a", "b"]
"""


def test_what_a_grid_takes(make_spine: MakeSpine, grid: Callable[..., Grid]) -> None:
    """10 prompts of 1,024 and 10 of 2,048 tokens, 32 of each for the answer; a price that nobody knows is unknown."""
    spine = make_spine(PRICED, {"a.json": {}})
    found = budget(spine, "a", grid())
    assert (found.prompts, found.input_tokens, found.output_tokens) == (20, 30_080, 640)
    assert found.usd == pytest.approx(30_080 * 2e-6 + 640 * 10e-6)
    assert budget(spine, "both", grid()).usd is None


def test_what_is_quoted(make_spine: MakeSpine) -> None:
    """The catalogue's context of the model and the engine's own; a route has its shortest."""
    local = '[deployments.{}]\nmodel = "{}"\ndialect = "local"\nengine = {{ context_tokens = {} }}\n'
    toml = local.format("s", "huggingfacetb/smollm2-135m-instruct", 4096)
    toml += local.format("q", "qwen/qwen2.5-coder-0.5b-instruct", 1024)
    spine = make_spine(toml + '[routes.r]\ncandidates = ["s", "q"]\n')
    assert quoted(spine, "s").tokens == 4096
    assert quoted(spine, "s").model == 8192
    assert quoted(spine, "r").engine == 1024
