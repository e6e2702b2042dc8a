"""Suites: every mistake is told with its place, and the digest covers whatever decides a score."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import SuiteError
from assay.evals.graders.grading import check_graders
from assay.evals.suites.suite import read_suite, shuffled
from assay.types import Label

Write = Callable[..., Path]

TWO = """
name = "two"
version = "1"
[kinds.a]
samples = "a.jsonl"
graders = [{ check = "exact" }]
[kinds.b]
samples = "b.jsonl"
graders = [{ check = "exact" }]
label = "private-only"
"""
GOOD = '{"id": "g", "input": "x", "target": "y"}\n'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2"),
        ("not json", "line 2"),
        ("[]", "line 2"),
        ('{"input": "x"}', "id"),
        ('{"id": "", "input": "x"}', "line 2"),
        ('{"id": "s"}', "needs either input or messages"),
        ('{"id": "s", "messages": []}', "needs either input or messages"),
        ('{"id": "s", "input": "x", "messages": [{"role": "user", "content": "y"}]}', "either input or messages"),
        ('{"id": "s", "input": "x", "tarket": "y"}', "tarket"),
        ('{"id": "s", "input": 7}', "input"),
        ('{"id": "s", "input": "x", "split": "test"}', "split"),
        ('{"id": "s", "input": "x", "label": "secret"}', "label"),
        ('{"id": "s", "messages": [{"role": "robot", "content": "y"}]}', "role"),
        ('{"id": "g", "input": "x"}', "was used already, in"),
        ('{"id": "\udcff", "input": "x"}', "line 2"),
    ],
)
def test_a_mistake_in_a_sample_names_file_and_line(write_suite: Write, line: str, words: str) -> None:
    """Whatever is wrong with a line, the message says in which file and on which line, and what."""
    folder = write_suite()
    (folder / "words.jsonl").write_bytes(GOOD.encode() + line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(SuiteError) as caught:
        read_suite(folder)
    message = str(caught.value)
    assert f"{folder.resolve() / 'words.jsonl'}, line 2" in message
    assert words in message


def test_blank_lines_count_as_lines(write_suite: Write) -> None:
    """Line numbers are those of an editor: blank lines are skipped, not left out of the count."""
    folder = write_suite(words=GOOD + "\n\n  \n{\n")
    with pytest.raises(SuiteError, match="line 5"):
        read_suite(folder)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("name = x", "line 1"),
        ('name = "x"\nversion = "1"\n[kinds]\n', "no kinds"),
        ('name = "a b"\nversion = "1"\n[kinds.k]\nsamples = "words.jsonl"\ngraders = [{ check = "exact" }]', "name"),
        ('name = "x"\nversion = 1\n[kinds.k]\nsamples = "words.jsonl"\ngraders = [{ check = "exact" }]', "version"),
        ('name = "x"\nversion = "1"\n[kinds.k]\nsamples = "words.jsonl"\ngraders = []', "no graders"),
        ('name = "x"\nversion = "1"\n[kinds.k]\nsamples = "words.jsonl"', "graders"),
        ('name = "x"\nversion = "1"\n[kinds.k]\nsamples = "none.jsonl"\ngraders = [{ check = "exact" }]', "none.jsonl"),
        (
            'name = "x"\nversion = "1"\n[kinds.k]\nsamples = "words.jsonl"\nbar = 1.5\ngraders = [{ check = "exact" }]',
            "bar",
        ),
        (
            'name = "x"\nversion = "1"\n[kinds.k]\nsamples = "words.jsonl"\nbra = 0.5\ngraders = [{ check = "exact" }]',
            "bra",
        ),
        (
            'name = "x"\nversion = "1"\n[kinds.k]\nsamples = "words.jsonl"\nguards = ["k"]\n'
            'graders = [{ check = "exact" }]',
            "guards but is no gate",
        ),
        (
            'name = "x"\nversion = "1"\n[kinds.key]\nsamples = "words.jsonl"\ngate = true\nguards = ["kee"]\n'
            'graders = [{ check = "exact" }]',
            "did you mean 'key'?",
        ),
        (
            'name = "x"\nversion = "1"\n[kinds.k]\nsamples = "words.jsonl"\n'
            'graders = [{ check = "schema", schema_file = "gone.json" }]',
            "gone.json",
        ),
    ],
)
def test_a_mistake_in_the_toml_names_the_file(write_suite: Write, toml: str, words: str) -> None:
    """A wrong `suite.toml` is told by file and by what is wrong in it."""
    folder = write_suite(toml, words=GOOD)
    with pytest.raises(SuiteError) as caught:
        read_suite(folder)
    assert str(folder.resolve()) in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('bar = "half"', "kinds.\"a.b\".bar: expected `float`, not 'half'"),
        ("bar = 80", 'kinds."a.b".bar: expected `float` <= 1.0, not 80'),
        ("p95_latency = 2", "unknown key 'kinds.\"a.b\".p95_latency'; did you mean 'p95_latency_s'?"),
        ('label = "private"', "kinds.\"a.b\".label: unknown value 'private'; did you mean 'private-only'?"),
    ],
)
def test_a_mistake_in_a_kind_names_the_kind_and_the_value(write_suite: Write, line: str, words: str) -> None:
    """With many kinds a key alone is not found: place and value stand in the message, as for `assay.toml`."""
    toml = 'name = "x"\nversion = "1"\n[kinds."a.b"]\nsamples = "words.jsonl"\ngraders = [{ check = "exact" }]\n'
    folder = write_suite(toml + line, words=GOOD)
    with pytest.raises(SuiteError) as caught:
        read_suite(folder)
    assert words in str(caught.value)


def test_the_toml_in_another_encoding_is_told(write_suite: Write) -> None:
    """Bytes that are no UTF-8 give a message, not a traceback."""
    folder = write_suite()
    (folder / "suite.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(SuiteError, match=r"suite\.toml"):
        read_suite(folder)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """A suite that is not there is named."""
    with pytest.raises(SuiteError, match="nowhere"):
        read_suite(tmp_path / "nowhere")


def test_an_empty_file_of_samples_is_a_mistake(write_suite: Write) -> None:
    """A kind without samples would meet every bar, so it is refused."""
    with pytest.raises(SuiteError, match=r"words\.jsonl: no samples for kind 'words'"):
        read_suite(write_suite(words="\n\n"))


def test_ids_are_unique_across_kinds(write_suite: Write) -> None:
    """An id stands for one sample of the whole suite; both places are named."""
    folder = write_suite(TWO, a=GOOD, b=GOOD)
    with pytest.raises(SuiteError) as caught:
        read_suite(folder)
    assert "b.jsonl, line 1" in str(caught.value)
    assert "a.jsonl, line 1" in str(caught.value)


@pytest.mark.parametrize(
    ("grader", "words"),
    [
        ({"check": "exakt"}, "exact"),
        ({"check": "exact", "nonsense": 1}, "nonsense"),
        ({"check": "regex", "pattern": "("}, "pattern"),
        ({}, "check"),
    ],
)
def test_a_mistake_in_a_grader_names_file_line_and_sample(
    write_suite: Write, grader: dict[str, object], words: str
) -> None:
    """Graders are made before money is spent; a wrong one names the sample's file and line."""
    bad = json.dumps({"id": "bad", "input": "x", "graders": [grader]})
    suite = read_suite(write_suite(words=GOOD + bad + "\n"))
    with pytest.raises(SuiteError) as caught:
        check_graders(suite.samples)
    assert "words.jsonl, line 2" in str(caught.value)
    assert "'bad'" in str(caught.value)
    assert words in str(caught.value)


