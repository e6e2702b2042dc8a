"""Stop texts where the upstream knows none: the cut is exact, whatever the pieces are."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstreams import ask, host, well

from assay.inference.spine import Spine
from assay.inference.stops import StopCut
from assay.inference.trace import Trace
from assay.types import Event, Finish, Finished, ReasoningDelta, Response, Sampling, TextDelta, ToolCallDelta, fold

MakeSpine = Callable[..., Spine]

END = Finished(finish=Finish(kind="length", native="max"))


def cut(stops: tuple[str, ...], *events: Event) -> Response:
    """The answer as it is handed on."""
    cutter = StopCut(stops)
    return fold([told for event in events for told in cutter.take(event)] + cutter.close())


@given(st.text("abX", max_size=30), st.lists(st.text("abX", min_size=1, max_size=4), min_size=1, max_size=3), st.data())
def test_cut_is_where_the_first_complete_stop_text_begins(text: str, stops: list[str], data: st.DataObject) -> None:
    """However the text is cut into pieces, it ends where it would have ended in one piece."""
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    response = cut(tuple(stops), *(TextDelta(text=piece) for piece in pieces), END)
    found = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    assert response.text == (text[: min(found)[1]] if found else text)
    assert response.finish is not None
    assert response.finish.kind == ("stop" if found else "length")
    assert (response.finish.stop_sequence is not None) == bool(found)


def test_nothing_follows_a_cut() -> None:
    """After a stop text neither a call nor more text is handed on; another choice goes on."""
    response = cut(
        ("END",),
        TextDelta(text="one E"),
        TextDelta(text="ND two"),
        ToolCallDelta(index=0, id="c", name="f"),
        TextDelta(text="other", choice=1),
        END,
    )
    assert (response.text, response.tool_calls) == ("one ", ())
    assert response.alternatives[0].text == "other"
    assert response.finish == Finish(kind="stop", native="stop", stop_sequence="END")


def test_what_waits_is_handed_on_before_anything_else() -> None:
    """The beginning of a stop text that was none keeps its place before what follows, and at the end."""
    cutter = StopCut(("END",))
    told = [
        event
        for one in (TextDelta(text="EN"), ReasoningDelta(text="r"), TextDelta(text="E"))
        for event in cutter.take(one)
    ]
    assert [*told, *cutter.close()] == [TextDelta(text="EN"), ReasoningDelta(text="r"), TextDelta(text="E")]


@pytest.mark.parametrize("block", [1, None])
def test_a_stop_text_does_not_reach_over_a_border(block: int | None) -> None:
    """Two parts are two texts: only together they look like the stop text."""
    response = cut(("END",), TextDelta(text="EN", block=0), TextDelta(text="D", block=block), END)
    assert response.text == "END"
    assert response.finish == END.finish


async def test_a_host_without_stop_texts_has_its_answer_cut(make_spine: MakeSpine) -> None:
    """The host is not told of them, its answer is cut, its usage still counts; the record says what was emulated."""
    config = (
        '[deployments.up]\nmodel = "x/up"\ndialect = "openai"\nbase_url = "{}"\n'
        'price_usd_per_mtok = {{ input = 1.0, output = 2.0 }}\nquirks = {{ capabilities = {{ stop = "emulate" }} }}\n'
    )
    trace = Trace()
    async with host(well) as up:
        request = ask(sampling=Sampling(max_tokens=50, stop=("ther",)), stream=True)
        response = await make_spine(config.format(up.url)).answer(request, "up", trace)
        assert "stop" not in up.seen[0].json
    assert response.text == "hello "
    assert response.finish == Finish(kind="stop", native="stop", stop_sequence="ther")
    assert response.usage is not None
    assert trace.records[0].emulated == ("stop",)
    assert trace.cost[1] == "measured"
