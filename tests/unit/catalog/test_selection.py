"""Filters on the catalogue: conditions as they are written, what is unknown, the order, and what is told of it."""

from __future__ import annotations

from datetime import date
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.catalog.columns import column, columns
from assay.catalog.load import builtin
from assay.catalog.overview import ModelRow, known, row_of
from assay.catalog.selection import Order, select, unheard
from assay.catalog.where import condition
from assay.errors import CatalogError

TODAY = date(2026, 11, 26)
PLAIN = row_of(builtin().find("huggingfacetb/smollm2-135m-instruct"), builtin())


def row(**facts: Any) -> ModelRow:
    """A row with these facts, and nothing else known."""
    blank: Any = {name: None for name in ModelRow.__annotations__}
    blank |= {"id": "m/m", "name": "M", "family": "fam", "maker": "Maker", "hosts": [], "weights": [], "benchmarks": {}}
    return {**blank, "facts_known": 1, "unverified": [], **facts}


@pytest.mark.parametrize(
    ("text", "facts", "met"),
    [
        ("context_tokens>=128k", {"context_tokens": 128_000}, True),
        ("context_tokens>128k", {"context_tokens": 128_000}, False),
        ("context_tokens >= 131_072", {"context_tokens": 131_072}, True),
        ("parameters<=8B", {"parameters": 8_030_261_248}, False),
        ("parameters<=8.1b", {"parameters": 8_030_261_248}, True),
        ("output_usd_per_mtok<0.6", {"output_usd_per_mtok": 0.5}, True),
        ("user_cap=0", {"user_cap": 0}, True),
        ("tools=yes", {"tools": True}, True),
        ("tools!=yes", {"tools": False}, True),
        ("gated=no", {"gated": True}, False),
        ("input=image", {"input": ["text", "image"]}, True),
        ("input!=image", {"input": ["text"]}, True),
        ("input!=image|audio", {"input": ["text", "audio"]}, False),
        ("input=image|audio", {"input": ["text", "audio"]}, True),
        ("engines~llama", {"engines": ["llama.cpp"]}, True),
        ("licence=MIT|apache-2.0", {"licence": "mit"}, True),
        ("licence!=mit|apache-2.0", {"licence": "gemma"}, True),
        ("maker~ali", {"maker": "Alibaba"}, True),
        ("maker=ali", {"maker": "Alibaba"}, False),
        ("released>=2026", {"released": "2026-02-16"}, True),
        ("released<=2026-02", {"released": "2026-02-16"}, True),
        ("released>2026-02", {"released": "2026-02-16"}, False),
        ("released=2026-02", {"released": "2026-02-16"}, True),
        ("retires>today", {"retires": "2026-11-26"}, False),
        ("retires<=90d", {"retires": "2027-02-24"}, True),
        ("retires<=90d", {"retires": "2027-02-25"}, False),
        ("mmlu-pro>=70", {"benchmarks": {"mmlu-pro": 71.5}}, True),
        ("tools=yes", {}, None),
        ("tools=yes?", {}, True),
        ("tools=yes?", {"tools": False}, False),
        ("retires=unknown", {}, True),
        ("retires=unknown", {"retires": "2027"}, False),
        ("retires!=unknown", {"retires": "2027"}, True),
        ("mmlu-pro>=70", {}, None),
    ],
)
def test_a_condition_reads_as_it_is_written(text: str, facts: dict[str, Any], met: bool | None) -> None:
    """Numbers with units, days as exactly as they are said, lists by what they hold; unknown meets nothing unasked."""
    assert condition(text, TODAY, {"mmlu-pro"}).met(row(**facts)) is met


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("contxt_tokens>=1", "did you mean 'context_tokens'"),
        ("mmlu-por>=1", "did you mean 'mmlu-pro'"),
        ("context_tokens", "is no condition; write NAME>=VALUE"),
        ("context_tokens>=", "is no condition"),
        ("context_tokens>=lots", "'lots' is not a number of tokens; write 7, 0.6, 128k, 8B or unknown"),
        ("output_usd_per_mtok<=5 USD", "USD per million tokens"),
        ("tools=perhaps", "is not yes, no or unknown"),
        ("tools>yes", "tools is a yes-no and takes = !="),
        ("released>=spring", "is not a day; write 2026, 2026-03"),
        ("context_tokens~1", "context_tokens is a number and takes >= <= > < = !="),
        ("licence>mit", "licence is a text and takes = != ~"),
        ("weights=Q4", "weights is a table and cannot be compared"),
        ("retires>unknown", "what is unknown takes = or !="),
    ],
)
def test_a_wrong_condition_is_told_with_what_to_write(text: str, said: str) -> None:
    """The nearest column, the unit, or the operators that the column takes."""
    with pytest.raises(CatalogError, match=None) as error:
        condition(text, TODAY, {"mmlu-pro"})
    assert said in str(error.value)


