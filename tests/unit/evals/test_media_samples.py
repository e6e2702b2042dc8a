"""Images, sounds and documents of a suite reach the model as parts, and what cannot be used is told where it stands."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.errors import SuiteError
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.spine import Spine
from assay.types import Audio, Document, Image, Text, Video

Write = Callable[..., Path]
TOML = """
name = "media"
version = "1"
[kinds.k]
samples = "k.jsonl"
graders = [{ check = "exact" }]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A suite's folder with files of each kind."""
    place = tmp_path / "suite"
    place.mkdir()
    for name in ("a.png", "a.WAV", "a.mp4", "a.pdf"):
        (place / name).write_bytes(f"bytes of {name}".encode())
    return place


def read(write_suite: Write, **line: Any) -> Suite:
    """A suite of one sample."""
    return read_suite(write_suite(TOML, k=[{"id": "s", "target": "x", **line}]))


def test_pieces_become_parts_in_their_order(write_suite: Write, folder: Path) -> None:
    """Each file is read from the suite's folder; its ending says what it is."""
    pieces = [
        {"text": "What is this?"}, {"image": "a.png", "detail": "low"}, {"audio": "a.WAV"}, {"video": "a.mp4"},
        {"document": "a.pdf"},
    ]  # fmt: skip
    text, image, audio, video, document = read(write_suite, input=pieces).samples[0].messages[0].parts
    assert text == Text(text="What is this?")
    assert image == Image(data=encoded("a.png"), media_type="image/png", detail="low")
    assert audio == Audio(data=encoded("a.WAV"), format="wav")
    assert video == Video(data=encoded("a.mp4"), media_type="video/mp4")
    assert document == Document(data=encoded("a.pdf"), media_type="application/pdf", name="a.pdf")


def encoded(name: str) -> str:
    """A file of the folder as it is sent."""
    return base64.b64encode(f"bytes of {name}".encode()).decode()


def test_documents_stand_before_pieces_and_follow_ups_may_show_images(write_suite: Write, folder: Path) -> None:
    """A context file is put into the first text; where there is none it is a part of its own."""
    (folder / "note.txt").write_text("It is blue.")
    sample = read(
        write_suite, input=[{"image": "a.png"}], context_files=["note.txt"], follow_ups=[[{"image": "a.png"}], "And?"]
    ).samples[0]
    shown, image = sample.messages[0].parts
    assert isinstance(shown, Text)
    assert "It is blue." in shown.text
    assert isinstance(image, Image)
    assert [type(message.parts[0]) for message in sample.follow_ups] == [Image, Text]


def test_a_files_content_is_part_of_the_digest(write_suite: Write, folder: Path) -> None:
    """Another image is another suite."""
    before = read(write_suite, input=[{"image": "a.png"}]).digest
    (folder / "a.png").write_bytes(b"other")
    assert read(write_suite, input=[{"image": "a.png"}]).digest != before


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([{"image": "missing.png"}], "cannot read .*missing.png: No such file"),
        ([{"image": "a.pdf"}], r"'a.pdf' has no ending that is known here: .png, .jpg"),
        ([{"image": "a.png", "text": "both"}], "a piece is one of text, image, audio, video, document"),
        ([{"detail": "low"}], "a piece is one of"),
        ([{"audio": "a.WAV", "detail": "low"}], "only an image has a detail"),
        ([{"picture": "a.png"}], "unknown field `picture`"),
        ([], "a list of pieces is empty"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(
    write_suite: Write, folder: Path, pieces: list[dict[str, str]], message: str
) -> None:
    """The error names the file and line of the sample, what is wrong and what to do."""
    with pytest.raises(SuiteError, match=rf"k.jsonl, line 1: .*{message}"):
        read(write_suite, input=pieces)


async def test_a_scripted_model_is_told_what_it_is_shown(
    write_suite: Write, folder: Path, make_spine: Callable[..., Spine]
) -> None:
    """A rule can ask for an image; the answer is graded like any other."""
    rules = [{"match": r"What is it\? \[image\] \[audio\]", "answer": "x"}]
    config = '[deployments.m]\nmodel = "x/m"\ndialect = "scripted"\nscript = "m.json"\n'
    spine = make_spine(config, {"m.json": {"rules": rules}})
    suite = read(write_suite, input=[{"text": "What is it?"}, {"image": "a.png"}, {"audio": "a.WAV"}])
    run = await Runner(spine, suite).open("m")
    await Runner(spine, suite).evaluate(run, suite.samples)
    assert [row.value for row in await spine.ledger.results(run.row.id)] == [1.0]


def test_only_the_user_shows_images(write_suite: Write, folder: Path) -> None:
    """No host takes an image from the system or the assistant."""
    turns = [{"role": "assistant", "content": [{"image": "a.png"}]}, {"role": "user", "content": "?"}]
    with pytest.raises(SuiteError, match="only the user's content is a list of pieces, not that of the assistant"):
        read(write_suite, messages=turns)


def test_an_empty_file_is_refused(write_suite: Write, folder: Path) -> None:
    """It would be paid for and say nothing."""
    (folder / "a.png").write_bytes(b"")
    with pytest.raises(SuiteError, match=r"a\.png is empty"):
        read(write_suite, input=[{"image": "a.png"}])


@pytest.mark.parametrize(
    "line",
    [
        {"input": [{"image": "pipe.png"}]}, {"input": [{"image": "endless.png"}]}, {"input": [{"image": "a\0.png"}]},
        {"input": "x", "context_files": ["pipe.png"]}, {"input": "x", "context_files": ["endless.png"]},
        {"input": "x", "context_files": ["a\0b"]},
        {"input": "x", "graders": [{"grader": "judge", "model": "j", "rubric_file": "pipe.png"}]},
    ],
)  # fmt: skip
def test_what_has_no_end_is_not_read(write_suite: Write, folder: Path, line: dict[str, Any]) -> None:
    """A pipe, a device and a name that no file has are refused: reading a suite always ends."""
    os.mkfifo(folder / "pipe.png")
    (folder / "endless.png").symlink_to("/dev/zero")
    with pytest.raises(SuiteError, match=r"no regular file|no file can be called so"):
        read(write_suite, **line)


def test_a_line_that_is_nested_without_an_end_is_refused(write_suite: Write, folder: Path) -> None:
    """It is told with its place, and is no mistake of ours."""
    deep = "[" * 100_000 + "]" * 100_000
    place = write_suite(TOML, k=[{"id": "s", "target": "x", "input": "y"}])
    (place / "k.jsonl").write_text(f'{{"id": "s", "input": "y", "target": {deep}}}\n')
    with pytest.raises(SuiteError, match=r"k.jsonl, line 1: it is nested too deeply"):
        read_suite(place)
