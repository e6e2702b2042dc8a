"""Tests of promptfoo: in the configuration, in files beside it, or as rows of a CSV file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import SuiteError
from assay.evals.formats.intake import Intake
from assay.evals.formats.rows import rows_of
from assay.evals.formats.shapes import list_of, table_of
from assay.evals.formats.sources import Code, inside, json_lines, text, yaml_value
from assay.types import JsonObject

__all__ = ["Case", "expanded", "tests_of"]

_MOST_VARIANTS = 10_000
_THRESHOLD = re.compile(r"^(not-)?([a-z0-9:-]+?)(?:\((\d+(?:\.\d+)?)\))?(?::(.*))?$", re.DOTALL)
_WORDS = (
    "answer-relevance", "bleu", "classifier", "contains", "contains-all", "contains-any", "contains-html",
    "contains-json", "contains-sql", "contains-xml", "context-faithfulness", "context-recall", "context-relevance",
    "cost", "equals", "f-score", "factuality", "g-eval", "gleu", "icontains", "icontains-all", "icontains-any",
    "is-html", "is-json", "is-refusal", "is-sql", "is-valid-openai-function-call", "is-valid-openai-tools-call",
    "is-xml", "javascript", "latency", "levenshtein", "llm-rubric", "meteor", "model-graded-closedqa",
    "model-graded-factuality", "moderation", "perplexity", "perplexity-score", "python", "regex", "rouge-n",
    "select-best", "similar", "starts-with", "webhook", "word-count",
)  # fmt: skip
"""Kinds of assertions: a cell that begins with none of them is a text to be equal to."""

_OPTIONS_LOST = {
    "transform": "changes the answer by code before it is graded",
    "postprocess": "changes the answer by code before it is graded",
    "transformVars": "changes variables by code",
    "storeOutputAs": "hands an answer to the next test",
}
_NOT_A_SAMPLE = ("provider", "providers", "providerOutput", "assertScoringFunction")


class Case(NamedTuple):
    """A test as it was written, or what all tests have (`default`)."""

    description: str = ""
    vars: JsonObject = {}
    asserts: tuple[Any, ...] = ()
    metadata: JsonObject = {}
    lost: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    expand: bool = True

    @classmethod
    def default(cls, raw: object, folder: Path) -> Case:
        """`defaultTest`, which may stand in a file.

        Raises:
            SuiteError: it cannot be read.
        """
        if isinstance(raw, str):
            raw = yaml_value(inside(folder, raw), core=True)
        return cls.read(raw or {}, folder)

    @classmethod
    def read(cls, raw: object, folder: Path) -> Case:
        """One test.

        Raises:
            SuiteError: it is no test, or names a file that cannot be used.
        """
        if not isinstance(raw, Mapping):
            raise SuiteError(f"a test is a table with vars and assert, not {type(raw).__name__}")
        options = table_of(raw.get("options"), "options")
        lost = [f"its option {key!r} {why}" for key, why in _OPTIONS_LOST.items() if options.get(key)]
        lost += [f"its {key!r} is promptfoo's own" for key in _NOT_A_SAMPLE if raw.get(key)]
        if raw.get("threshold") not in (None, 1):
            lost.append("it passes by a weighted sum (threshold); here every grader must pass")
        metadata = table_of(raw.get("metadata"), "metadata")
        if metadata.get("conversationId") is not None:
            lost.append("it goes on with another test's conversation; write the turns into one test")
        return cls(
            description=str(raw.get("description") or ""),
            vars=_vars(raw.get("vars"), folder),
            asserts=tuple(list_of(raw.get("assert"), "assert")),
            metadata=metadata,
            lost=tuple(lost),
            prefix=str(options.get("prefix") or ""),
            suffix=str(options.get("suffix") or ""),
            expand=not options.get("disableVarExpansion"),
        )

    def with_test(self, test: Case) -> Case:
        """A test with what this one, the default, says for all: the test's own goes before."""
        return Case(
            description=test.description or self.description,
            vars={**self.vars, **test.vars},
            asserts=(*self.asserts, *test.asserts),
            metadata={**self.metadata, **test.metadata},
            lost=(*self.lost, *test.lost),
            prefix=test.prefix or self.prefix,
            suffix=test.suffix or self.suffix,
            expand=test.expand and self.expand,
        )


def expanded(test: Case) -> Iterator[Case]:
    """A test with each combination of the values of those variables that are lists.

    Raises:
        SuiteError: there are too many.
    """
    lists = {key: value for key, value in test.vars.items() if isinstance(value, list) and value} if test.expand else {}
    size = 1
    for value in lists.values():
        size *= len(value)
    if size > _MOST_VARIANTS:
        raise SuiteError(f"its variables have {size:,} combinations; the most that are taken is {_MOST_VARIANTS:,}")
    for chosen in itertools.product(*lists.values()):
        yield test._replace(vars={**test.vars, **dict(zip(lists, chosen, strict=True))})


def _vars(given: object, folder: Path) -> JsonObject:
    if isinstance(given, str):
        given = yaml_value(inside(folder, given), core=True)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise SuiteError(f"vars are a table, not {type(given).__name__}")
    return {str(key): _var(str(key), value, folder) for key, value in given.items()}


def _var(name: str, value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_var(name, one, folder) for one in value]
    if isinstance(value, Code):
        raise SuiteError(f"the variable {name!r} is code, which is not run here")
    if not isinstance(value, str) or not value.startswith("file://"):
        return value if isinstance(value, dict | str | int | float | None) else str(value)
    suffix = Path(value).suffix.lower()
    if suffix in (".yaml", ".yml", ".json"):
        return yaml_value(inside(folder, value), core=True)
    if suffix in (".txt", ".md", ".csv", ".html", ".xml", ""):
        return text(inside(folder, value)).strip()
    raise SuiteError(f"the variable {name!r} is the file {value!r}, which is code or no text")


