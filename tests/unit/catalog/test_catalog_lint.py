"""A contributor's data file: mistakes keep it from being read, findings are what a reader would stumble over."""

from __future__ import annotations

import pytest

from assay.catalog.lint import lint

HEAD = 'as_of = "2026-11-26"\n[sources.s]\ntitle = "read here"\n'
OPEN = '[[models]]\nid = "a/b"\nname = "b"\nmaker = "a"\necosystem = "open-weight"\nevidence = "s"\n'
HOSTED = OPEN.replace("open-weight", "hosted")
AT_HOST = '[[models.hosts]]\nhost = "openai"\nmodel = "b"\nevidence = "s"\n'


def said(text: str) -> list[str]:
    """What is found, in words."""
    return [one.message for one in lint(text.encode(), "f.toml")]


def test_a_good_file_has_no_findings() -> None:
    """An open model with its licence, a hosted one with its host."""
    assert said(HEAD + OPEN + 'licence = "mit"\n') == []
    assert said(HEAD + HOSTED + AT_HOST) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("as_of = 1", "as_of"),
        (HEAD + OPEN + 'lisence = "mit"\n', "lisence"),
        (HEAD + OPEN + 'evidence_for = { licence = "t" }\n', "evidence 't' is not under [sources]"),
        (HEAD + OPEN + 'evidence_for = { licens = "s" }\n', "did you mean 'licence'"),
        (HEAD + OPEN + OPEN, "there twice"),
        (HEAD + OPEN + 'aliases = ["gpt-4o"]\n', "alias 'gpt-4o' stands for both"),
    ],
)
def test_a_mistake_is_told_once(text: str, words: str) -> None:
    """A file that cannot be read is not looked at further."""
    (found,) = lint(text.encode(), "f.toml")
    assert (found.kind, words in found.message) == ("mistake", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OPEN, "has no licence"),
        (OPEN + 'licence = "acme-1"\n', "of which the catalogue knows no terms"),
        (OPEN + 'licence = "mit"\n[[models.weights]]\nsource = "package:m/f"\npackage = "m==1"\nevidence = "s"\n',
         "cannot verify"),
        (HOSTED, "names no host"),
        (HOSTED + 'licence = "mit"\n' + AT_HOST, "is it open-weight?"),
        (HOSTED + AT_HOST.replace("openai", "acme"), "no host of the catalogue"),
        (OPEN + 'licence = "mit"\nheads = 8\nkv_heads = 16\n', "kv_heads = 16 above heads = 8"),
        (OPEN + 'licence = "mit"\nparameters = 5\nactive_parameters = 9\n', "active_parameters = 9 above"),
        (OPEN + 'licence = "mit"\nmixture_of_experts = true\n', "without active_parameters"),
        (OPEN + 'licence = "mit"\nmixture_of_experts = false\nexperts = 8\n', "no mixture of experts and has experts"),
        (
            OPEN + 'licence = "mit"\nmixture_of_experts = false\nparameters = 9\nactive_parameters = 3\n',
            "no mixture of experts and has active_parameters",
        ),
        (OPEN + 'licence = "mit"\nreleased = "2026-03"\nretires = "2025"\n', "released = 2026-03 after retires = 2025"),
    ],
)  # fmt: skip
def test_what_a_reader_would_stumble_over(text: str, words: str) -> None:
    """One finding, with the model that it is about."""
    (found,) = lint((HEAD + text).encode(), "f.toml")
    assert (found.kind, found.entry, words in found.message) == ("finding", "a/b", True)


def test_a_source_that_nothing_names_is_found() -> None:
    """It is a leftover, or a fact names the wrong one."""
    assert said(HEAD + '[sources.t]\ntitle = "left over"\n' + OPEN + 'licence = "mit"\n') == [
        "no fact names the source 't'; remove it, or name it where it belongs"
    ]


def test_a_family_of_its_own_may_bring_its_licence_and_host() -> None:
    """What the same file describes is known."""
    text = HEAD + OPEN + 'licence = "acme-1"\n' + AT_HOST.replace("openai", "acme")
    text += '[licences.acme-1]\nname = "A"\nosi_approved = false\nevidence = "s"\n'
    text += '[hosts.acme]\nname = "A"\ndialect = "openai"\nevidence = "s"\n'
    assert said(text) == []


def test_replacing_a_shipped_model_is_no_mistake() -> None:
    """A team's entry of the same id stands in its place, aliases too."""
    text = HEAD + HOSTED.replace("a/b", "openai/gpt-4o") + 'aliases = ["gpt-4o"]\n' + AT_HOST
    assert said(text) == []