def test_labels_and_graders_of_a_kind_reach_its_samples(write_suite: Write) -> None:
    """A sample has its kind's label and graders unless it brings its own."""
    own = '{"id": "own", "input": "x", "label": "public", "graders": [{"check": "regex", "pattern": "y"}]}\n'
    suite = read_suite(write_suite(TWO, a=GOOD, b=own + '{"id": "h", "input": "x"}\n'))
    labels = {sample.id: sample.label for sample in suite.samples}
    assert labels == {"g": Label.UNLABELLED, "own": Label.PUBLIC, "h": Label.PRIVATE_ONLY}
    assert [sample.graders[0]["check"] for sample in suite.of("b")] == ["regex", "exact"]


def test_requests_hold_the_raw_input_only(write_suite: Write) -> None:
    """A suite adds nothing to what a client would send: no prompt, no parameter."""
    (sample,) = read_suite(write_suite()).samples
    request = sample.request()
    assert [(message.role, message.text) for message in request.messages] == [("user", "ask 0")]
    assert request.kind == "words"
    assert request.sampling.max_tokens is None


def test_only_keeps_the_digest_and_names_unknown_kinds(write_suite: Write) -> None:
    """Cutting a suite keeps its identity; an unknown kind names the nearest; nothing left is an error."""
    dev = '{"id": "d", "input": "x", "split": "dev"}\n'
    suite = read_suite(write_suite(TWO, a=GOOD, b=dev))
    cut = suite.only(("b",))
    assert (cut.digest, [one.id for one in cut.samples], list(cut.kinds)) == (suite.digest, ["d"], ["b"])
    assert [one.id for one in suite.only((), "dev").samples] == ["d"]
    with pytest.raises(SuiteError, match="no kind 'c'"):
        suite.only(("c",))
    with pytest.raises(SuiteError, match="no samples of the split 'dev'"):
        suite.only(("a",), "dev")


