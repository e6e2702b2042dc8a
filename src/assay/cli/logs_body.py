"""`assay logs --bodies`: what was asked and answered."""

from __future__ import annotations

from typing import Any

from assay.cli.ledger import opened_ledger
from assay.numerals import plural

__all__ = ["body", "rendered"]


async def body(request_id: str, config: str | None) -> dict[str, Any]:
    """One exchange with what people said of it.

    Raises:
        LedgerError: none is kept of this request.
    """
    import msgspec

    from assay.config.load import load
    from assay.errors import LedgerError
    from assay.inference.bodies import keeping, read
    from assay.ledger.exchanges import Exchanges
    from assay.ledger.feedback import Feedback

    async with opened_ledger(load(config)) as ledger:
        row = await Exchanges(ledger).one(request_id)
        if row is None:
            raise LedgerError(
                f'no body of request {request_id!r} is kept; routes keep them where assay.toml says bodies = "full"'
            )
        feedback = (await Feedback(ledger).of([row.request_id])).get(row.request_id, [])
    kept = read(row)
    told = {name: getattr(row, name) for name in ("request_id", "target", "kind", "label", "deployment", "redacted")}
    return told | {
        "kept": keeping(row) or "too large",
        "request": msgspec.to_builtins(kept.request) if kept is not None else None,
        "answer": msgspec.to_builtins(kept.answer) if kept is not None else None,
        "feedback": msgspec.to_builtins(feedback),
    }


def rendered(body: dict[str, Any]) -> str:
    """For people to read."""
    import msgspec

    from assay.cli.figures import printable
    from assay.evals.suites.readable import readable, told
    from assay.types import Message, Part

    lines = [
        f"request {body['request_id']} to {body['target']}, kind {body['kind'] or '-'}, {body['label']}, answered by "
        f"{body['deployment'] or '-'}; {plural(body['redacted'], 'piece')} taken out"
    ]
    if body["request"] is None:
        lines.append(f"its text is not kept: {body['kept']}")
    else:
        messages = msgspec.convert(body["request"].get("messages", []), tuple[Message, ...])
        asked = told(messages) if messages else body["request"].get("prompt", "")
        answered = "\n".join(readable(msgspec.convert(body["answer"], tuple[Part, ...])))
        lines += ["", asked, "", "answered:", answered]
    for one in body["feedback"]:
        said = [f"{name} {one[name]}" for name in ("metric", "value", "correction", "comment") if one[name] is not None]
        lines.append(f"feedback: {'; '.join(filter(None, (one['verdict'], *said)))}")
    return printable("\n".join(lines))  # it is what clients and hosts have said
