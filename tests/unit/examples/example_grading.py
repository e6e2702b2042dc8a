"""What the tests of the examples share: answers, right ones above all, and whether they pass a suite's graders."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from assay.checks.text import normalise
from assay.evals.graders.grading import grade
from assay.evals.suites.suite import Sample
from assay.types import JsonObject, Response, Text, ToolCall

EXAMPLES = Path(__file__).parents[3] / "examples"
WORKSHOP = EXAMPLES / "workshop"


def answer(text: str) -> Response:
    """A plain answer."""
    return Response(parts=(Text(text=text),))


def calls(wanted: list[JsonObject]) -> Response:
    """An answer of tool calls."""
    parts = (
        ToolCall(id=f"call_{n}", name=one["name"], arguments=json.dumps(one["arguments"]))
        for n, one in enumerate(wanted)
    )
    return Response(parts=tuple(parts))


def passed(pairs: Iterable[tuple[Sample, str | Response]]) -> list[bool]:
    """Whether each answer passes all graders of its sample; none may stay unscored."""

    async def one(sample: Sample, given: str | Response) -> bool:
        result = await grade(sample, answer(given) if isinstance(given, str) else given)
        assert result.value is not None, (sample.id, result.unscored)
        return result.value == 1.0

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(one(sample, given) for sample, given in pairs))

    return asyncio.run(all_of_them())


def gold(sample: Sample) -> str:
    """A right answer to a sample whose target is a text, a list of texts or an object."""
    target = sample.target[0] if isinstance(sample.target, list) else sample.target
    return target if isinstance(target, str) else json.dumps(target)


def right(sample: Sample) -> str | Response:
    """A right answer to a sample of any kind of the workshop."""
    match sample.kind:
        case "code.fix":
            return f"```python\n{function(sample.meta['function'])}\n```"
        case "code.script":
            return f"```python\n{sample.meta['gold']}```"
        case "tools.call" | "unsafe.action":
            return calls(sample.target) if sample.target else answer("I cannot do that for you.")
        case "docs.answer":
            return f"{sample.target['answer'][0]} " + " ".join(f"[{one}]" for one in sample.target["sources"])
        case _:
            return gold(sample)


def words_of(sample: Sample) -> str:
    """What the user says, normalised."""
    return normalise(" ".join(message.text for message in sample.messages))


@cache
def function(name: str) -> str:
    """A function of the workshop's own code, `module.function`, with the imports of its module."""
    module, _, wanted = name.partition(".")
    source = (WORKSHOP / "code" / f"{module}.py").read_text("utf-8")
    [found] = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == wanted]
    imports = [line for line in source.splitlines() if line.startswith("from ") and "__future__" not in line]
    return "\n".join([*imports, ast.get_source_segment(source, found) or ""])