def test_a_choice_of_kinds_takes_their_gates_along(write_suite: Write) -> None:
    """`-k` cannot be used to walk round a gate: those that guard a chosen kind come with it."""
    gates = TWO + '[kinds.all]\nsamples = "all.jsonl"\ngate = true\ngraders = [{ check = "exact" }]\n'
    gates += '[kinds.forb]\nsamples = "forb.jsonl"\ngate = true\nguards = ["b"]\ngraders = [{ check = "exact" }]\n'
    names = ("a", "b", "all", "forb")
    suite = read_suite(write_suite(gates, **{name: f'{{"id": "{name}", "input": "x"}}\n' for name in names}))
    assert suite.with_gates(("a",)) == ("a", "all")
    assert suite.with_gates(("b",)) == ("b", "all", "forb")
    assert suite.with_gates(()) == ()


def test_the_order_of_a_seed_is_the_same_whatever_the_file_order(write_suite: Write) -> None:
    """Shuffling depends on seed and ids alone; another seed gives another order."""
    lines = [{"id": f"s{n}", "input": "x"} for n in range(30)]
    suite = read_suite(write_suite(words=lines))
    mixed = list(suite.samples)
    random.Random(5).shuffle(mixed)  # noqa: S311 - an order, not a secret
    assert shuffled(tuple(mixed), 3) == shuffled(suite.samples, 3)
    assert shuffled(suite.samples, 3) != shuffled(suite.samples, 4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_that_decides_a_score_is_in_the_digest(write_suite: Write, data: st.DataObject) -> None:
    """Changing one byte of the TOML, of the samples or of a file that a grader names changes the digest."""
    toml = """
# comment
name = "d"
version = "1"
[kinds.words]
samples = "words.jsonl"
graders = [{ check = "schema", schema_file = "s.json" }]
[kinds.rows]
samples = "rows.jsonl"
graders = [{ check = "sql", database = "db.sqlite" }]
"""
    contents = {"words": GOOD, "rows": '{"id": "r", "input": "how many?", "target": "select 1"}\n'}
    folder = write_suite(toml, **contents)
    (folder / "s.json").write_text('{"type": "object"}')
    (folder / "db.sqlite").write_bytes(b"rows of a database")
    before = read_suite(folder).digest
    assert read_suite(folder).digest == before
    name = data.draw(st.sampled_from(["suite.toml", "words.jsonl", "rows.jsonl", "s.json", "db.sqlite"]))
    file = folder / name
    old = file.read_bytes()
    place = data.draw(st.integers(0, len(old) - 1))
    new = old[:place] + bytes([old[place] ^ 1]) + old[place + 1 :]
    file.write_bytes(new)
    try:
        after = read_suite(folder).digest
    except SuiteError:
        after = ""
    assert after != before


def test_a_file_of_one_samples_own_grader_is_in_the_digest(write_suite: Write) -> None:
    """Not only graders of kinds name files."""
    own = '{"id": "o", "input": "x", "graders": [{"check": "schema", "schema_file": "own.json"}]}\n'
    folder = write_suite(words=own)
    (folder / "own.json").write_text("{}")
    before = read_suite(folder).digest
    (folder / "own.json").write_text("[]")
    assert read_suite(folder).digest != before


def test_files_of_graders_within_graders_are_in_the_digest(write_suite: Write) -> None:
    """A rubric of an ensemble's member stands beside the suite, and decides its scores like any other file."""
    toml = TWO.replace(
        '[{ check = "exact" }]\nlabel',
        '[{ grader = "ensemble", graders = [{ grader = "judge", model = "m", rubric_file = "r.md" }, '
        '{ check = "not", of = { check = "schema", schema_file = "s.json" } }] }]\nlabel',
    )
    folder = write_suite(toml, a=GOOD, b='{"id": "h", "input": "x"}\n')
    (folder / "r.md").write_text("Kind?")
    (folder / "s.json").write_text('{"type": "object"}')
    suite = read_suite(folder)
    check_graders(suite.samples)
    assert suite.of("b")[0].graders[0]["graders"][0]["rubric_file"] == str(folder / "r.md")
    for name, text in (("r.md", "Brief?"), ("s.json", '{"type": "array"}')):
        before = read_suite(folder).digest
        (folder / name).write_text(text)
        assert read_suite(folder).digest != before
