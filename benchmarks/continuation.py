"""Whether a local model goes on with a cut answer as it would have: `python -m benchmarks.continuation [--json]`.

The demo's model answers prompts of our own at temperature 0; each answer is cut after so many pieces, continued as
`inference.continuation` asks for it, and held against the uninterrupted text, as far as the shorter one goes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from assay.app import open_app
from assay.inference.continuation import Joint, continued
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.providers.provider import Meter
from assay.types import Message, Request, Sampling, TextDelta

CONFIG = """
[deployments.chat]
model = "huggingfacetb/smollm2-135m-instruct"
dialect = "local"
engine = { context_tokens = 512, slots = 1 }
[deployments.text]
model = "huggingfacetb/smollm2-135m-instruct"
dialect = "local"
engine = { context_tokens = 512, slots = 1 }
settings = { style = "text" }
"""
PROMPTS = ("Write two sentences about bicycles.", "List three colours, one per line.", "Say why water is wet.")
CUTS = (3, 7, 12, 20, 30)


class Cut(NamedTuple):
    """One answer that was cut and continued; `same`: the text is the uninterrupted one."""

    style: str
    prompt: str
    pieces: int
    same: bool
    text: str
    wanted: str


async def _pieces(spine: Spine, target: str, request: Request) -> tuple[list[TextDelta], str]:
    """The pieces of an answer, and the white space before it."""
    trace = Trace()
    async with aclosing(spine.generate(request, target, trace)) as events:
        pieces = [event async for event in events if isinstance(event, TextDelta)]
    return pieces, trace.records[0].leading


async def _continued(live: LiveDeployment, request: Request, begun: list[TextDelta], leading: str) -> str:
    text = "".join(piece.text for piece in begun)
    asked = live.attempted(request, untouched=False)
    asked = asked._replace(request=continued(asked.request, leading + text))
    joint = Joint([*begun], None)
    async with aclosing(live.provider.stream(asked, Meter())) as events:
        async for event in events:
            told = joint.follow(event)
            text += told.text if isinstance(told, TextDelta) else ""
    return text


async def measure() -> list[Cut]:
    """All cuts of all answers."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "assay.toml"
        config.write_text(CONFIG)
        async with open_app(config) as app:
            for style in ("chat", "text"):
                live = app.spine.targets[style]
                assert isinstance(live, LiveDeployment)
                for prompt in PROMPTS:
                    asked = (Message.of("user", prompt),)
                    request = Request(messages=asked, stream=True, sampling=Sampling(max_tokens=40))
                    pieces, leading = await _pieces(app.spine, style, request)
                    wanted = "".join(piece.text for piece in pieces)
                    for cut in (number for number in CUTS if number < len(pieces)):
                        text = await _continued(live, request, pieces[:cut], leading)
                        size = min(len(text), len(wanted))
                        found.append(Cut(style, prompt, cut, text[:size] == wanted[:size], text, wanted))
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    cuts = asyncio.run(measure())
    if given.json:
        print(json.dumps([cut._asdict() for cut in cuts], indent=2))
        return
    for cut in cuts:
        if not cut.same:
            print(f"{cut.style}, {cut.pieces} pieces of {cut.prompt!r}:\n  {cut.text!r}\n  {cut.wanted!r}")
    print(f"{sum(cut.same for cut in cuts)} of {len(cuts)} continued answers are the uninterrupted ones")


if __name__ == "__main__":
    main()
