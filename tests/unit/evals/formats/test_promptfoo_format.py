"""promptfoo's configurations."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from round_trip import Imported, comes_back, exported, imported, passes

from assay.errors import SuiteError
from assay.evals.formats.promptfoo_providers import suggested

CONFIG = """
description: Post of a workshop
prompts: [file://prompts/ask.txt]
providers: [openai:gpt-4.1-mini, {id: anthropic:messages:claude, config: {apiKey: sk-never-shown}}]
outputPath: out.csv
defaultTest:
  vars: {firm: Velo}
  assert: [{type: latency, threshold: 2500}]
  metadata: {team: post}
tests:
  - description: greets
    vars: {body: Yes}
    assert: [{type: icontains, value: "{{ firm }}"}, {$ref: "#/assertionTemplates/polite"}]
  - vars: {body: [one, two]}
    assert: [{type: equals, value: "It is {{body}}"}]
  - vars: {body: file://prompts/letter.txt}
    assert: [{type: llm-rubric, value: "Is it kind?"}, {type: factuality, value: 5 days}]
  - vars: {body: x}
    assert: [{type: javascript, value: output.length < 5}, {type: contains, value: a}]
  - vars: {body: "{{ firm }} & co"}
    assert:
      - type: assert-set
        assert: [{type: not-contains-any, value: 'a, "b, c"'}, {type: not-is-json}]
  - vars: {body: x}
  - vars: {other: x}
    assert: [{type: contains, value: a}]
  - vars: {body: x}
    threshold: 0.5
    assert: [{type: contains, value: a}]
  - file://more.csv
assertionTemplates:
  polite: {type: starts-with, value: Dear}
"""
CSV = '''body,__expected,__expected2,__metadata:tags[],__description
b1,icontains:ahoy,"contains-any: a, ""b, c""","x,y",first
b2,plain text,,,
b3,"not-equals: no",,,
b4,python: len(output),,,
'''


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with files beside it."""
    folder = tmp_path / "post"
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "ask.txt").write_text("Firm {{firm}}: {{ body }}\n")
    (folder / "prompts" / "letter.txt").write_text("a letter\n")
    (folder / "more.csv").write_text(CSV)
    path = folder / "promptfooconfig.yaml"
    path.write_text(CONFIG)
    return path


def by_input(made: Imported) -> dict[str, Any]:
    """The samples by what they ask."""
    return {sample["input"]: sample for sample in made.samples.values()}


def test_tests_become_samples_and_assertions_graders(config: Path, tmp_path: Path) -> None:
    """Variables are filled in as promptfoo does it; `Yes` is a text; files and rows are read; lists are each taken."""
    made = imported("promptfoo", config, tmp_path / "suite")
    found = by_input(made)
    first = found["Firm Velo: Yes"]
    assert first["kind"] == "post"
    assert first["graders"] == [
        {"check": "contains", "all": ["Velo"], "ignore": "case"},
        {"check": "contains", "at": "start", "all": ["Dear"]},
    ]
    assert first["meta"] == {"team": "post", "description": "greets", "vars": {"firm": "Velo", "body": "Yes"}}
    assert found["Firm Velo: two"]["target"] == "It is two"
    assert found["Firm Velo: a letter"]["target"] == "5 days"
    assert [one["grader"] for one in found["Firm Velo: a letter"]["graders"]] == ["judge", "judge"]
    assert found["Firm Velo: Velo & co"]["graders"][0] == {"check": "contains", "none": ["a", "b, c"]}
    assert found["Firm Velo: b1"]["meta"]["tags"] == ["x", "y"]
    assert found["Firm Velo: b2"]["target"] == "plain text"
    assert "p95_latency_s = 2.5" in (made.folder / "suite.toml").read_text()


def test_what_is_no_sample_is_told_by_its_name(config: Path, tmp_path: Path) -> None:
    """Code, tests without an assertion or a variable, weighted sums: a reason each; keys of providers are not shown."""
    made = imported("promptfoo", config, tmp_path / "suite")
    assert "1: 'javascript' is code of promptfoo's" in made.reasons
    assert "nothing says what a right answer is" in made.reasons
    assert "there is no value for 'body'" in made.reasons
    assert "weighted sum" in made.reasons
    assert "1: 'python' is code" in made.reasons
    told = "\n".join(made.notes)
    assert "see suggested-assay.toml: openai:gpt-4.1-mini, anthropic:messages:claude" in told
    assert "sk-never-shown" not in told
    assert "'outputPath' is not carried over" in told


def test_a_part_of_the_graders_is_taken_where_that_is_wanted(config: Path, tmp_path: Path) -> None:
    """With `partial` a sample is taken with what is left, and says what was left out."""
    made = imported("promptfoo", config, tmp_path / "suite", partial=True)
    found = [one for one in made.samples.values() if "'javascript' is code" in str(one["meta"].get("left_out"))]
    assert [one["graders"] for one in found] == [[{"check": "contains", "all": ["a"]}]]


def test_a_configuration_comes_back_as_it_was(config: Path, tmp_path: Path) -> None:
    """Inputs, targets, graders, ids and meta; the limit on latency too."""
    made = imported("promptfoo", config, tmp_path / "suite")
    again = comes_back("promptfoo", made, tmp_path, "back.yaml")
    assert "p95_latency_s = 2.5" in (again.folder / "suite.toml").read_text()
    comes_back("promptfoo", again, tmp_path, "back2.yaml")


def test_a_change_made_in_the_other_tool_counts(config: Path, tmp_path: Path) -> None:
    """An assertion that somebody changed is read anew, and code that somebody added is refused."""
    made = imported("promptfoo", config, tmp_path / "suite")
    exported("promptfoo", made.folder, tmp_path / "c.yaml")
    value = yaml.safe_load((tmp_path / "c.yaml").read_text())
    value["tests"][0]["assert"] = [{"type": "contains", "value": "new"}]
    value["tests"][1]["assert"].append({"type": "javascript", "value": "true"})
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(value))
    again = imported("promptfoo", tmp_path / "c.yaml", tmp_path / "again")
    first, second = value["tests"][0]["metadata"]["assay"]["id"], value["tests"][1]["metadata"]["assay"]["id"]
    assert again.samples[first]["graders"] == [{"check": "contains", "all": ["new"]}]
    assert second not in again.samples
    assert "'javascript' is code" in again.reasons


PAIRS = [
    ({"type": "equals", "value": 5}, "5", "5.0"),
    ({"type": "equals", "value": {"a": 1}}, '{"a": 1}', "{'a': 1}"),
    ({"type": "not-equals", "value": "a"}, "b", "a"),
    ({"type": "contains", "value": "Grub"}, "Grub!", "grub"),
    ({"type": "icontains-all", "value": ["a", "B"]}, "bA", "a"),
    ({"type": "contains-any", "value": "x, y"}, "y", "z"),
    ({"type": "not-contains-all", "value": ["a", "b"]}, "a", "ab"),
    ({"type": "not-icontains", "value": "a"}, "b", "A"),
    ({"type": "starts-with", "value": "Yes"}, "Yes, so", "Oh Yes"),
    ({"type": "regex", "value": r"^(?<day>\d\d?)\/\w+$"}, "4/May", "4/May\n"),
    ({"type": "not-regex", "value": "a{2}"}, "a", "aa"),
    ({"type": "is-json"}, "[1]", "so: [1]"),
    ({"type": "is-json", "value": {"type": "object", "required": ["a"]}}, '{"a": 1}', '{"b": 1}'),
    ({"type": "is-json", "value": "required: [a]\ntype: object"}, '{"a": 1}', "{}"),
    ({"type": "contains-json", "value": {"required": ["a"]}}, 'Here: {"a": 1}.', 'Here: {"b": 1}.'),
    ({"type": "not-contains-json"}, "none", "one {}"),
]


@pytest.mark.parametrize(("assertion", "right", "wrong"), PAIRS, ids=[str(pair[0]["type"]) for pair in PAIRS])
def test_a_grader_decides_as_the_assertion_does(
    assertion: dict[str, Any], right: str, wrong: str, tmp_path: Path
) -> None:
    """An answer that passes there passes here, one that fails there fails here, and the assertion comes back."""
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"prompts": ["ask"], "tests": [{"assert": [assertion]}]}))
    made = imported("promptfoo", path, tmp_path / "suite")
    (identity,) = made.samples
    assert passes(made.folder, identity, right)
    assert passes(made.folder, identity, wrong) is False
    comes_back("promptfoo", made, tmp_path, "back.yaml")


@pytest.mark.parametrize(
    ("assertion", "why"),
    [
        ({"type": "similar", "value": "a"}, "compares embeddings"),
        ({"type": "not-llm-rubric", "value": "a"}, "the other way round"),
        ({"type": "llm-rubric", "value": "a", "threshold": 0.8}, "write into the rubric"),
        ({"type": "regex", "value": "a{b}(?<"}, "none of Python"),
        ({"type": "contains", "value": ""}, "needs a text"),
        ({"type": "contains", "value": "file://x.js"}, "is a file of code"),
        ({"type": "is-json", "value": "file://../../secret.json"}, "stands outside of"),
        ({"type": "contains", "value": "{{ body | upper }}"}, "more than a plain name"),
        ({"type": "contains", "value": "{% if a %}"}, "only plain"),
        ({"type": "contains", "value": "a", "transform": "output.trim()"}, "by code before it is graded"),
        ({"type": "rouge-n", "value": "a"}, "has no grader here"),
        ({"value": "a"}, "has no type"),
    ],
)
def test_what_has_no_grader_says_why(assertion: dict[str, Any], why: str, tmp_path: Path) -> None:
    """By the assertion's name, and without reading what is not in the folder."""
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"prompts": ["ask"], "tests": [{"assert": [assertion]}]}))
    assert why in imported("promptfoo", path, tmp_path / "suite").reasons


def test_prompts_are_kinds_and_conversations_turns(tmp_path: Path) -> None:
    """Several prompts become as many kinds; JSON is a conversation; code is refused; scenarios are each with each."""
    path = tmp_path / "c.yaml"
    path.write_text(
        textwrap.dedent("""
        prompts:
          - {label: short one, raw: "Say {{a}}"}
          - '[{"role": "system", "content": "Be {{ b.c }}"}, {"role": "user", "content": "{{a}}"}]'
          - file://prompt.py
        scenarios:
          - config: [{vars: {b: {c: kind}}}, {vars: {b: '{"c": "short"}'}}]
            tests: [{vars: {a: hi}, assert: [{type: contains, value: hi}]}]
        """)
    )
    made = imported("promptfoo", path, tmp_path / "suite", kind="talk")
    kinds = [one["kind"] for one in made.samples.values()]
    assert sorted(set(kinds)) == ["talk.2", "talk.short-one"]
    turns = [one["messages"][0]["content"] for one in made.samples.values() if "messages" in one]
    assert turns == ["Be kind", "Be short"]
    assert "the prompt 'file://prompt.py' is code" in made.reasons
    comes_back("promptfoo", made, tmp_path, "back.yaml")


def test_an_export_never_passes_what_the_suite_would_not(tmp_path: Path) -> None:
    """What promptfoo cannot grade, or would fill in, is refused; a sample that it grades in part keeps its graders."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "suite.toml").write_text(
        'name = "s"\nversion = "1"\n[kinds.a]\nsamples = "a.jsonl"\ngraders = [{ check = "normalised" }]\n'
    )
    (folder / "a.jsonl").write_text(
        '{"id": "1", "input": "a", "target": "x"}\n'
        '{"id": "2", "input": "a {{b}}", "target": "x", "graders": [{"check": "exact"}]}\n'
        '{"id": "3", "input": "a", "target": "a+b", "graders": [{"check": "exact"}, {"check": "normalised"}]}\n'
    )
    outgoing = exported("promptfoo", folder, tmp_path / "c.yaml")
    assert [one.first for one in outgoing.refused.told] == [("a, sample 1",), ("a, sample 2",)]
    (test,) = yaml.safe_load((tmp_path / "c.yaml").read_text())["tests"]
    assert test["assert"] == [{"type": "regex", "value": r"^\s*a\+b\s*$"}]
    again = imported("promptfoo", tmp_path / "c.yaml", tmp_path / "again")
    assert passes(again.folder, "3", " a+b ")
    assert {"check": "normalised"} in again.only()["graders"]


def test_tests_may_stand_in_many_files(tmp_path: Path) -> None:
    """A pattern of names within the folder; one that nothing has is told."""
    (tmp_path / "cases").mkdir()
    for name in ("b", "a"):
        (tmp_path / f"cases/{name}.yaml").write_text(
            f"- assert: [{{type: contains, value: {name}}}]\n  vars: {{x: {name}}}"
        )
    path = tmp_path / "c.yaml"
    path.write_text("prompts: ['ask {{x}}']\ntests: [file://cases/*.yaml, 'file://none/*.yaml']")
    made = imported("promptfoo", path, tmp_path / "suite")
    assert [one["input"] for one in made.samples.values()] == ["ask a", "ask b"]
    assert "no file in" in made.reasons


def test_providers_are_suggested_as_deployments() -> None:
    """In comments, with their host where it is known here."""
    said = suggested(["openai:chat:gpt-4.1", "anthropic:messages:claude-x", "exec: python x.py"], "c.yaml")
    assert '# [deployments.gpt-4-1]   # openai:chat:gpt-4.1\n# model = "openai/gpt-4.1"\n# host = "openai"\n' in said
    assert '# host = "anthropic"' in said
    assert "# exec: python x.py: name its model" in said
    assert all(line.startswith("#") or not line for line in said.splitlines())


def test_a_file_of_something_else_is_told(tmp_path: Path) -> None:
    """Neither tests nor YAML."""
    path = tmp_path / "c.yaml"
    path.write_text("a: 1")
    with pytest.raises(SuiteError, match="holds no tests or scenarios"):
        imported("promptfoo", path, tmp_path / "suite")
    path.write_text("a: [1")
    with pytest.raises(SuiteError, match="is no YAML"):
        imported("promptfoo", path, tmp_path / "suite")
