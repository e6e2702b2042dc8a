"""Writing suites: what is written can be read, and is there as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.errors import SuiteError
from assay.evals.suites.samples import SampleLine
from assay.evals.suites.suite import read_suite
from assay.evals.suites.suite_files import read_raw_lines, read_suite_files
from assay.evals.suites.writing import NewKind, append_samples, replaced, write_suite

EXACT = {"graders": [{"check": "exact"}]}


def line(ident: str, text: str = "ask", **more: object) -> SampleLine:
    """A sample."""
    return SampleLine(id=ident, input=text, target="yes", **more)  # type: ignore[arg-type]


def two(folder: Path, **given: object) -> Path:
    """Writes a suite of two kinds."""
    kinds = [
        NewKind("a.words", [line("a1", split="dev"), line("a2")], EXACT | {"bar": 0.8}),
        NewKind("b", iter([line("b1", "Grüße “x”")]), EXACT),
    ]
    return write_suite(folder, name="new", version="1", kinds=kinds, **given)  # type: ignore[arg-type]


def names(folder: Path) -> list[str]:
    """What a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def test_written_suite_is_read_back(tmp_path: Path) -> None:
    """Kinds, tables, splits and texts come back as they were given."""
    suite = read_suite(two(tmp_path / "deep" / "suite", description="of tests"))
    assert (suite.name, suite.version, suite.description) == ("new", "1", "of tests")
    assert suite.kinds["a.words"].bar == 0.8
    assert [(s.id, s.split) for s in suite.samples] == [("a1", "dev"), ("a2", "heldout"), ("b1", "heldout")]
    assert suite.of("b")[0].messages[0].text == "Grüße “x”"


def test_further_files_stand_beside_the_samples(tmp_path: Path) -> None:
    """Documents and tools are written with the suite."""
    folder = two(tmp_path / "suite", files={"docs/a.md": b"text"})
    assert (folder / "docs" / "a.md").read_bytes() == b"text"


def test_folder_with_content_is_refused(tmp_path: Path) -> None:
    """Nothing of a team's is overwritten unasked; an empty folder is fine."""
    (tmp_path / "empty").mkdir()
    two(tmp_path / "empty")
    with pytest.raises(SuiteError, match="folder with content"):
        two(tmp_path / "empty")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SuiteError, match="is a file"):
        two(tmp_path / "file")


def test_overwriting_keeps_other_files(tmp_path: Path) -> None:
    """Only the files that are written are exchanged."""
    folder = two(tmp_path / "suite", files={"note.md": b"mine"})
    write_suite(folder, name="newer", version="2", kinds=[NewKind("b", [line("x")], EXACT)], overwrite=True)
    assert read_suite(folder).name == "newer"
    assert names(folder) == ["a.words.jsonl", "b.jsonl", "note.md", "suite.toml"]


def test_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    """A generator that breaks in the middle leaves no half of a suite."""

    def broken() -> Iterator[SampleLine]:
        yield line("a")
        raise SuiteError("no more")

    with pytest.raises(SuiteError, match="no more"):
        write_suite(tmp_path / "suite", name="n", version="1", kinds=[NewKind("k", broken(), EXACT)])
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([], "no kinds"),
        ([NewKind("k", [], EXACT)], "no samples"),
        ([NewKind("k", [line("a"), line("a")], EXACT)], "used twice"),
        ([NewKind("k", [line("a")], EXACT), NewKind("k", [line("b")], EXACT)], "there twice"),
        ([NewKind("k", [line("a")], {"graders": [], "barr": 1})], "barr"),
        ([NewKind("k", [line("a")], EXACT | {"samples": "../out.jsonl"})], "outside"),
        ([NewKind("k", [SampleLine(id="a")], EXACT)], "either input or messages"),
        ([NewKind("k", [line("a", "\ud800")], EXACT)], "no JSON"),
    ],
)
def test_what_cannot_be_read_is_not_written(tmp_path: Path, kinds: list[NewKind], said: str) -> None:
    """Each mistake is named, and no folder is made."""
    with pytest.raises(SuiteError, match=said):
        write_suite(tmp_path / "suite", name="n", version="1", kinds=kinds)
    assert names(tmp_path) == []