# ------------------------------------------------------------------------------------------------- where tests are


def tests_of(config: Mapping[str, Any], folder: Path, intake: Intake, path: Path) -> Iterator[tuple[str, Any]]:
    """`(place, test as it was written)` of each test of a configuration, with those of its scenarios."""
    for number, test in enumerate(_listed(config.get("tests"), folder, intake, path), start=1):
        yield f"test {number}", test
    for place, scenario in enumerate(list_of(config.get("scenarios"), "scenarios"), start=1):
        with intake.place(path, f"scenario {place}"):
            if isinstance(scenario, str):
                scenario = yaml_value(inside(folder, scenario), core=True)
            whole = table_of(scenario, "scenario")
            shared = list_of(whole.get("config"), "config") or [{}]
            pairs = itertools.product(shared, _listed(whole.get("tests"), folder, intake, path))
            for inner, (settings, test) in enumerate(pairs, start=1):
                yield f"scenario {place}, test {inner}", _merged(settings, test)


def _merged(settings: Any, test: Any) -> JsonObject:
    """A test with what its scenario says."""
    first, own = table_of(settings, "config"), table_of(test, "test")
    return {
        **first,
        **own,
        "vars": {**table_of(first.get("vars"), "vars"), **table_of(own.get("vars"), "vars")},
        "assert": [*list_of(first.get("assert"), "assert"), *list_of(own.get("assert"), "assert")],
    }


def _listed(given: object, folder: Path, intake: Intake, path: Path) -> Iterator[Any]:
    for one in given if isinstance(given, list) else [given] if given is not None else ():
        if isinstance(one, Mapping) and "path" in one and "vars" not in one:
            one = one["path"]
        if not isinstance(one, str):
            yield one
            continue
        with intake.place(path, one):
            yield from _of_file(one, folder)


def _of_file(name: str, folder: Path) -> Iterator[Any]:
    """The tests of a file in the folder, or of all that a pattern with `*` names there."""
    plain = name.removeprefix("file://")
    if "://" in plain:
        raise SuiteError(f"the tests at {name!r} are not fetched; put them into a file beside the configuration")
    if Path(plain.partition(":")[0]).suffix.lower() in (".js", ".ts", ".cjs", ".mjs", ".py"):
        raise SuiteError(f"the tests of {name!r} are made by code, which is not run here; write them into a file")
    if "*" not in plain:
        yield from _written_in(inside(folder, plain))
        return
    pattern = Path(plain)
    found = [] if pattern.is_absolute() else sorted(folder.glob(plain))
    if not found:
        raise SuiteError(f"no file in {folder} is called {plain!r}")
    for path in found:
        yield from _written_in(inside(folder, str(path)))


def _written_in(file: Path) -> Iterator[Any]:
    suffix = file.suffix.lower()
    if suffix == ".csv":
        for row in rows_of(file):
            if row.wrong is not None:
                raise SuiteError(f"{file.name}, {row.place}: {row.wrong}")
            yield _of_row(row.values)
    elif suffix == ".jsonl":
        for number, value in json_lines(file):
            if isinstance(value, SuiteError):
                raise SuiteError(f"{file.name}, line {number}: {value}")
            yield value
    elif suffix in (".yaml", ".yml", ".json"):
        found = yaml_value(file, core=True)
        yield from found if isinstance(found, list) else [found]
    else:
        raise SuiteError(f"tests are read from .yaml, .json, .jsonl and .csv, not from {file.name!r}")


def _of_row(row: Mapping[str, str]) -> JsonObject:
    """A row of a CSV file: columns that begin with two underscores say what is expected, the others are variables."""
    test: JsonObject = {"vars": {}, "assert": [], "options": {}, "metadata": {}}
    for key, value in row.items():
        if key.startswith("__expected"):
            test["assert"] += [_written_out(value.strip())] if value.strip() else []
        elif key.startswith("__metadata:"):
            name, many = key.removeprefix("__metadata:").removesuffix("[]"), key.endswith("[]")
            if value.strip():
                found = [one.strip().replace("\\,", ",") for one in re.split(r"(?<!\\),", value)]
                test["metadata"][name] = found if many else value
        elif key in ("__prefix", "__suffix"):
            test["options"][key[2:]] = value
        elif key == "__description":
            test["description"] = value
        elif key == "__threshold":
            test["threshold"] = float(value) if value.strip() else None
        elif not key.startswith("__"):
            test["vars"][key] = value
    return test


def _written_out(expected: str) -> JsonObject:
    """An assertion that a CSV file has as one text: `icontains: ahoy`; a text without a known word must be equal."""
    for word, kind in (
        ("javascript", "javascript"),
        ("fn", "javascript"),
        ("eval", "javascript"),
        ("python", "python"),
    ):
        if expected.startswith(f"{word}:"):
            return {"type": kind, "value": expected.partition(":")[2].strip()}
    if expected.startswith("grade:"):
        return {"type": "llm-rubric", "value": expected.removeprefix("grade:")}
    if expected.startswith("file://"):
        return {"type": "python" if ".py" in expected else "javascript", "value": expected}
    found = _THRESHOLD.match(expected)
    if found is None or found[2] not in _WORDS:
        return {"type": "equals", "value": expected}
    value = (found[4] or "").strip()
    test: JsonObject = {"type": f"{found[1] or ''}{found[2]}"}
    if found[3]:
        test["threshold"] = float(found[3])
    if value:
        test["value"] = value
    return test
