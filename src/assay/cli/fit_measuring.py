"""`assay fit --measure`: a model's file is run on this machine, and what it came to is kept in the ledger."""

from __future__ import annotations

import socket
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from assay.app import App, without_config
from assay.cli.door import note
from assay.config.schema import Constraints, Deployment, Engine
from assay.envelope.measured import repeat_band
from assay.envelope.surroundings import named_threads
from assay.errors import ConfigError
from assay.evals.runs.measuring import Measured, measure
from assay.ledger.measurements import add_measurement
from assay.ledger.rows import MeasurementRow, new_id
from assay.numerals import plural
from assay.weights.digest import sha256_of

if TYPE_CHECKING:
    from assay.catalog.model import Model
    from assay.config.load import Loaded
    from assay.envelope.file import FileFacts
    from assay.ledger.store import SqliteLedger


async def measured(model: Model, facts: FileFacts | None, loaded: Loaded | None, engine: Engine) -> None:
    """Run a model's file here, plainly: without a deployment's prompt and limits. Keep what it came to.

    Args:
        model: what the measurement is of.
        facts: its file, if there is one on this machine.
        loaded: the configuration, whose ledger is used; default: the user's own.
        engine: context and slots of the engine.

    Raises:
        ConfigError: its weights are not here.
        AssayError: it cannot be run, or its answers tell nothing.
    """
    if facts is None:
        raise ConfigError(f"{model.id} cannot be measured: its weights are not here; assay pull {model.id}")
    plain = Deployment(model=model.id, dialect="local", weights=facts.path, engine=engine)
    loaded = loaded or without_config()
    config = structs.replace(loaded.config, deployments={model.id: plain}, routes={}, constraints=Constraints())
    async with App(loaded._replace(config=config)) as app:
        note(f"measuring {model.id} on this machine, ten to thirty seconds ...")
        threads = named_threads() or engine.threads
        found = await measure(app.spine, model.id, context_tokens=engine.context_tokens, threads=threads)
        await _keep(app.ledger, model.id, facts, engine, found)
    for line in told(found):
        note(f"  {line}")


def told(found: Measured) -> list[str]:
    """A measurement in words: the figure, what a repeat may give, and what disturbed it."""
    band, rate = repeat_band(disturbed=found.disturbed), found.decode_tok_s
    answers = plural(len(found.rates), "answer")
    lines = [
        f"{rate:.1f} tokens/s (ninth decile of {answers}; {found.mean_tok_s:.1f} on average), "
        f"{plural(found.threads, 'thread')}; expect {rate * (1 - band):.1f} to {rate * (1 + band):.1f} of a repeat"
    ]
    if found.disturbed:
        lines.append(
            f"other work slowed the answers and left them {found.share:.0%} of their processor time; as long as that "
            "goes on, expect the average"
        )
    return lines


async def _keep(ledger: SqliteLedger, model: str, facts: FileFacts, engine: Engine, found: Measured) -> None:
    row = MeasurementRow(
        id=new_id(),
        created_at=time.time(),
        host=socket.gethostname(),
        model=model,
        weights_sha256=sha256_of(Path(facts.path)),
        quantisation=facts.quantisation,
        engine=f"xllamacpp {version('xllamacpp')}",
        context_tokens=engine.context_tokens,
        slots=engine.slots,
        threads=found.threads,
        decode_tok_s=found.decode_tok_s,
        prefill_tok_s=found.prefill_tok_s,
        memory_bytes=found.memory_bytes,
        answers=len(found.rates),
        disturbed=found.disturbed,
    )
    await add_measurement(ledger, row)
