"""`assay explain`: why a decision came out as it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, json_option, run
from assay.cli.ledger import opened_ledger
from assay.cli.writing import writing_options

if TYPE_CHECKING:
    from assay.cli.writing import Writing
    from assay.decision.decision import Decision
    from assay.ledger.store import SqliteLedger


@click.command("explain")
@click.argument("decision_id", metavar="[DECISION]", required=False)
@click.option("-k", "--kind", help="Only this kind.")
@writing_options
@config_option
@json_option
def command(
    decision_id: str | None, kind: str | None, writing: Writing | None, config: str | None, as_json: bool
) -> None:
    """Show a decision with every candidate, its evidence and the reason for its verdict.

    \b
    Examples:
      assay explain                      the newest decision
      assay explain 0199f -k sql         one kind of the decision whose id begins so
      assay explain --write assay.toml   the route that enforces it, added to the configuration
    """
    decision = run(_find(decision_id, config))
    from assay.decision.explain import explain
    from assay.decision.line import with_line
    from assay.errors import ConfigError, did_you_mean

    if kind is not None and not any(kind == one.name or kind in one.kinds for one in decision.kinds):
        known = did_you_mean(kind, [one.name for one in decision.kinds])
        raise ConfigError(f"decision {decision.id} has no kind {kind!r}; {known}")
    emit(with_line(decision), as_json, explain(decision, kind))
    if writing is not None:
        writing.write(decision, config)


async def _find(decision_id: str | None, config: str | None) -> Decision:
    from assay.config.load import load

    async with opened_ledger(load(config)) as ledger:
        return await find_decision(ledger, decision_id)


async def find_decision(ledger: SqliteLedger, decision_id: str | None) -> Decision:
    """The decision whose id begins so; default: the newest.

    Raises:
        ConfigError: no id begins so.
        DecisionError: there is none yet.
    """
    import msgspec

    from assay.decision.decision import Decision
    from assay.errors import ConfigError, DecisionError

    row = await ledger.decision(decision_id)
    if row is None and decision_id:
        raise ConfigError(f"no decision {decision_id!r} in {ledger.path}; `assay explain` shows the newest with its id")
    if row is None:
        raise DecisionError(f"no decision yet in {ledger.path}; run `assay choose`")
    return msgspec.json.decode(row.body, type=Decision)