def test_files_outside_of_the_folder_are_refused(tmp_path: Path) -> None:
    """A further file cannot be written anywhere else."""
    with pytest.raises(SuiteError, match="outside"):
        two(tmp_path / "suite", files={"../x": b""})


def test_kinds_whose_names_make_one_file_get_two(tmp_path: Path) -> None:
    """Signs that a file's name cannot have, and case, never join two kinds."""
    kinds = [NewKind(name, [line(name)], EXACT) for name in ("a/b", "a b", "A-b", "../..")]
    folder = write_suite(tmp_path / "suite", name="n", version="1", kinds=kinds)
    assert names(folder) == ["A-b-3.jsonl", "a-b-2.jsonl", "a-b.jsonl", "kind.jsonl", "suite.toml"]
    assert set(read_suite(folder).kinds) == {"a/b", "a b", "A-b", "../.."}


def test_samples_are_appended_and_earlier_bytes_kept(tmp_path: Path) -> None:
    """What was there stays byte for byte, also where its last line had no end."""
    folder = two(tmp_path / "suite")
    file = folder / "b.jsonl"
    before = b'{"target":"yes",  "id":"b1","input":"x"}'
    file.write_bytes(before)
    assert append_samples(folder, "b", [line("b2"), line("b3")]) == file
    assert file.read_bytes().startswith(before + b"\n")
    assert [s.id for s in read_suite(folder).of("b")] == ["b1", "b2", "b3"]


@pytest.mark.parametrize(("kind", "ident", "said"), [("c", "x", "no kind 'c'"), ("b", "a1", "used twice")])
def test_wrong_appending_changes_nothing(tmp_path: Path, kind: str, ident: str, said: str) -> None:
    """An unknown kind, or an id of another kind, adds none of the samples."""
    folder = two(tmp_path / "suite")
    before = (folder / "b.jsonl").read_bytes()
    with pytest.raises(SuiteError, match=said):
        append_samples(folder, kind, [line("new"), line(ident)])
    assert (folder / "b.jsonl").read_bytes() == before
    assert names(folder) == ["a.words.jsonl", "b.jsonl", "suite.toml"]


def test_replacing_keeps_the_mode(tmp_path: Path) -> None:
    """A file that is exchanged has the rights that it had."""
    file = tmp_path / "f"
    file.write_bytes(b"old")
    file.chmod(0o640)
    with replaced(file) as new:
        new.write(b"new")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o640)


def test_lines_come_as_they_stand(tmp_path: Path) -> None:
    """Raw lines joined are the file; an empty one has no id."""
    file = tmp_path / "f.jsonl"
    file.write_bytes(b'{"id": "a"}\n\n{"id": "b"}\r\n')
    found = list(read_raw_lines(file))
    assert [one.id for one in found] == ["a", None, "b"]
    assert b"".join(one.data for one in found) == file.read_bytes()
    file.write_bytes(b"{}\n")
    with pytest.raises(SuiteError, match="line 1"):
        list(read_raw_lines(file))


def test_suite_files_name_what_is_wrong(tmp_path: Path) -> None:
    """A missing or wrong table is told with its file."""
    with pytest.raises(SuiteError, match="cannot read"):
        read_suite_files(tmp_path)
    (tmp_path / "suite.toml").write_text("name = 3")
    with pytest.raises(SuiteError, match=r"suite\.toml: "):
        read_suite_files(tmp_path)


def test_profiles_name_kinds(tmp_path: Path) -> None:
    """A profile stands for its kinds; one that names none there is is refused, and so is an unknown profile."""
    folder = two(tmp_path / "suite")
    file = folder / "suite.toml"
    plain = file.read_text()
    with pytest.raises(SuiteError, match=r"no profile .* add a table"):
        read_suite(folder).kinds_of(("leakage",))
    file.write_text(plain + '\n[profiles.leakage]\nkinds = ["b"]\n')
    suite = read_suite(folder)
    assert suite.kinds_of(("leakage",), ("a.words", "b")) == ("a.words", "b")
    assert suite.kinds_of(()) == ()
    with pytest.raises(SuiteError, match="no profile 'leak'"):
        suite.kinds_of(("leak",))
    file.write_text(plain + '\n[profiles.leakage]\nkinds = ["c"]\n')
    with pytest.raises(SuiteError, match=r"profiles\.leakage\.kinds: no kind 'c'"):
        read_suite(folder)
