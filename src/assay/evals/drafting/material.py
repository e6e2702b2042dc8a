"""What drafts are made from: a description, documents, code, real traffic, samples that are there."""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from assay.errors import SuiteError
from assay.evals.suites.readable import said, told
from assay.evals.suites.samples import Document
from assay.evals.suites.suite import Sample
from assay.inference.bodies import read as read_body
from assay.ledger.exchanges import Exchanges
from assay.ledger.rows import ExchangeRow
from assay.ledger.store import Ledger
from assay.privacy.label import at_least
from assay.privacy.redaction import Redactor
from assay.types import JsonObject, Label

__all__ = ["Passage", "copy", "from_code", "from_documents", "from_ledger", "from_seeds"]

CHUNK_CHARS = 2_400
"""A longer document is cut between paragraphs: a model writes better questions about one page than about fifty."""

LOGS = 200
"""Requests of the ledger that are looked at, the newest ones."""

MAX_FILE_BYTES = 2_000_000
_DOCUMENTS = (".md", ".txt", ".rst", ".html", ".adoc", ".csv", ".json")
_CODE = (".py", ".js", ".ts", ".go", ".rs", ".java", ".rb", ".c", ".h", ".cpp", ".cs", ".php", ".sql", ".sh")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")

Source = Literal["description", "document", "code", "log", "seed"]


class Passage(NamedTuple):
    """A piece of what there is.

    Attributes:
        source: what it is.
        text: what a model is shown.
        origin: where it is from, kept with every sample that it led to.
        example: the sample that is to be varied, where it is a seed.
        shown: files of the suite that its samples show; its document, if that is wanted.
        label: of the sample or the request that it is.
    """

    source: Source
    text: str
    origin: JsonObject
    example: Sample | None = None
    shown: tuple[str, ...] = ()
    label: Label = Label.UNLABELLED

    @property
    def in_front(self) -> str:
        """What stands before a sample's input when the suite is read."""
        return f"{Document(Path(self.shown[0]).stem, self.text)}\n" if self.shown else ""


def from_documents(paths: Iterable[Path], *, shown_in: str = "") -> Iterator[Passage]:
    """Documents, or folders of them, page by page; with `shown_in` the samples show them, from that folder.

    Raises:
        SuiteError: a path is missing, or a file is no text.
    """
    for path in _files(paths, _DOCUMENTS):
        for number, chunk in enumerate(_chunks(_read(path)), 1):
            shown = (f"{shown_in}/{path.name}",) if shown_in else ()
            yield Passage("document", chunk, {"from": "document", "file": path.name, "part": number}, shown=shown)


def from_code(paths: Iterable[Path]) -> Iterator[Passage]:
    """Code: Python by function and class, other languages page by page; errors as in `from_documents`."""
    for path in _files(paths, _CODE):
        text = _read(path)
        pieces = _definitions(text) if path.suffix == ".py" else [(f"part {n}", one) for n, one in _numbered(text)]
        for name, piece in pieces:
            yield Passage("code", piece, {"from": "code", "file": path.name, "name": name})


async def from_ledger(ledger: Ledger, kind: str) -> AsyncIterator[Passage]:
    """Real requests of a kind, where routes keep bodies: new samples are written in their manner. The newest `LOGS`."""
    newest: deque[ExchangeRow] = deque(maxlen=LOGS)
    async for page in Exchanges(ledger).pages(kind=kind):
        newest.extend(page)
    redactor = Redactor(personal=True)
    for row, kept in ((row, read_body(row)) for row in newest):
        if kept is None:  # a digest only
            continue
        text = redactor.begin().text(told(kept.request.messages)[:CHUNK_CHARS])
        label = at_least(Label.PUBLIC, row.label)  # one that nobody knows is the strictest
        yield Passage("log", text, {"from": "log", "request_id": row.request_id}, label=label)


def from_seeds(samples: Iterable[Sample]) -> Iterator[Passage]:
    """Samples that are there, each to be varied."""
    for sample in samples:
        yield Passage("seed", said(sample), {"from": "seed", "sample": sample.id}, sample, label=sample.label)


def copy(paths: Iterable[Path], folder: Path) -> None:
    """Copy documents into a folder of the suite, for samples to show them.

    Raises:
        SuiteError: one is missing, two have one name, or they cannot be written.
    """
    for path in _files(paths, _DOCUMENTS):
        target = folder / path.name
        text = _read(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if target.exists() and target.read_text("utf-8") != text:
                raise SuiteError(f"{target} is there with another content; give {path} another name")
            target.write_text(text, "utf-8")
        except OSError as error:
            raise SuiteError(f"cannot write {target}: {error.strerror}") from error


# ------------------------------------------------------------------------------------------- files


def _files(paths: Iterable[Path], endings: tuple[str, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = [
                file for file in sorted(path.rglob("*")) if file.suffix.lower() in endings and _visible(file, path)
            ]
            if not found:
                raise SuiteError(f"{path} has no file that ends in {', '.join(endings)}; name files, or another folder")
            yield from found
        else:
            yield path


def _visible(file: Path, below: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(below).parts)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SuiteError(f"{path} is larger than {MAX_FILE_BYTES:,} bytes; name smaller files, or a part of it")
        return path.read_text("utf-8")
    except OSError as error:
        raise SuiteError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path} is no UTF-8 text ({error.reason}); convert it first") from error


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(_chunks(text), 1)


def _chunks(text: str) -> Iterator[str]:
    """Paragraphs together as far as they fit; a paragraph that is longer alone is cut at lines, then anywhere."""
    held = ""
    for paragraph in _PARAGRAPH.split(text.strip()):
        for piece in _pieces(paragraph):
            if held and len(held) + len(piece) + 2 > CHUNK_CHARS:
                yield held
                held = ""
            held = f"{held}\n\n{piece}" if held else piece
    if held.strip():
        yield held


def _pieces(paragraph: str) -> Iterator[str]:
    while len(paragraph) > CHUNK_CHARS:
        cut = paragraph.rfind("\n", 1, CHUNK_CHARS)
        cut = cut if cut > 0 else CHUNK_CHARS
        yield paragraph[:cut]
        paragraph = paragraph[cut:].lstrip("\n")
    if paragraph.strip():
        yield paragraph


def _definitions(text: str) -> list[tuple[str, str]]:
    """`(name, source)` of the functions and classes on the top level; the whole file where there is none."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return [(f"part {number}", piece) for number, piece in _numbered(text)]
    found = [
        (node.name, (ast.get_source_segment(text, node) or "")[:CHUNK_CHARS])
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    return found or [(f"part {number}", piece) for number, piece in _numbered(text)]
