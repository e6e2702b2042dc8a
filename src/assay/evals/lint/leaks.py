"""Answers that a sample, its id, or a deployment's prompt gives away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from assay.evals.lint.finding import Finding, about_samples, ids
from assay.evals.lint.material import NEAR, Glance, Material, ShownPrompt, documents
from assay.evals.suites.duplicates import plain, resembling
from assay.numerals import plural

__all__ = [
    "find_answers_in_input", "find_answers_marked", "find_questions_in_documents", "find_samples_in_prompts",
    "find_telling_ids",
]  # fmt: skip

_MARKED = (
    r"(?:answer|solution|label|target|expected|correct(?: one)?|gold)\b[^\n]{{0,12}}?[:=]\s*[\"'(\[]*{answer}(?!\w)"
)
_CHANCE_SHARE = 0.2
_LEAST_CHARS = 6
_LEAST_WORDS = 5
_TELLING_SHARE = 0.5


def find_answers_marked(material: Material) -> Iterator[Finding]:
    """The input says `answer: X`, and X is right."""
    for members in material.of.values():
        shown = [one for one in members if any(_marked(answer, one.text) for answer in one.target)]
        if shown:
            yield about_samples(
                "answer-in-input", "error", shown,
                f"the input of {_of(shown, members)} names its own answer as such: {ids(shown)}: {shown[0].short}",
                "take the answer out of the input",
            )  # fmt: skip


def _marked(answer: str, text: str) -> bool:
    return bool(answer) and re.search(_MARKED.format(answer=re.escape(answer)), text.casefold()) is not None


def find_answers_in_input(material: Material) -> Iterator[Finding]:
    """The answer stands in the input of a few samples only, so that finding it there is not the task.

    Where it stands in half of the inputs or more the work is to find it. In between nothing can be told.
    """
    for kind, members in material.of.items():
        told = [one for one in members if one.target]
        shown = [one for one in told if any(_holds(one.plain, answer) for answer in one.target)]
        telling = [one for one in shown if any(_is_telling(answer) for answer in one.target)]
        rare = len(shown) <= _CHANCE_SHARE * len(told)
        if kind in material.labels or not telling or not rare:
            continue
        yield about_samples(
            "answer-in-input", "warning", telling,
            f"the answer stands in the input of {_of(telling, told)}, and in few others, so that to find it is not "
            f"the task: {ids(telling)}: {telling[0].short}",
            "read them: take the answer out of the input, or take the sample out",
        )  # fmt: skip


def _holds(text: str, answer: str) -> bool:
    return bool(answer) and f" {answer} " in f" {text} "


def _is_telling(answer: str) -> bool:
    """Long enough that it does not stand there by chance."""
    return len(answer) >= _LEAST_CHARS and not answer.isdigit()


def find_telling_ids(material: Material) -> Iterator[Finding]:
    """Ids that name the label: whoever labels the next sample, or reads a report, is told the answer."""
    for kind, labels in material.labels.items():
        members = material.of[kind]
        named = {one.id: [label for label in labels if _holds(plain(_spaced(one.id)), label)] for one in members}
        telling = [one for one in members if named[one.id] == [one.target[0]]]
        misleading = sum(bool(found) for found in named.values()) - len(telling)
        if len(labels) > 1 and len(telling) >= _TELLING_SHARE * len(members) and misleading < len(telling) / 10:
            yield about_samples(
                "telling-id", "note", telling,
                f"the ids of {_of(telling, members)} name the label: {ids(telling)}",
                "models do not see ids, but people who label or compare do; number samples instead",
            )  # fmt: skip


def _spaced(ident: str) -> str:
    return re.sub(r"[\W_]+|(?<=\D)(?=\d)|(?<=\d)(?=\D)", " ", ident)


def find_questions_in_documents(material: Material) -> Iterator[Finding]:
    """A document that a sample shows has its very question, and then probably the answer right behind it."""
    plains: dict[str, str] = {}
    found: dict[str, list[Glance]] = {}
    for one, sample in zip(material.glances, material.suite.samples, strict=True):
        if not one.documents or len(one.plain.split()) < _LEAST_WORDS:
            continue
        shown = (part for message in sample.messages for part in documents(message.text))
        if any(_holds(plains.setdefault(text, plain(text)), one.plain) for text in shown):
            found.setdefault(one.kind, []).append(one)
    for kind, members in found.items():
        yield about_samples(
            "question-in-document", "warning", members,
            f"{_of(members, material.of[kind])} ask what a document shown with them asks word for word: "
            f"{ids(members)}: {members[0].short}",
            "ask it in other words, unless finding the same question is the task",
        )  # fmt: skip


# ----------------------------------------------------------------------------------------- prompts


def find_samples_in_prompts(material: Material) -> Iterator[Finding]:
    """Samples that a deployment's prompt holds: as a few-shot example, or anywhere in its words."""
    own = {(prompt.deployment, prompt.kind) for prompt in material.prompts}
    for prompt in material.prompts:
        kinds = [prompt.kind] if prompt.kind is not None else list(material.suite.kinds)
        members = [
            one
            for kind in kinds
            if prompt.kind is not None or (prompt.deployment, kind) not in own
            for one in material.of.get(kind, ())
        ]
        yield from _in_prompt(prompt, members)


def _in_prompt(prompt: ShownPrompt, members: Sequence[Glance]) -> Iterator[Finding]:
    alike = resembling([one.text for one in members], prompt.examples, at_least=NEAR)
    found = {members[place].id for place in alike}
    words = plain(prompt.text)
    found |= {one.id for one in members if len(one.plain.split()) >= _LEAST_WORDS and _holds(words, one.plain)}
    for split in ("heldout", "dev"):
        shown = [one for one in members if one.id in found and one.split == split]
        if shown:
            yield about_samples(
                "sample-in-prompt", "error" if split == "heldout" else "warning", shown,
                f"the prompt of deployment {prompt.deployment!r} holds {len(shown)} {split} samples: "
                f"{ids(shown)}: {shown[0].short}",
                "take them out of the prompt, or out of the suite: what a model was shown proves nothing",
            )  # fmt: skip


def _of(some: Sequence[Glance], members: Sequence[Glance]) -> str:
    return f"{len(some)} of {plural(len(members), 'sample')}"