def test_every_column_has_a_kind_that_its_rows_hold() -> None:
    """What the row's type says is what a condition compares."""
    kinds = {one.name: one.kind for one in columns().values()}
    assert set(kinds) == set(get_type_hints(ModelRow))
    assert kinds["context_tokens"] == "number"
    assert kinds["tools"] == "yes-no"
    assert kinds["retires"] == "day"
    assert kinds["input"] == kinds["hosts"] == "list"
    assert kinds["weights"] == kinds["benchmarks"] == "table"
    assert {"number": (int, float), "yes-no": bool, "list": list, "text": str, "day": str}.keys() >= set(
        kinds.values()
    ) - {"table"}


@given(st.floats(min_value=0.001, max_value=1e12), st.sampled_from([">=", "<=", ">", "<", "=", "!="]))
def test_numbers_compare_as_numbers(value: float, sign: str) -> None:
    """For every pair of numbers a condition says what arithmetic says."""
    import operator

    named = {
        ">=": operator.ge,
        "<=": operator.le,
        ">": operator.gt,
        "<": operator.lt,
        "=": operator.eq,
        "!=": operator.ne,
    }
    written = condition(f"context_tokens{sign}{value:.3f}", TODAY)
    for other in (0, 1, round(value, 3), 10**13):
        assert written.met(row(context_tokens=other)) is named[sign](other, float(f"{value:.3f}"))


def test_a_selection_tells_what_unknown_facts_have_left_out() -> None:
    """Rows that fail for sure are not counted as unknown; words look at id, name, family and maker."""
    rows = [row(id="a/known", tools=True), row(id="a/unknown"), row(id="a/no", tools=False), row(id="b/x", tools=True)]
    found = select(rows, [condition("tools=yes", TODAY)], words=("A/",))
    assert [one["id"] for one in found.rows] == ["a/known"]
    assert found.found == 1
    assert found.unknown == {"tools": 1}
    both = [condition("tools=yes", TODAY), condition("context_tokens>=1", TODAY)]
    assert select([rows[2]], both).unknown == {}


def test_the_order_puts_unknown_last_either_way() -> None:
    """A limit counts after sorting."""
    rows = [row(id="m/none"), row(id="m/small", parameters=1), row(id="m/large", parameters=9)]
    up, down = (select(rows, [], order=Order(column("parameters"), turned)) for turned in (False, True))
    assert [one["id"] for one in up.rows] == ["m/small", "m/large", "m/none"]
    assert [one["id"] for one in down.rows] == ["m/large", "m/small", "m/none"]
    first = select(rows, [], order=Order(column("parameters"), True), limit=1)
    assert ([one["id"] for one in first.rows], first.found) == (["m/large"], 3)


def test_the_share_of_unverified_facts_is_of_those_that_are_known() -> None:
    """Unknown facts are neither."""
    counted = known([row(facts_known=8, unverified=["a", "b"]), row(facts_known=2, unverified=[])])
    assert (counted.facts, counted.unverified, counted.share) == (10, 2, 0.2)
    assert known([]).share == 0.0


def test_a_word_that_no_model_has_is_told_with_the_nearest() -> None:
    """A misspelt licence or engine finds nothing, and nobody would know why."""
    rows = [row(licence="apache-2.0", engines=["vllm", "llama.cpp"]), row()]
    written = [
        condition(text, TODAY) for text in ("licence=apache2|apache-2.0", "engines=vlm", "licence!=x", "engines~x")
    ]
    assert unheard(rows, written) == [
        "no model has the licence 'apache2'; did you mean 'apache-2.0'?",
        "no model has the engines 'vlm'; did you mean 'vllm'?",
    ]


def test_a_word_that_is_said_twice_is_told_once() -> None:
    """Looking for the nearest takes its time."""
    assert len(unheard([row(licence="mit")], [condition("licence=mti|mti|MTI", TODAY)])) == 1


def test_a_table_has_no_order() -> None:
    """Said, not raised by the comparison of two of its cells."""
    with pytest.raises(CatalogError, match="weights is a table and has no order"):
        select([row(weights=[{"bytes": 1}]), row(weights=[{"bytes": 2}])], [], order=Order(column("weights")))
