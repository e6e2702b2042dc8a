"""`assay suite review`: a person decides on drafts, one by one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import emit, finish, json_option, note

if TYPE_CHECKING:
    from assay.evals.drafting.draft import Draft, Drafts
    from assay.evals.suites.samples import SampleLine

KEYS = "[a]pprove  [e]dit  [r]eject  [s]kip  [q]uit"


@click.command("review")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-k", "--kind", help="Only drafts of this kind.")
@click.option("--list", "listing", is_flag=True, help="Show what waits, and ask nothing.")
@click.option("--approve", "approved", multiple=True, metavar="ID", help="Approve this draft; may be repeated.")
@click.option("--reject", "rejected", multiple=True, metavar="ID", help="Reject this draft; may be repeated.")
@click.option("--split", type=click.Choice(["dev", "heldout"]), help="Where approved ones go [default: heldout].")
@json_option
def command(
    folder: Path, kind: str | None, listing: bool, approved: tuple[str, ...], rejected: tuple[str, ...],
    split: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Decide on the drafts of a suite, sample by sample; what is approved is put into the suite.

    On a terminal each draft is shown with what checks found wrong with it: approve, edit (input or target), reject,
    or skip it for later. Elsewhere name drafts with --approve and --reject. A decision is written at once.

    \b
    Examples:
      assay suite review suite
      assay suite review suite --list --json
      assay suite review suite --approve draft-1f00ab34cd --reject draft-77aa01bc9e
    """
    from assay.errors import SuiteError
    from assay.evals.drafting.draft import all_drafts

    found = [one for one in all_drafts(folder) if kind is None or one.kind == kind]
    if not found:
        raise SuiteError(
            f"{folder} has no drafts{f' of kind {kind!r}' if kind else ''}; `assay suite draft` writes some"
        )
    if approved or rejected:
        for draft_id in (*approved, *rejected):
            _decide(folder, _of(found, draft_id), draft_id, draft_id in approved, split)
    elif not listing and not as_json and sys.stdin.isatty():
        _ask(folder, found, split)
    waiting = [(one, draft) for one in found for draft in one.waiting()]
    states = [draft.state for one in found for draft in one.drafts]
    value = {
        "approved": states.count("approved"), "rejected": states.count("rejected"), "waiting": len(waiting),
        "drafts": [{"kind": one.kind, **_row(draft)} for one, draft in waiting],
    }  # fmt: skip
    emit(value, as_json, "" if as_json else _text(value, listing, waiting))
    finish(0)


def _of(found: list[Drafts], draft_id: str) -> Drafts:
    from assay.errors import SuiteError, did_you_mean

    known = {draft.line.id: one for one in found for draft in one.drafts}
    if draft_id not in known:
        raise SuiteError(f"there is no draft {draft_id!r}; {did_you_mean(draft_id, known)}")
    return known[draft_id]


def _decide(
    folder: Path, drafts: Drafts, draft_id: str, approve: bool, split: str | None, edited: SampleLine | None = None
) -> None:
    """Into the suite first, then the note: a crash between the two leaves a draft that says it is there already."""
    from assay.errors import SuiteError
    from assay.evals.drafting.draft import put_in, save

    found = drafts.find(draft_id)
    if found.state != "pending":
        raise SuiteError(f"draft {draft_id!r} was {found.state} already")
    decided = drafts.decide(draft_id, "approved" if approve else "rejected", (lambda line: edited) if edited else None)
    if approve:
        put_in(folder, drafts, decided, name=_name(folder), split=split)  # type: ignore[arg-type]  # click checked it
    save(folder, drafts)


def _name(folder: Path) -> str:
    """A suite's name from that of its folder."""
    kept = "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in folder.resolve().name).strip("._-")
    return kept if kept[:1].isascii() and kept[:1].isalnum() else "suite"


# ---------------------------------------------------------------------------------------- terminal


def _ask(folder: Path, found: list[Drafts], split: str | None) -> None:
    queue = [(one, draft) for one in found for draft in one.waiting()]
    for number, (drafts, draft) in enumerate(queue, 1):
        line = draft.line
        while True:
            note(f"\n{number} of {len(queue)} - {drafts.kind}, {draft.manner}\n{_shown(draft, line)}\n{KEYS}")
            key = click.getchar().lower()
            if key == "e":
                line = _edited(line)
                continue
            if key == "q":
                return
            if key in "ar":
                _decide(folder, drafts, line.id, key == "a", split, line)
            if key in "ars":
                break


def _edited(line: SampleLine) -> SampleLine:
    """Changed in the editor of the person, as JSON of what may be changed."""
    import msgspec

    from assay.evals.suites.samples import SampleLine

    whole = msgspec.to_builtins(line)
    shown = {key: whole.get(key) for key in ("input", "messages", "follow_ups", "target") if key in whole}
    text = click.edit(json.dumps({"target": None, **shown}, ensure_ascii=False, indent=2), extension=".json")
    if text is None:
        return line
    try:
        changed = {**whole, **json.loads(text), "origin": {**line.origin, "edited": True}}
        return msgspec.convert(changed, SampleLine)
    except (ValueError, TypeError) as error:
        note(f"not changed: {error}")
        return line


def _shown(draft: Draft, line: SampleLine) -> str:
    lines = [f"  input:  {_asked(line)}", f"  target: {line.target}"]
    if draft.why:
        lines.append(f"  tests:  {draft.why}")
    lines += [f"  from:   {', '.join(f'{key} {_plain(value)}' for key, value in line.origin.items() if value)}"]
    return "\n".join((*lines, *(f"  ! {problem}" for problem in draft.problems)))


def _plain(value: object) -> object:
    """Of a table (a stratum) what it says; its names stand in the JSON."""
    return " ".join(str(one) for one in value.values()) if isinstance(value, dict) else value


def _asked(line: SampleLine) -> str:
    """What a model would be asked: the input, or the turns."""
    from assay.evals.suites.media import plain

    if line.messages is None:
        return plain(line.input)
    return "\n          ".join(f"{turn.role}: {plain(turn.content)}" for turn in line.messages)


def _row(draft: Draft) -> dict[str, Any]:
    line = draft.line
    return {
        "id": line.id, "input": _asked(line), "target": line.target, "manner": draft.manner, "why": draft.why,
        "problems": draft.problems, "origin": line.origin,
    }  # fmt: skip


def _text(value: dict[str, Any], listing: bool, waiting: list[tuple[Drafts, Draft]]) -> str:
    return "\n".join(_lines(value, listing, waiting))


def _lines(value: dict[str, Any], listing: bool, waiting: list[tuple[Drafts, Draft]]) -> Iterator[str]:
    yield f"{value['approved']} approved, {value['rejected']} rejected, {value['waiting']} waiting"
    for drafts, draft in waiting if listing else ():
        yield f"\n{draft.line.id}  ({drafts.kind}, {draft.manner})\n{_shown(draft, draft.line)}"
