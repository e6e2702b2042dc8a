"""Tables with a question a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from round_trip import comes_back, exported, imported, passes

from assay.errors import SuiteError

CSV = """\ufeffnr,question,answer,topic,customer
1,"Which part, please?
The small one.",brake pad,parts,c1
2,"He said ""now"".",yes,time,c2
3,What?,,time,c1
4,Too,many,cells,c1,here
5,,empty,time,c1
6,"a, b",Grüße,time,
"""


def test_a_csv_file_becomes_samples_and_told_refusals(tmp_path: Path) -> None:
    """Quoted newlines, a byte-order mark, kinds and groups by column; each bad row is told with its line."""
    file = tmp_path / "q.csv"
    file.write_text(CSV, "utf-8")
    columns = {"kind": "topic", "group": "customer", "id": "nr"}
    made = imported("table", file, tmp_path / "suite", columns=columns)
    assert {key: one["kind"] for key, one in made.samples.items()} == {"1": "parts", "2": "time", "6": "time"}
    assert made.samples["1"]["input"] == "Which part, please?\nThe small one."
    assert made.samples["1"]["group"] == "c1"
    assert made.samples["1"]["origin"] == {"format": "table", "file": "q.csv", "place": "line 2"}
    assert made.samples["6"]["target"] == "Grüße"
    assert "1: it has 6 cells, and the header names 5 columns (q.csv, line 6)" in made.reasons
    assert "compares with a target and got none" in made.reasons
    assert "its input is empty (q.csv, line 7)" in made.reasons
    assert any("'question' is taken for the input" in note for note in made.notes)
    assert passes(made.folder, "1", "Brake pad.")
    assert not passes(made.folder, "1", "saddle")


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl"])
def test_a_table_comes_back_as_it_was(ending: str, tmp_path: Path) -> None:
    """Numbers, texts that look like numbers or JSON, lists, conversations, meta and graders survive each form."""
    rows = [
        {"id": "a", "input": "2 + 3?", "target": 5, "note": {"deep": [1, None]}},
        {"id": "b", "input": "Say 5", "target": "5", "group": "g"},
        {"id": "c", "input": 'Give [{"x": 1}]', "target": ['["x"]', "y"], "flag": True},
        {"id": "d", "messages": None, "input": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
         "target": "t"},
    ]  # fmt: skip
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = imported("table", file, tmp_path / "suite", graders=({"check": "contains"},), heldout=0.5)
    assert set(made.samples) == {"a", "b", "c", "d"}
    assert {one.get("split", "heldout") for one in made.samples.values()} == {"dev", "heldout"}
    again = comes_back("table", made, tmp_path, f"out{ending}")
    assert again.samples["a"]["meta"] == {"note": {"deep": [1, None]}}
    assert again.samples["c"]["target"] == ['["x"]', "y"]


def test_what_a_table_is_without_a_usable_column(tmp_path: Path) -> None:
    """A file with nothing to ask, a column that is not there, two of one name: each is refused with what to do."""
    file = tmp_path / "t.csv"
    file.write_text("colour,size\nred,1\n")
    with pytest.raises(SuiteError, match="name it with --input, one of colour, size"):
        imported("table", file, tmp_path / "suite")
    with pytest.raises(SuiteError, match="no column 'color' for its input; did you mean 'colour'"):
        imported("table", file, tmp_path / "suite", columns={"input": "color"})
    file.write_text("a,a\n1,2\n")
    with pytest.raises(SuiteError, match="two columns are called 'a'"):
        imported("table", file, tmp_path / "suite")


def test_encodings_are_seen_or_named(tmp_path: Path) -> None:
    """UTF-16 says so itself; another encoding must be named, and the message says how."""
    file = tmp_path / "t.csv"
    file.write_text("input;target\nGrüße?;ja\n", "utf-16")
    assert imported("table", file, tmp_path / "one").only()["input"] == "Grüße?"
    file.write_bytes("input;target\nGrüße?;ja\n".encode("cp1252"))
    with pytest.raises(SuiteError, match=r"is not utf-8 .*--encoding"):
        imported("table", file, tmp_path / "two")
    assert imported("table", file, tmp_path / "two", encoding="cp1252").only()["input"] == "Grüße?"
    with pytest.raises(SuiteError, match="no encoding 'klingon'"):
        imported("table", file, tmp_path / "three", encoding="klingon")


def test_a_quote_that_never_ends_stops_the_import(tmp_path: Path) -> None:
    """Every row after it would be another than the file means."""
    file = tmp_path / "t.csv"
    file.write_text('input,target\n"open,1\nnext,2\n')
    with pytest.raises(SuiteError, match=r"t\.csv, line \d: .*read wrongly"):
        imported("table", file, tmp_path / "suite")


def test_lines_that_are_no_objects_are_told(tmp_path: Path) -> None:
    """Broken JSON, a list, half a character: the lines around them are samples."""
    file = tmp_path / "t.jsonl"
    file.write_text('{"input": "a", "target": "b"}\n{"input":\n[1]\n{"input": "\\ud800", "target": "c"}\n\n')
    made = imported("table", file, tmp_path / "suite")
    assert len(made.samples) == 1
    assert "is no JSON" in made.reasons
    assert "it is list and no object" in made.reasons
    assert "t.jsonl, line 4" in made.reasons


def test_the_last_word_of_an_assistant_is_the_target(tmp_path: Path) -> None:
    """Conversations as they are used for tuning end with the right answer; a tool's call stays in the history."""
    call = {"id": "c1", "type": "function", "function": {"name": "price", "arguments": '{"part": "pad"}'}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "How much?"}], "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "5 EUR"},
        {"role": "assistant", "content": "5 EUR"},
    ]
    file = tmp_path / "t.jsonl"
    file.write_text(json.dumps({"messages": messages}) + "\n")
    made = imported("table", file, tmp_path / "suite")
    sample = made.only()
    assert sample["target"] == "5 EUR"
    assert sample["messages"][1]["tool_calls"] == [{"id": "c1", "name": "price", "arguments": {"part": "pad"}}]
    assert sample["meta"]["names"] == ["ann", None, None]
    comes_back("table", made, tmp_path, "out.jsonl")


