"""Reading a report from a ledger: the decision or run, its results, and the suite that it was measured on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from assay.config.load import Loaded, load
from assay.decision.decision import Decision
from assay.errors import AssayError, ConfigError, DecisionError
from assay.evals.runs.repeats import ONCE, Repeats
from assay.evals.runs.run import joined
from assay.evals.runs.tokens import RunTokens
from assay.evals.suites.suite import Split, Suite, read_suite
from assay.ledger.rows import DecisionRow, ResultRow, RunRow
from assay.ledger.store import SqliteLedger
from assay.report.decided import decision_view, letters_of
from assay.report.mask import Mask
from assay.report.measured import asked_part, run_view
from assay.report.report import Report
from assay.report.samples import PER_KIND, by_sample, differing, not_passed, show
from assay.report.view import Samples, Source


def open_report(config: Path | str | None = None, reference: str | None = None, *, samples: int = PER_KIND) -> Report:
    """A report for a notebook or script, also where an event loop is running.

    Args:
        config: `assay.toml` or its folder; default: `$ASSAY_CONFIG`, else the nearest upwards.
        reference: how the id of a decision or run begins; default: the newest decision.
        samples: of each kind, at most; 0 = no sample's text.

    Raises:
        AssayError: the configuration or ledger cannot be used, or there is no such decision or run.
    """

    async def read() -> Report:
        loaded = load(config)
        ledger = SqliteLedger(loaded.ledger_path, loaded.config.ledger.durability)
        try:
            return await read_report(loaded, ledger, reference, samples=samples)
        finally:
            await ledger.close()

    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, read()).result()


async def read_report(
    loaded: Loaded, ledger: SqliteLedger, reference: str | None = None, *, samples: int = PER_KIND
) -> Report:
    """The report of a decision or run.

    Args:
        loaded: says where the suite lies and where each candidate works.
        ledger: where decisions, runs and their results are kept.
        reference: how the id of a decision or run begins; default: the newest decision.
        samples: of each kind, at most; 0 = no sample's text.

    Raises:
        ConfigError: there is no such decision or run, or the reference begins several.
        DecisionError: there is none yet.
    """
    row = await ledger.decision(reference)
    runs = await ledger.runs(2, id_begins=reference) if reference else []
    meant = [f"a decision ({row.id})"] if row is not None else []
    meant += [f"a run ({run.id})" for run in runs]
    if len(meant) > 1:
        raise ConfigError(f"the id {reference!r} begins {' and '.join(meant)}; give more of its letters")
    if row is not None:
        return await _of_decision(loaded, ledger, row, samples)
    if runs:
        return await _of_run(loaded, ledger, runs[0], samples)
    remedy = f"in {ledger.path}; `assay choose` makes one, and `assay eval` prints the ids of runs"
    if reference:
        raise ConfigError(f"no decision or run {reference!r} {remedy}")
    raise DecisionError(f"no decision yet {remedy}")


async def _of_decision(loaded: Loaded, ledger: SqliteLedger, row: DecisionRow, per_kind: int) -> Report:
    decision = msgspec.json.decode(row.body, type=Decision)
    old = await ledger.decision(decision.again_of) if decision.again_of is not None else None
    runs = [found for run in decision.runs.values() if (found := await ledger.run(run)) is not None]
    state = _suite(loaded, decision.suite_digest)
    results = {name: await _rows(ledger, run, state.suite) for name, run in decision.runs.items()}
    chosen = {inner: kind.chosen for kind in decision.kinds for inner in kind.kinds}
    asked = _cut(state.suite, tuple(chosen), decision.split)
    return Report(
        decision_view(
            decision,
            results,
            loaded.config,
            state.suite,
            Source(
                what="decision",
                id=decision.id,
                created_at=decision.created_at,
                suite=decision.suite,
                suite_version=decision.suite_version,
                suite_digest=decision.suite_digest,
                suite_state=state.name,
                config_digest=decision.config_digest,
                config_changed=decision.config_digest != loaded.digest,
                seed=decision.seed,
                split=decision.split,
                versions=_versions(runs),
            ),
            _differing(asked, state, results, letters_of(decision), chosen, per_kind),
            msgspec.json.decode(old.body, type=Decision) if old is not None else None,
        )
    )


async def _of_run(loaded: Loaded, ledger: SqliteLedger, run: RunRow, per_kind: int) -> Report:
    state = _suite(loaded, run.suite_digest)
    if run.harness is not None and state.name != "same":
        state = _State(None, "missing", f"A public benchmark has no suite here: its documents are in {run.harness}.")
    rows = await _rows(ledger, run.id, state.suite)
    asked = asked_part(state.suite, rows) if state.suite is not None else None
    splits = {sample.split for sample in asked.samples} if asked is not None else set()
    shown = Samples(note=state.note)
    mask = state.mask
    if asked is not None and mask is not None and per_kind:
        table = by_sample({run.target: rows})
        found = not_passed(asked, table[run.target])
        shown = show(
            found,
            table,
            {run.target: "A"},
            mask,
            per_kind,
            state.note,
        )
    return Report(
        run_view(
            run,
            rows,
            loaded.config,
            asked,
            mask,
            Source(
                what="run",
                id=run.id,
                created_at=run.created_at,
                suite=run.suite,
                suite_version=state.suite.version if state.suite is not None and state.name == "same" else "",
                suite_digest=run.suite_digest,
                suite_state=state.name,
                config_digest=run.config_digest,
                config_changed=run.config_digest != loaded.digest,
                seed=run.seed,
                split=next(iter(splits)) if len(splits) == 1 else None,
                versions=_versions([run]),
            ),
            shown,
            await RunTokens.read(ledger, run.id),
        )
    )


async def _rows(ledger: SqliteLedger, run_id: str, suite: Suite | None) -> list[ResultRow]:
    """What a run has of each sample; of several answers, what they come to by the reducer of their kind."""

    def repeats(kind: str) -> Repeats:
        known = suite.kinds.get(kind) if suite is not None else None
        return Repeats(known.repeats, known.reducer) if known is not None else ONCE

    return list(joined(await ledger.results(run_id), repeats).values())


class _State(NamedTuple):
    """The suite as it is now. `note` is what a reader of samples must know; empty when it is the very same suite."""

    suite: Suite | None
    name: Literal["same", "changed", "missing"]
    note: str

    @property
    def mask(self) -> Mask | None:
        """What withholds its secrets; None where they are not known."""
        return Mask(self.suite.samples, changed=self.name == "changed") if self.suite is not None else None


def _suite(loaded: Loaded, digest: str) -> _State:
    place = loaded.config.decide.suite
    hidden = "No sample is shown: neither what was asked nor what must stay secret is known."
    if place is None:
        return _State(None, "missing", f"The configuration names no suite. {hidden}")
    try:
        suite = read_suite(place)
    except AssayError as error:
        return _State(None, "missing", f"The suite cannot be read ({error}). {hidden}")
    if suite.digest == digest:
        return _State(suite, "same", "")
    return _State(
        suite,
        "changed",
        f"The suite has changed since (it was {digest[:12]}, it is {suite.digest[:12]}): inputs, targets and kinds "
        "are shown as they are now, answers and verdicts as they were.",
    )


def _cut(suite: Suite | None, kinds: tuple[str, ...], split: str | None) -> Suite | None:
    """The part of the suite that was decided on; None when nothing of it is left."""
    if suite is None:
        return None
    known = tuple(kind for kind in kinds if kind in suite.kinds)
    part: Split | None = split if split in ("dev", "heldout") else None  # type: ignore[assignment]  # one of the two
    try:
        return suite.only(known, part) if known else None
    except AssayError:
        return None


def _differing(
    asked: Suite | None,
    state: _State,
    results: Mapping[str, Sequence[ResultRow]],
    letters: Mapping[str, str],
    chosen: Mapping[str, str | None],
    per_kind: int,
) -> Samples:
    mask = state.mask
    if asked is None or mask is None or not per_kind:
        return Samples(note=state.note)
    table = by_sample(results)
    found = differing(asked, table, chosen)
    return show(found, table, letters, mask, per_kind, state.note)


def _versions(runs: Sequence[RunRow]) -> tuple[str, ...]:
    return tuple(sorted({run.version for run in runs}))
