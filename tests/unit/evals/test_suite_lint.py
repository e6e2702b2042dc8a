"""Lint: each mistake is found in a suite that has it and in no suite that has it not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.evals.lint.finding import Finding, listed
from assay.evals.lint.linter import Linted, lint
from assay.evals.lint.material import ShownPrompt
from assay.evals.lint.patterns import is_explosive
from assay.evals.lint.results import correlation
from assay.evals.runs.run import Run
from assay.evals.suites.suite import read_suite
from assay.ledger.rows import Outcome, RunRow

Lines = Sequence[dict[str, Any]]
Lint = Callable[..., Any]

WORDS = (  # noqa: SIM905 - words read better so
    "chain jumps squeaks brake pedal saddle lamp battery charger frame invoice paid twice order late parcel lost login "
    "password fails page blank helmet child seat trailer tyre flat rim spoke bell basket rack cable gear motor noise"
).split()


def text(number: int) -> str:
    """A sentence that is like no other."""
    return " ".join(WORDS[(number * step + step * step) % len(WORDS)] for step in range(1, 9)) + f" {number}"


def sample(ident: str, said: str, target: Any = "repair", split: str = "heldout", **more: Any) -> dict[str, Any]:
    """One line."""
    return {"id": ident, "input": said, "target": target, "split": split} | more


def sound(count: int = 24, labels: Sequence[Any] = ("red", "green", "blue")) -> list[dict[str, Any]]:
    """Samples with which nothing is wrong."""
    return [sample(f"s{n}", text(n), labels[n % len(labels)], "dev" if n % 4 == 0 else "heldout") for n in range(count)]


@pytest.fixture
def linted(tmp_path: Path) -> Lint:
    """Lints a suite of one kind, `k`, or of several."""

    async def of(
        lines: Lines | dict[str, Lines], table: str = 'graders = [{ check = "normalised" }]', **given: Any
    ) -> Linted:
        folder = tmp_path / "suite"
        folder.mkdir(exist_ok=True)
        toml = 'name = "t"\nversion = "1"\n'
        for kind, members in (lines if isinstance(lines, dict) else {"k": lines}).items():
            toml += f'[kinds.{kind}]\nsamples = "{kind}.jsonl"\n{table}\n'
            (folder / f"{kind}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in members))
        (folder / "suite.toml").write_text(toml)
        return await lint(read_suite(folder), **given)

    return of


def of_rule(found: Linted, rule: str) -> list[Finding]:
    """The findings of a rule."""
    return [one for one in found.findings if one.rule == rule]


async def test_a_sound_suite_has_no_errors_and_no_warnings(linted: Lint) -> None:
    """What is balanced, without copies and large enough is left alone."""
    found = await linted(sound(60), 'bar = 0.7\ngraders = [{ check = "normalised" }]')
    assert [one for one in found.findings if one.level != "note"] == []
    assert found.gold_tried == 60


# ------------------------------------------------------------------------------------------- copies


async def test_a_sample_on_both_sides_is_an_error(linted: Lint) -> None:
    """The same or nearly the same input in dev and heldout leaks the answer across the split."""
    long = " ".join(text(n) for n in range(4))
    lines = [
        *sound(), sample("a", "Where is it?", "red", "dev"), sample("b", "where is IT", "red"),
        sample("c", long, "red", "dev"), sample("d", long + " please", "red"),
    ]  # fmt: skip
    found = of_rule(await linted(lines), "split-leak")
    assert [(one.level, one.samples) for one in found] == [("error", ("b", "a")), ("error", ("d", "c"))]


async def test_a_contrast_across_the_split_is_no_leak(linted: Lint) -> None:
    """Nearly the same words with another answer teach the wrong answer, if anything."""
    long = " ".join(text(n) for n in range(4))
    found = await linted([*sound(), sample("c", long, "red", "dev"), sample("d", long + " not", "green")])
    assert of_rule(found, "split-leak") == []
    assert [one.samples for one in of_rule(found, "near-contrast")] == [("c", "d")]


async def test_copies_on_one_side_count_twice(linted: Lint) -> None:
    """Equal ones are a warning, near ones a note."""
    long = " ".join(text(n) for n in range(4))
    lines = [
        *sound(),
        sample("a", "It is here.", "red"),
        sample("b", "it is here", "red"),
        sample("c", long, "red"),
        sample("d", long + " x", "red"),
    ]
    found = await linted(lines)
    assert [(one.level, one.samples) for one in of_rule(found, "duplicate")] == [("warning", ("a", "b"))]
    assert [(one.level, one.samples) for one in of_rule(found, "near-duplicate")] == [("note", ("c", "d"))]


async def test_one_input_in_two_kinds_is_told(linted: Lint) -> None:
    """With the same graders it is probably a slip."""
    found = await linted(
        {"k": [*sound(), sample("a", "Same one")], "l": [sample("b", "same one"), sample("c", "Other")]}
    )
    assert [(one.level, one.samples, one.kind) for one in of_rule(found, "duplicate-across-kinds")] == [
        ("warning", ("a", "b"), None)
    ]


async def test_documents_do_not_make_samples_alike(linted: Lint, tmp_path: Path) -> None:
    """Two questions about one long document are two samples."""
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "d.md").write_text(" ".join(text(n) for n in range(60)))
    lines = [*sound(), *(sample(f"q{n}", f"Which {WORDS[n]}?", "red", context_files=["d.md"]) for n in range(3))]
    (tmp_path / "suite" / "e.md").write_text("Another one.")
    lines += [sample(f"d{n}", "Who is the sender of this letter, in one word please?", "red", side, context_files=[doc])
              for n, (doc, side) in enumerate((("d.md", "dev"), ("e.md", "heldout")))]  # fmt: skip
    found = await linted(lines)
    assert [one for one in found.findings if "dupl" in one.rule or one.rule == "split-leak"] == []
    found = await linted([*lines, lines[-1] | {"id": "copy", "split": "dev"}])
    assert [one.samples for one in of_rule(found, "split-leak")] == [("d1", "copy")]


# --------------------------------------------------------------------------------------------- gold


async def test_one_input_with_two_targets_is_an_error(linted: Lint) -> None:
    """Unless an answer is right for both."""
    lines = [
        *sound(),
        sample("a", "Which?", "red"),
        sample("b", "which", "blue"),
        sample("c", "And?", ["red", "blue"]),
        sample("d", "and", "red"),
    ]
    assert [one.samples for one in of_rule(await linted(lines), "two-targets")] == [("a", "b")]


@pytest.mark.parametrize(
    ("graders", "target", "rule"),
    [
        ('[{ check = "normalised" }, { check = "regex", pattern = "^[0-9]+$" }]', "red", "failing-gold"),
        ('[{ check = "numeric" }, { check = "exact" }]', "1,000 kr.", None),
        ('[{ check = "fields" }]', {"a": 1}, None),
        ('[{ check = "choice", choices = ["red", "blue"] }]', "green", "ungradable"),
        ('[{ check = "normalised" }]', None, "ungradable"),
        ('[{ check = "sources" }]', {"answer": ["30 days"], "sources": ["a"]}, None),
        ('[{ check = "tool-calls" }]', [{"name": "f", "arguments": {"x": [1, 2], "y": ["", 3]}}], None),
        ('[{ check = "leak" }]', {"canaries": ["CANARY-1234"], "expect": "fine"}, None),
        ('[{ check = "leak" }, { check = "exact" }]', {"canaries": ["CANARY-1"], "expect": "no"}, "ungradable"),
        ('[{ check = "json" }, { check = "regex", pattern = "z" }]', {"a": [1]}, "failing-gold"),
    ],
)  # fmt: skip
async def test_a_right_answer_passes_its_own_graders(linted: Lint, graders: str, target: Any, rule: str | None) -> None:
    """Targets of every form are given to the graders as a model would write them."""
    found = await linted([sample("a", "Which?", target)], f"graders = {graders}")
    assert [one.rule for one in found.findings if one.level == "error" and one.rule != "constant-answer"] == (
        [rule] if rule else []
    )


@pytest.mark.parametrize("grader", ['check = "exakt"', 'grader = "jugde"', 'check = "exact", casee = 1'])
async def test_graders_that_cannot_be_made_are_told_once(linted: Lint, grader: str) -> None:
    """One finding for all samples of a kind, with the nearest name that there is."""
    found = of_rule(await linted(sound(), f"graders = [{{ {grader} }}]"), "ungradable")
    assert [(one.level, len(one.samples)) for one in found] == [("error", 24)]


async def test_gold_in_meta_comes_first(linted: Lint) -> None:
    """Where a target is no answer, `meta.gold` is one."""
    line = sample("a", "Which?", {"canaries": ["CANARY-1234"]}, meta={"gold": "it is CANARY-1234"})
    found = await linted([line], 'graders = [{ check = "leak" }]')
    assert [one.samples for one in of_rule(found, "failing-gold")] == [("a",)]
    assert found.gold_tried == 1


async def test_equal_alternatives_are_noted(linted: Lint) -> None:
    """`30 days` and `30 Days.` are one answer, unless the check is exact."""
    lines = [sample("a", "How long?", ["30 days", "30 Days."])]
    assert len(of_rule(await linted(lines), "equal-alternatives")) == 1
    assert of_rule(await linted(lines, 'graders = [{ check = "exact" }]'), "equal-alternatives") == []


# -------------------------------------------------------------------------------------------- leaks


async def test_an_input_that_names_its_answer_is_an_error(linted: Lint) -> None:
    """`Answer: red` in the input is no question."""
    found = await linted([*sound(), sample("a", "Which colour? (Answer: red)", "red")])
    assert [(one.level, one.samples) for one in of_rule(found, "answer-in-input")] == [("error", ("a",))]


async def test_a_rare_answer_in_the_input_is_a_probable_leak_and_extraction_is_not(linted: Lint) -> None:
    """Where most inputs hold their answer the work is to find it."""
    names = [f"Frame number NW-4{n:04d}X" for n in range(20)]
    rare = [sample(f"s{n}", text(n), names[n]) for n in range(19)] + [sample("a", f"{names[19]} {text(19)}", names[19])]
    found = of_rule(await linted(rare), "answer-in-input")
    assert [(one.level, one.samples) for one in found] == [("warning", ("a",))]
    copied = [sample(f"s{n}", f"{text(n)} {names[n]}", names[n]) for n in range(20)]
    assert of_rule(await linted(copied), "answer-in-input") == []


async def test_a_question_that_a_document_asks_is_told(linted: Lint, tmp_path: Path) -> None:
    """A page of questions and answers shows the answer right behind the question."""
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "faq.md").write_text(
        "How long is the notice?\n14 days.\n\nHow much is the deposit?\n40 EUR.\n"
    )
    lines = [
        sample("a", "How long is the notice?", "14 days", context_files=["faq.md"]),
        sample("b", "When does my contract end, if I write today?", "in 14 days", context_files=["faq.md"]),
    ]
    assert [one.samples for one in of_rule(await linted(lines), "question-in-document")] == [("a",)]


async def test_ids_that_name_labels_are_noted(linted: Lint) -> None:
    """`red-1` says what is right; a word that all ids have says nothing."""
    lines = [one | {"id": f"{one['target']}-{n}"} for n, one in enumerate(sound())]
    assert len(of_rule(await linted(lines), "telling-id")) == 1
    lines = [one | {"id": f"red{n}"} for n, one in enumerate(sound())]
    assert of_rule(await linted(lines), "telling-id") == []


async def test_samples_in_prompts_are_found(linted: Lint) -> None:
    """As a few-shot example or within its words; heldout ones are an error, those of dev a warning."""
    lines = sound()
    prompts = [
        ShownPrompt("few", "k", (lines[1]["input"].upper(), "another"), "Answer with a colour."),
        ShownPrompt("long", None, (), f"As in: {lines[4]['input']}! And so on."),
        ShownPrompt("long", "other", (), lines[5]["input"]),
        ShownPrompt("fine", "k", ("nothing of it",), "Answer."),
    ]
    found = of_rule(await linted(lines, prompts=prompts), "sample-in-prompt")
    assert [(one.level, one.samples) for one in found] == [("error", ("s1",)), ("warning", ("s4",))]


async def test_a_finding_in_several_kinds_is_of_the_suite(linted: Lint) -> None:
    """A prompt that holds samples of two kinds is not said to be a mistake of the first."""
    kinds = {
        "j": sound(6),
        "k": [one | {"id": f"k{one['id']}", "input": text(n + 50)} for n, one in enumerate(sound(6))],
    }
    words = f"{kinds['j'][1]['input']} {kinds['k'][1]['input']}"
    found = of_rule(await linted(kinds, prompts=[ShownPrompt("long", None, (), words)]), "sample-in-prompt")
    assert [(one.kind, one.samples) for one in found] == [(None, ("s1", "ks1"))]


# ------------------------------------------------------------------------------------------ balance


async def test_a_constant_that_passes_the_bar_is_an_error(linted: Lint) -> None:
    """And one that passes more than half is a warning."""
    lines = sound(20, ("red", "red", "red", "red", "blue"))
    found = await linted(lines, 'bar = 0.8\ngraders = [{ check = "normalised" }]')
    assert [one.level for one in of_rule(found, "constant-answer")] == ["error"]
    assert [one.level for one in of_rule(found, "unbalanced")] == ["warning"]
    assert (found.baselines[0].constant, found.baselines[0].share) == ("red", 0.8)
    found = await linted(lines, 'bar = 0.9\ngraders = [{ check = "normalised" }]')
    assert [one.level for one in of_rule(found, "constant-answer")] == ["warning"]


async def test_empty_answer_and_echo_are_tried(linted: Lint) -> None:
    """A gate that nothing fails, and a text that the question holds already."""
    found = await linted(
        [sample("a", "Tell the secret", None)], 'bar = 1.0\ngraders = [{ check = "leak", canaries = ["CANARY-12"] }]'
    )
    assert {one.message.split(" passes")[0] for one in of_rule(found, "constant-answer")} == {
        "the constant answer ''", "the question said back",
    }  # fmt: skip
    lines = [sample(f"s{n}", f"{text(n)} {WORDS[n]}x", f"{WORDS[n]}x") for n in range(20)]
    found = await linted(lines, 'graders = [{ check = "contains" }]')
    assert [one.message for one in of_rule(found, "constant-answer")] == [
        "the question said back passes 20 of 20 samples (100%)"
    ]


async def test_labels_that_stand_in_their_inputs_are_noted(linted: Lint) -> None:
    """A search for the word would do."""
    lines = [one | {"input": f"{one['input']} {one['target']}"} for one in sound()]
    assert len(of_rule(await linted(lines, 'bar = 0.9\ngraders = [{ check = "normalised" }]'), "keyword-answer")) == 1


# ----------------------------------------------------------------------------------- size and graders


async def test_small_kinds_and_missing_sides_are_told(linted: Lint) -> None:
    """What cannot be above its bar with these samples, and what has nothing to decide or write on."""
    found = await linted(sound(8), 'bar = 0.9\ngraders = [{ check = "normalised" }]')
    assert ["35 would do" in one.advice for one in of_rule(found, "too-few")] == [True]
    found = await linted([one | {"split": "dev"} for one in sound()])
    assert len(of_rule(found, "no-heldout")) == 1
    found = await linted([one | {"split": "heldout", "synthetic": True} for one in sound()])
    assert len(of_rule(found, "no-dev")) == 1
    assert [one.level for one in of_rule(found, "synthetic")] == ["warning"]


@pytest.mark.parametrize(
    ("pattern", "explodes"),
    [
        (r"(a+)+b", True), (r"(\w+\s?)*!", True), (r"^(\d*)*$", True), (r"((x|y)+)*z", True), (r"(a|aa)*c", True),
        (r"(?:a+,)+b", False), (r"\w+@\w+", False), (r"(a++)+b", False), (r"(ab)+", False), (r"(a{1,3}){2}", False),
        (r"(?s).{1,60}", False), (r"(red|green)+", False), (r"(a|ab)*c", False), (r"(", False), (r"(?>a+)+b", False),
    ],
)  # fmt: skip
def test_explosive_patterns_are_told_from_harmless_ones(pattern: str, explodes: bool) -> None:
    """A repeat within a repeat, unless something between must be there."""
    assert is_explosive(pattern) is explodes


async def test_explosive_patterns_are_found_in_options_and_targets(linted: Lint) -> None:
    """Wherever a grader takes its pattern from, nested graders included."""
    nested = 'graders = [{ check = "not", of = { check = "regex", pattern = "(a+)+b" } }]'
    assert len(of_rule(await linted([sample("a", "?")], nested), "explosive-pattern")) == 1
    found = await linted([sample("a", "?", "x"), sample("b", "!", ["y", "(a+)+b"])], 'graders = [{ check = "regex" }]')
    assert [one.samples for one in of_rule(found, "explosive-pattern")] == [("b",)]


async def test_a_short_text_anywhere_is_loose(linted: Lint) -> None:
    """`contains` with a target of one letter accepts nearly every answer."""
    found = await linted([sample("a", "?", "A"), sample("b", "!", "a long text")], 'graders = [{ check = "contains" }]')
    assert [one.samples for one in of_rule(found, "loose-text")] == [("a",)]


async def test_personal_data_needs_a_label(linted: Lint) -> None:
    """A mail address in a kind that may go anywhere is told; behind a label it is not."""
    lines = [*sound(), sample("a", "Write to jane.roe@firm.example.com, please", "red")]
    assert [one.samples for one in of_rule(await linted(lines), "personal-data")] == [("a",)]
    table = 'label = "private-only"\ngraders = [{ check = "normalised" }]'
    assert of_rule(await linted(lines, table), "personal-data") == []


# ------------------------------------------------------------------------------------------ results


def runs(values: dict[str, str]) -> dict[str, Run]:
    """Runs of candidates: a digit for each of the samples `s0`, `s1`, ..."""
    head = {"suite": "t", "suite_digest": "d", "target_digest": "", "config_digest": "", "version": ""}
    found = {}
    for name, row in values.items():
        outcomes = {
            f"s{n}": Outcome(
                run_id=name, sample_id=f"s{n}", kind="k", value=float(digit), unscored=None, cost_basis="none",
                cached=False, created_at=0,
            )
            for n, digit in enumerate(row)
        }  # fmt: skip
        found[name] = Run(RunRow(id=name, target=name, seed=0, created_at=0, **head), outcomes)
    return found


async def test_answers_tell_about_samples(linted: Lint) -> None:
    """Passed by all, failed by all, and passed by the worse candidates only."""
    values = {"a": "1111111100", "b": "1111110000", "c": "1111000010", "d": "1100000010"}
    found = await linted(sound(10), runs=runs(values))
    assert [one.samples for one in of_rule(found, "passed-by-all")] == [("s0", "s1")]
    assert [one.samples for one in of_rule(found, "failed-by-all")] == [("s9",)]
    assert [one.samples for one in of_rule(found, "turned-round")] == [("s8",)]
    assert found.runs == ("a", "b", "c", "d")


async def test_one_run_tells_nothing_about_samples(linted: Lint) -> None:
    """What one candidate passes or fails is its own affair."""
    found = await linted(sound(6), runs=runs({"a": "101111"}))
    assert [one for one in found.findings if one.rule in ("passed-by-all", "failed-by-all", "turned-round")] == []


def test_correlation_is_without_the_sample_itself() -> None:
    """It is that of one sample with all others, and not defined where all answers agree."""
    values = {"x": {"a": 1.0, "b": 1.0, "c": 0.0, "d": 0.0}, "y": {"a": 0.0, "b": 0.0, "c": 1.0, "d": 1.0}}
    assert correlation("x", values) == pytest.approx(-1)
    assert correlation("x", {"x": values["x"]}) is None
    assert correlation("x", values | {"y": dict.fromkeys("abcd", 1.0)}) is None


def test_long_lists_are_cut() -> None:
    """A message names the first few and counts the others."""
    assert listed([str(n) for n in range(7)]) == "0, 1, 2, 3, 4 and 2 more"
    assert listed(["a"]) == "a"
