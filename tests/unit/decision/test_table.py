"""Aligned columns, and what gives where the line is too long."""

from __future__ import annotations

from assay.decision.table import table

HEAD = ("model", "tokens/s", "licence")


def test_the_widest_column_gives_and_numbers_stay_whole() -> None:
    """A long licence is cut, with a mark; the name and the figures are not."""
    head, line = table(HEAD, [("maker/a-model-of-its-own", "0.04 to 0.18", "L" * 80)], most=60)
    assert len(line) == 60
    assert line.startswith("maker/a-model-of-its-own  0.04 to 0.18  LLL")
    assert line.endswith("L…")
    assert head.split() == list(HEAD)


def test_the_name_gives_last() -> None:
    """Only where all other columns are as narrow as they may be."""
    [_, line] = table(HEAD, [("n" * 60, "0.04 to 0.18", "L" * 80)], most=60)
    assert line == "n" * 31 + "…  0.04 to 0.18  " + "L" * 11 + "…"


def test_what_fits_is_not_cut() -> None:
    """Nor is anything where no length is given, or where nothing is wide enough to give."""
    rows = [("n" * 60, "1", "L" * 80)]
    assert table(HEAD, rows) == table(HEAD, rows, most=300)
    assert table(("a", "b"), [("1" * 12, "2" * 12)], most=5)[1] == "1" * 12 + "  " + "2" * 12


def test_no_cell_writes_upon_the_terminal() -> None:
    """A client names its kind of work, and a host its error: a row stays one line, and its letters are shown."""
    rows = [("red\x1b[31m", "a\nb\tc", "\u202eesrever"), ("\x9b31m", "grün 🦊", "\r")]
    assert table(HEAD, rows)[1:] == [
        "red\\x1b[31m  a b c     \\u202eesrever",
        "\\x9b31m      grün 🦊",
    ]
