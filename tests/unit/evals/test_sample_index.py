"""Samples that stay in their files: looked up, cut, ordered, and read when they are looked at."""

from __future__ import annotations

import gc
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.errors import SuiteError
from assay.evals.suites.samples import read_line
from assay.evals.suites.suite import Samples, Suite, read_suite

WriteSuite = Callable[..., Path]
TWO = """
name = "two"
version = "1"
[kinds.a]
samples = "a.jsonl"
graders = [{ check = "exact" }]
[kinds.b]
samples = "b.jsonl"
graders = [{ check = "exact" }]
"""


@pytest.fixture
def two(write_suite: WriteSuite) -> Suite:
    """Five samples of one kind, three of another; one with graders of its own, every second for development."""
    a = [{"id": f"a{n}", "input": f"ask {n}", "split": "dev" if n % 2 else "heldout"} for n in range(5)]
    b = [{"id": f"b{n}", "input": f"ask {n}"} for n in range(3)]
    b[1] |= {"graders": [{"check": "regex", "pattern": "x"}]}  # type: ignore[dict-item]
    return read_suite(write_suite(TWO, a=a, b=b))


def test_no_sample_is_read_to_count_cut_or_order_them(two: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids, kinds, splits and orders are known without a look into the files."""
    monkeypatch.setattr("assay.evals.suites.reading.read_line", lambda *_: pytest.fail("a sample was read"))
    assert (len(two.samples), len(two.of("b")), len(two.of("a", "dev"))) == (8, 3, 2)
    assert [head.kind for head in two.samples.heads] == ["a"] * 5 + ["b"] * 3
    assert sorted(two.samples.shuffled(3).ids) == sorted(two.samples.ids)
    assert two.of("a").has("a1")
    assert not two.of("a", "heldout").has("a1")
    assert not two.samples.has("c0")


def test_a_sample_is_what_its_line_says(two: Suite) -> None:
    """What is read later is what a whole reading would have given: input, graders, file and line."""
    sample = two.of("b")[1]
    assert (sample.id, sample.messages[0].text, sample.graders[0]["pattern"]) == ("b1", "ask 1", "x")
    assert sample.where.endswith("b.jsonl, line 2")
    assert [one.id for one in two.samples[5:]] == ["b0", "b1", "b2"]
    assert Samples.held(tuple(two.samples)) == two.samples


def test_a_limit_takes_the_same_samples_and_a_larger_one_more(two: Suite) -> None:
    """So many of each kind, by the seed: a larger cut holds the smaller."""
    one, two_each = two.limited(1, seed=5), two.limited(2, seed=5)
    assert [len(two_each.of(kind)) for kind in ("a", "b")] == [2, 2]
    assert set(one.samples.ids) < set(two_each.samples.ids)
    assert list(one.samples.ids) == list(two.limited(1, seed=5).samples.ids)
    assert one.digest == two.digest


def test_samples_by_name(two: Suite) -> None:
    """Named samples are all that is left, with their kinds; an unknown name is refused with a near one."""
    cut = two.named(("b2",))
    assert (list(cut.samples.ids), list(cut.kinds)) == (["b2"], ["b"])
    with pytest.raises(SuiteError, match="no sample 'b7' here"):
        two.named(("a1", "b7"))


def test_specimens_have_all_graders(two: Suite) -> None:
    """One sample for each kind stands for all that have the kind's graders."""
    assert [sample.id for sample in two.samples.specimens()] == ["a0", "b0", "b1"]


def test_a_file_that_is_changed_in_use_is_refused(two: Suite) -> None:
    """A line is never read from where another one stood."""
    two.samples[0]
    with (Path(two.folder) / "a.jsonl").open("a") as file:
        file.write('{"id": "new", "input": "x"}\n')
    with pytest.raises(SuiteError, match=r"a\.jsonl was changed while it was in use; run the command again"):
        two.samples[3]


def test_a_file_that_is_replaced_stays_as_it_was(two: Suite, tmp_path: Path) -> None:
    """An editor that writes anew and renames changes nothing for who has read the suite."""
    (tmp_path / "new").write_text("not even JSON")
    os.replace(tmp_path / "new", Path(two.folder) / "a.jsonl")
    assert two.samples[4].messages[0].text == "ask 4"


def test_a_line_longer_than_a_page_is_read_whole(write_suite: WriteSuite) -> None:
    """The end of a line is looked for as far as it takes."""
    long = "word " * 20_000
    suite = read_suite(write_suite(words=[{"id": "a", "input": "x"}, {"id": "b", "input": long}]))
    assert suite.samples[1].messages[0].text == long


def test_an_id_that_is_there_twice_names_both_places(write_suite: WriteSuite) -> None:
    """Also among many: the message names file and line of both."""
    lines = [{"id": f"s{n}", "input": "x"} for n in range(300)] + [{"id": "s7", "input": "y"}]
    with pytest.raises(SuiteError, match=r"line 301: id 's7' was used already, in .*line 8"):
        read_suite(write_suite(words=lines))


def test_a_large_suite_takes_little_memory(write_suite: WriteSuite) -> None:
    """What stays of a sample is some 50 bytes, however long its text is."""
    text = "a long question " * 20
    folder = write_suite(words=[{"id": f"s{n}", "input": f"{text}{n}"} for n in range(10_000)])
    read_line(b'{"id": "a", "input": "b"}', "")  # decoders are made once
    tracemalloc.start()
    try:
        suite = read_suite(folder)
        suite.samples.shuffled(1)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


def test_the_order_of_a_seed_does_not_depend_on_how_it_is_made(two: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted piece by piece it is the order of all ids, shuffled by the seed, as it was for earlier runs."""
    order = sorted(two.samples.ids)
    random.Random(9).shuffle(order)  # noqa: S311 - an order, not a secret
    for at_once in (1, 3, 4096):
        monkeypatch.setattr("assay.evals.suites.index._SORTED_AT_ONCE", at_once)
        assert list(two.samples.shuffled(9).ids) == order


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not list open files")
def test_files_are_closed_with_the_last_sequence(write_suite: WriteSuite) -> None:
    """A process that reads suites again and again does not run out of files, whenever garbage is collected."""
    folder = write_suite()
    gc.collect()
    gc.disable()
    try:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            assert len(read_suite(folder).samples) == 1
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        gc.enable()
