"""How true the wire formats are: recorded exchanges of public projects, translated between every two formats.

    python -m benchmarks.wire --data DIR [--harness DIR] [--sample N] [--json]

Answers: each recorded one is decoded, in several ways of cutting its bytes, and encoded for a client of every format,
whole and as a stream; a field is right if an independent reader finds the same in our bytes as in the recorded ones.
Requests: each recorded one is read and written for an upstream of every format, and compared field by field; one that
we refuse to send is told with the field that it was refused for. `--json` has every cell, field and wrong exchange.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.wire_answers import FORMS, Answers
from benchmarks.wire_formats import Canon, load, records
from benchmarks.wire_readers import harness_readers
from benchmarks.wire_requests import Requests
from benchmarks.wire_tally import Tally

__all__ = ["ANSWER_PAIRS", "REQUEST_PAIRS", "answer_cells", "main", "measure", "shared", "table"]

ANSWER_PAIRS = [
    *((client, upstream) for client in ("chat", "messages", "responses")
      for upstream in ("chat", "messages", "gemini", "responses")),
    ("completions", "completions"), ("chat", "completions"),
]  # fmt: skip
"""Formats of a client and of its upstream."""
REQUEST_PAIRS = [
    f"{client} -> {upstream}"
    for client in ("chat", "messages", "responses")
    for upstream in ("chat", "messages", "gemini", "responses")
]
"""The cells of requests; the same with `, other hosts` for clients that use fields of their own host."""
_SHOWN = 40


def measure(data: Path, harness: Path, sample: int | None = None) -> Tally:
    """Run the recorded exchanges under `data`; see `wire_formats.records`."""
    replay = load(harness / "replay.py")
    tally = Tally()
    answers = Answers(tally, Canon(load(harness / "canon.py")))
    requests = Requests(tally, harness_readers(harness), replay)
    for record in records(replay, data, sample):
        for part in (answers, requests):
            try:
                part.measure(record)
            except Exception as error:  # noqa: BLE001 - one recording that breaks us is a figure, not the end of all
                tally.note("broken", record["id"], [type(error).__name__], error=str(error)[:300])
    return tally


def answer_cells(client: str, upstream: str) -> list[str]:
    """The cells of a pair: what was recorded, and what was written from it."""
    return [f"{client} <- {upstream} {recorded} -> {written}" for recorded in FORMS for written in FORMS]


def table(tally: Tally) -> str:
    """The figures as text."""
    return "\n".join([*_answers(tally), "", *_requests(tally), "", *_others(tally), "", *_lists(tally)])


def _answers(tally: Tally) -> Iterator[str]:
    head = [f"{recorded} -> {written}" for recorded in FORMS for written in FORMS]
    yield f"{'answers: client <- upstream':<30} {'exchanges':>9} {'all right':>9} {'fields':>15}  " + " ".join(
        f"{form:>17}" for form in head
    )
    for client, upstream in ANSWER_PAIRS:
        cells = answer_cells(client, upstream)
        counts = (sum(count[cell] for cell in cells) for count in (tally.exchanges, tally.all_right))
        shares = " ".join(_percent(*tally.counts(cell)).rjust(17) for cell in cells)
        right, total = tally.counts(*cells)
        exchanges, whole = counts
        yield f"{f'{client} <- {upstream}':<30} {exchanges:>9} {whole:>9} {f'{right}/{total}':>15}  {shares}"


def _requests(tally: Tally) -> Iterator[str]:
    yield f"{'requests: client -> upstream':<38} {'sent':>6} {'all right':>9} {'fields':>13} {'share':>9} {'unsent':>7}"
    pairs = sorted({*(cell for cell in tally.exchanges if " -> " in cell and "<-" not in cell), *tally.unsent})
    for pair in pairs:
        right, total = tally.counts(pair)
        counts = f"{right}/{total}"
        yield (
            f"{pair:<38} {tally.exchanges[pair]:>6} {tally.all_right[pair]:>9} {counts:>13} "
            f"{_percent(right, total):>9} {tally.unsent[pair]:>7}"
        )


def _others(tally: Tally) -> Iterator[str]:
    yield f"{'other checks':<38} {'exchanges':>9} {'right':>9} {'share':>9}"
    for cell in sorted(tally.exchanges):
        if "->" not in cell:
            right, total = tally.all_right[cell], tally.exchanges[cell]
            yield f"{cell:<38} {total:>9} {right:>9} {_percent(right, total):>9}"


def _lists(tally: Tally) -> Iterator[str]:
    yield "refused with a reason (field: reason, number):"
    for pair, reasons in sorted(tally.refused.items()):
        yield from (f"  {pair:<28} {count:>5}  {reason}" for reason, count in reasons.most_common(8))
    yield "excluded:"
    yield from (f"  {count:>5}  {reason}" for reason, count in sorted(tally.excluded.items()))
    yield f"wrong: {len(tally.wrong)}, of which {_SHOWN} at most:"
    yield from (f"  {entry}" for entry in tally.wrong[:_SHOWN])


def _percent(right: int, total: int) -> str:
    return f"{right / total:.2%}" if total else "-"


def shared() -> Path:
    """Where the development data is: `ASSAY_SHARED`, or `../shared` beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared"
    return Path(os.environ.get("ASSAY_SHARED") or default)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=shared() / "data" / "wire", help="recorded exchanges")
    parser.add_argument("--harness", type=Path, default=shared() / "measure" / "wire", help="the independent readers")
    parser.add_argument("--sample", type=int, help="most exchanges of each endpoint of each provider")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = parser.parse_args()
    tally = measure(options.data, options.harness, options.sample)
    sys.stdout.write((json.dumps(tally.as_dict(), indent=1) if options.json else table(tally)) + "\n")


if __name__ == "__main__":
    main()
