"""A world in which prompts matter: a scripted model that does its work only when its prompt shows what is wanted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from assay.decision.adapting.adapting import Adapting
from assay.decision.adapting.search import Searching
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.spine import Spine

WORDS = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath", "islet", "jetty", "knoll", "lagoon")

FOLLOWS_EXAMPLES = {
    "rules": [{"match": r"(?s)=> \w+\n\n.*say (\w+) \w+ =>$", "answer": "{1}"}],
    "default": "what?",
}
"""Says the word when it has seen an example, and nothing useful otherwise."""

TEXT = 'settings = { style = "text", template = "{input} =>", max_tokens = 8 }\n'


def sample(number: int, split: str = "dev", **more: Any) -> dict[str, Any]:
    """A line of the suite: the word is to be said back. No two resemble each other."""
    word = f"{WORDS[number % len(WORDS)]}{number}"
    return {"id": f"{split}{number:03d}", "input": f"say {word} {split}{number}", "target": word, "split": split} | more


def some(dev: int = 12, heldout: int = 10) -> list[dict[str, Any]]:
    """So many samples of each side."""
    return [*(sample(n) for n in range(dev)), *(sample(100 + n, "heldout") for n in range(heldout))]


class PromptWorld:
    """Builds suites and scripted deployments; `calls` are the requests that reached a model, by deployment's script."""

    def __init__(self, folder: Path, make_spine: Callable[..., Spine]) -> None:
        self.folder = folder
        self.calls: list[str] = []
        self._make = make_spine

    def suite(self, kinds: Mapping[str, Iterable[dict[str, Any]]], **options: str) -> Suite:
        """A suite of these samples by kind; `options` are more lines of a kind."""
        place = self.folder / "suite"
        place.mkdir(exist_ok=True)
        toml = 'name = "prompts"\nversion = "1"\n'
        for kind, lines in kinds.items():
            own = [line | {"id": f"{kind}.{line['id']}"} for line in lines]
            (place / f"{kind}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in own))
            graders = "" if "graders" in options.get(kind, "") else 'graders = [{ check = "exact" }]\n'
            toml += f'[kinds.{kind}]\nsamples = "{kind}.jsonl"\n{graders}{options.get(kind, "")}\n'
        (place / "suite.toml").write_text(toml)
        return read_suite(place)

    def spine(self, more: str = "", **scripts: dict[str, Any]) -> Spine:
        """A scripted deployment of each name, asked in one text; `more` is further TOML."""
        toml = "".join(
            f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "scripted"\nscript = "{name}.json"\nretries = 0\n'
            f"price_usd_per_mtok = {{ input = 1, output = 1 }}\n{TEXT}"
            for name in scripts
        )
        return self._make(toml + more, {f"{name}.json": script for name, script in scripts.items()})

    def adapting(self, spine: Spine, suite: Suite, answers: int = 64, seed: int = 0, **options: Any) -> Adapting:
        """A call of `--adapt` on all kinds of a suite."""
        searching = Searching(answers=answers, seed=seed, on_result=options.pop("on_result", None))
        return Adapting(spine, suite, options.pop("kinds", tuple(suite.kinds)), searching, **options)
