"""promptfoo's configuration: every test with every prompt is a sample, its assertions are graders.

Prompts belong to deployments here, and a suite holds what is asked. A prompt is therefore filled in with a test's
variables; several prompts become several kinds with the same tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from assay.errors import SuiteError
from assay.evals.formats.carried import KEY
from assay.evals.formats.intake import Intake, Item
from assay.evals.formats.promptfoo_asserts import Asserts
from assay.evals.formats.promptfoo_prompts import Prompt, filled, prompts_of
from assay.evals.formats.promptfoo_providers import provider_names, suggested
from assay.evals.formats.promptfoo_tests import Case, expanded, tests_of
from assay.evals.formats.shapes import table_of
from assay.evals.formats.sources import yaml_value
from assay.types import JsonObject

__all__ = ["read"]

_ELSEWHERE = {
    "outputPath": "where results go",
    "sharing": "sharing of results",
    "env": "variables of the environment",
    "evaluateOptions": "how fast and how often to ask; see `assay eval --help`",
    "commandLineOptions": "how fast and how often to ask; see `assay eval --help`",
    "extensions": "code that promptfoo runs around tests",
    "redteam": "attacks that promptfoo generates; import the tests that it wrote",
    "nunjucksFilters": "filters of templates, which are code",
    "derivedMetrics": "figures made of several metrics",
    "writeLatestResults": "where results go",
}
_SUGGESTED = "suggested-assay.toml"
_KNOWN = {"description", "tags", "prompts", "providers", "targets", "tests", "scenarios", "defaultTest", "metadata"}


def read(paths: Sequence[Path], intake: Intake) -> None:
    """Take every test of every configuration.

    Raises:
        SuiteError: a file is no configuration of promptfoo, or one that it names cannot be used.
    """
    for path in paths:
        config = yaml_value(path, intake.reading.encoding, core=True)
        if not isinstance(config, dict) or not ("tests" in config or "scenarios" in config):
            raise SuiteError(f"{path} holds no tests or scenarios; is it a configuration of promptfoo?")
        _Config(path, config, intake).read()


class _Config:
    """One configuration.

    Args:
        path: its file; what it names must be in the same folder.
        config: what is in it.
        intake: takes the samples.
    """

    def __init__(self, path: Path, config: JsonObject, intake: Intake) -> None:
        self._path, self._config, self._intake = path, config, intake
        self._folder = path.resolve().parent
        self._default = Case.default(config.get("defaultTest"), self._folder)
        self._asserts = Asserts(self._folder, table_of(config.get("assertionTemplates"), "assertionTemplates"), intake)
        self._name = intake.reading.kind or _named(path)

    def read(self) -> None:
        """Take every test with every prompt."""
        self._tell()
        prompts = list(prompts_of(self._config.get("prompts"), self._folder, self._intake, self._path))
        if not prompts:
            raise SuiteError(f"{self._path}: none of its prompts can be used; see what was refused")
        if len(prompts) > 1:
            self._intake.note(f"{len(prompts)} prompts became as many kinds; ask one kind to compare models alone")
        for prompt in prompts:
            kind = self._name if len(prompts) == 1 else f"{self._name}.{prompt.label}"
            kinds = {kind}
            for place, test in self._tests():
                with self._intake.place(self._path, place):
                    for number, one in enumerate(expanded(test), start=1):
                        kinds.add(self._take(kind, place if number == 1 else f"{place}, variant {number}", prompt, one))
            for name in kinds:
                limit = self._asserts.latency_s(self._default.asserts)
                self._intake.describe(name, description=str(self._config.get("description") or ""), p95_latency_s=limit)

    def _tests(self) -> Iterator[tuple[str, Case]]:
        for place, raw in tests_of(self._config, self._folder, self._intake, self._path):
            with self._intake.place(self._path, place):
                yield place, self._default.with_test(Case.read(raw, self._folder))

    def _take(self, kind: str, place: str, prompt: Prompt, test: Case) -> str:
        block = test.metadata.get(KEY)
        meta = {key: value for key, value in test.metadata.items() if key != KEY}
        if test.description:
            meta["description"] = test.description
        graded = self._asserts.graders(test.asserts, test.vars)
        lost = (*test.lost, *graded.lost)
        shown = filled(prompt, test)
        item = Item(
            shown,
            target=graded.target,
            graders=graded.graders,
            lost=lost,
            meta={**meta, "vars": test.vars},
            carried=block,
        )
        return self._intake.take(kind, self._path, place, item)

    def _tell(self) -> None:
        if providers := provider_names(self._config):
            self._intake.files[_SUGGESTED] = suggested(providers, self._path.name).encode("utf-8", "replace")
            self._intake.note(f"providers belong into assay.toml, see {_SUGGESTED}: {', '.join(providers)}")
        for key in self._config:
            if key in _ELSEWHERE:
                self._intake.note(f"{self._path.name}: {key!r} is not carried over: {_ELSEWHERE[key]}")
            elif key not in _KNOWN and key not in ("assertionTemplates", "$schema"):
                self._intake.note(f"{self._path.name}: the key {key!r} is not known here and not carried over")


def _named(path: Path) -> str:
    """A kind is called after the file, or after the folder where the file has the usual name."""
    stem = path.name.split(".")[0]
    return path.resolve().parent.name if stem == "promptfooconfig" else stem
