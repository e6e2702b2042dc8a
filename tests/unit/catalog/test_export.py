"""The catalogue as a file that other tools read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from assay.catalog.columns import columns
from assay.catalog.export import export
from assay.catalog.load import builtin
from assay.catalog.overview import overview
from assay.errors import CatalogError

ROWS = [row for row in overview(builtin()) if row["family"] in ("smollm2", "gpt-4")]


def test_csv_has_all_columns_and_unknown_is_empty(tmp_path: Path) -> None:
    """Lists are joined, tables are JSON, and a fact that nobody knows is no 0."""
    export(ROWS, tmp_path / "m.csv")
    with (tmp_path / "m.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [one["id"] for one in read] == [row["id"] for row in ROWS]
    assert set(read[0]) == set(columns())
    gpt = next(one for one in read if one["id"] == "openai/gpt-4o")
    assert gpt["parameters"] == ""
    assert "text" in gpt["input"].split(";")
    assert json.loads(gpt["weights"]) == []


def test_json_lines_are_the_rows(tmp_path: Path) -> None:
    """Nothing is lost."""
    export(ROWS, tmp_path / "m.JSONL")
    assert [json.loads(line) for line in (tmp_path / "m.JSONL").read_text().splitlines()] == json.loads(
        json.dumps(ROWS)
    )


def test_parquet_has_typed_columns(tmp_path: Path) -> None:
    """Numbers are numbers, lists lists, and null null."""
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "m.parquet"
    export(ROWS, path)
    with duckdb.connect() as connection:
        described = "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet(?))"
        typed = dict(connection.execute(described, [str(path)]).fetchall())
        asked = (
            "SELECT parameters, tools, list_contains(input, 'image') FROM read_parquet(?) WHERE id = 'openai/gpt-4o'"
        )
        assert connection.execute(asked, [str(path)]).fetchall() == [(None, True, True)]
        assert connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone() == (len(ROWS),)
    assert set(typed) == set(columns())
    assert (typed["context_tokens"], typed["tools"], typed["input"]) == ("DOUBLE", "BOOLEAN", "VARCHAR[]")


@pytest.mark.parametrize("name", ["m.xlsx", "m", "nowhere/m.csv", "nowhere/m.parquet", f"{'m' * 250}.csv"])
def test_what_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    """The ending, the folder or the length of the name; nothing is left behind."""
    with pytest.raises(CatalogError, match=name.split("/")[-1]):
        export(ROWS, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