def test_images_are_refused_by_name(tmp_path: Path) -> None:
    """Only texts are carried over."""
    content = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    file = tmp_path / "t.json"
    file.write_text(json.dumps({"data": [{"messages": [{"role": "user", "content": content}], "target": "x"}]}))
    made = imported("table", file, tmp_path / "suite")
    assert "a message shows 'image_url'" in made.reasons


def test_parquet_is_read_in_this_process(tmp_path: Path) -> None:
    """Nested values, dates and decimals become JSON; a file that is none is told."""
    duckdb = pytest.importorskip("duckdb")
    file = tmp_path / "t.parquet"
    more = "{'d': DATE '2026-01-02', 'p': 1.50::DECIMAL(4, 2)} AS more"
    duckdb.sql(f"SELECT 'Q' || i AS question, i AS answer, {more} FROM range(3) t(i)").write_parquet(str(file))
    made = imported("table", file, tmp_path / "suite")
    assert [one["target"] for one in made.samples.values()] == [0, 1, 2]
    assert next(iter(made.samples.values()))["meta"] == {"more": {"d": "2026-01-02", "p": 1.5}}
    file.write_bytes(b"PAR1 no")
    with pytest.raises(SuiteError, match="cannot read"):
        imported("table", file, tmp_path / "two")


def test_ids_are_stable_and_unlike(tmp_path: Path) -> None:
    """Made of the content where there is none; a second one of a name gets a number, and that is noted."""
    file = tmp_path / "t.csv"
    file.write_text("input,target\na,b\nc,d\n")
    first = set(imported("table", file, tmp_path / "one").samples)
    file.write_text("input,target\nc,d\na,b\na,b\n")
    made = imported("table", file, tmp_path / "two")
    assert first < set(made.samples)
    assert len(made.samples) == 3
    assert any("the same content" in note for note in made.notes)
    file.write_text("input,target\n" + "same,x\n" * 5000)
    assert len(imported("table", file, tmp_path / "three").samples) == 5000


def test_what_cannot_be_shown_is_not_exported(tmp_path: Path) -> None:
    """An image of the suite and a grader's file have no place in a table: told by their samples."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "suite.toml").write_text(
        'name = "s"\nversion = "1"\n[kinds.a]\nsamples = "a.jsonl"\ngraders = [{ check = "exact" }]\n'
    )
    lines = [
        {"id": "1", "input": "fine", "target": "x", "follow_ups": ["and now?"]},
        {"id": "2", "input": [{"image": "p.png"}], "target": "x"},
        {"id": "3", "input": "sql", "target": "x", "graders": [{"check": "schema", "schema_file": "s.json"}]},
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    outgoing = exported("table", folder, tmp_path / "out.jsonl")
    assert outgoing.count == 1
    assert [one.first for one in outgoing.refused.told] == [("a, sample 2",), ("a, sample 3",)]
    assert imported("table", tmp_path / "out.jsonl", tmp_path / "again").only()["follow_ups"] == ["and now?"]
    with pytest.raises(SuiteError, match=r"written as \.csv, \.tsv or \.jsonl"):
        exported("table", folder, tmp_path / "out.xlsx")
