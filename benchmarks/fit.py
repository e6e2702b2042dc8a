"""How right `assay fit` is: `python -m benchmarks.fit [--json] [--grid] [--model ID ...]`.

Every model whose weights are on this machine is run by the local engine and measured twice, in a process of its own
each time. Beside the measurements stand the estimates, which know nothing of them: the memory must be within 10 % of
the largest resident memory of the engine, the tokens a second within their band, the second measurement within 10 % of
the first. `--fill` fills the context to nine tenths before the memory is read, which takes minutes with larger models.

`--grid` fits every open-weight model onto every device instead, and says what one verdict costs.

It fails (exit 1) where one of these does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.app import App
from assay.catalog.load import builtin
from assay.catalog.located import find_weights
from assay.catalog.model import Model
from assay.config.load import Loaded
from assay.config.schema import Config, Deployment, Engine, Ledger
from assay.envelope.detect import here
from assay.envelope.file import FileFacts, facts_of
from assay.envelope.fit import fit
from assay.envelope.hardware import machine_of
from assay.errors import WeightsError
from assay.evals.runs.measuring import Measured, measure
from assay.inference.asking import Asking
from assay.types import Request, Sampling
from assay.weights.store import Store

MEMORY_BAND = 0.10
REPEAT_BAND = 0.10
GRID_VERDICTS = 15_000
GRID_CPU_S = 2.0
CPU_GIB = 64
FILL = 0.9
PROMPT_TOKENS = 64
"""About what the short prompts of a measurement have, with half of their answers."""


def on_this_machine() -> Iterator[tuple[Model, FileFacts]]:
    """The models of the catalogue whose weights are here."""
    store = Store()
    for model in builtin().models:
        try:
            yield model, facts_of(find_weights(model, store))
        except WeightsError:
            continue


async def measured(model: Model, facts: FileFacts, engine: Engine, folder: Path, *, fill: bool) -> tuple[Measured, int]:
    """One measurement, and the engine's largest resident memory in bytes."""
    deployment = Deployment(model=model.id, dialect="local", weights=facts.path, engine=engine)
    config = Config(deployments={"m": deployment}, ledger=Ledger(url=f"sqlite:///{folder}/ledger.db"))
    async with App(Loaded(config, None, "")) as app:
        found = await measure(app.spine, "m", context_tokens=engine.context_tokens, threads=threads())
        if fill:
            words = " ".join(f"{number}" for number in range(int(engine.context_tokens * FILL / 5)))
            asking = Asking(app.spine, Request(form="completion", prompt=words, sampling=Sampling(max_tokens=4)), "m")
            await asking.finish()
            assert asking.error is None, asking.error
        return found, max(found.memory_bytes or 0, *(state.measured_bytes or 0 for state in app.spine.engines()))


def threads() -> int:
    """Of the engine: measured with as many as it is told, so that both measurements have the same."""
    return int(os.environ.setdefault("ASSAY_THREADS", "1"))


def row(model: Model, facts: FileFacts, engine: Engine, folder: Path, *, fill: bool) -> dict[str, Any]:
    """Estimates beside measurements."""
    machine = here(builtin())
    guess = fit(
        builtin(), model, machine, context_tokens=engine.context_tokens, sequences=engine.slots, file=facts,
        prompt_tokens=PROMPT_TOKENS,
    )  # fmt: skip
    assert guess.memory is not None
    assert guess.speed is not None
    assert guess.speed.prefill_tok_s is not None
    band, prompt = guess.speed.decode_tok_s, guess.speed.prefill_tok_s
    first, peak = asyncio.run(measured(model, facts, engine, folder, fill=fill))
    again, _ = asyncio.run(measured(model, facts, engine, folder, fill=False))
    memory_error = guess.memory.total / peak - 1
    repeat_error = again.decode_tok_s / first.decode_tok_s - 1
    return {
        "model": model.id,
        "context": f"{engine.slots} x {engine.context_tokens}",
        "threads": first.threads,
        "memory_mb": round(peak / 1e6),
        "estimated_mb": round(guess.memory.total / 1e6),
        "memory_error": round(memory_error, 3),
        "tok_s": round(first.decode_tok_s, 1),
        "again_tok_s": round(again.decode_tok_s, 1),
        "repeat_error": round(repeat_error, 3),
        "prompt_tok_s": first.prefill_tok_s and round(first.prefill_tok_s, 1),
        "estimated_prompt_tok_s": [round(value, 1) for value in prompt[:3]],
        "bandwidth_gb_s": round((machine.bandwidth_bytes_s or 0.0) / 1e9, 1),
        "estimated_tok_s": [round(value, 1) for value in band[:3]],
        "share": [round(first.share, 2), round(again.share, 2)],
        "mean_tok_s": [round(first.mean_tok_s, 1), round(again.mean_tok_s, 1)],
        "disturbed": [first.disturbed, again.disturbed],
        "ok": abs(memory_error) <= MEMORY_BAND
        and abs(repeat_error) <= REPEAT_BAND
        and band.low <= first.decode_tok_s <= band.high,
    }


def models(arguments: argparse.Namespace) -> bool:
    """Measure what is here; whether all of it is as it must be."""
    engine = Engine(context_tokens=arguments.context, slots=arguments.slots)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for model, facts in on_this_machine():
            if arguments.model and model.id not in arguments.model:
                continue
            rows.append(row(model, facts, engine, Path(folder), fill=arguments.fill))
            if not arguments.json:
                print(told(rows[-1]), flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=2))
    return bool(rows) and all(one["ok"] for one in rows)


def told(one: dict[str, Any]) -> str:
    """A line for people."""
    value, low, high = one["estimated_tok_s"]
    return (
        f"{'ok' if one['ok'] else 'NO'}  {one['model']}, {one['context']} tokens, {one['threads']} thread(s): "
        f"memory {one['memory_mb']} MB, estimated {one['estimated_mb']} ({one['memory_error']:+.1%}); "
        f"{one['tok_s']} then {one['again_tok_s']} tok/s ({one['repeat_error']:+.1%}), "
        f"estimated {value} ({low} to {high}); prompt {one['prompt_tok_s']} tok/s, "
        f"estimated {one['estimated_prompt_tok_s'][0]}; {one['bandwidth_gb_s']} GB/s; "
        f"had {one['share'][0]:.0%} and {one['share'][1]:.0%} of its processor time, mean {one['mean_tok_s']}"
    )


def grid(arguments: argparse.Namespace) -> bool:
    """Every open-weight model on every device; whether 15,000 verdicts take less than two seconds of CPU."""
    catalog = builtin()
    machines = [
        machine_of(key, device, gib=None if device.memory_gib else CPU_GIB, count=1)
        for key, device in catalog.devices.items()
    ]
    weights = [model for model in catalog.models if model.ecosystem == "open-weight"]
    began, count = time.process_time(), 0
    while count < GRID_VERDICTS:
        for machine in machines:
            for model in weights:
                fit(catalog, model, machine)
            count += len(weights)
    spent_s = time.process_time() - began
    scaled_s = spent_s * GRID_VERDICTS / count
    found = {"models": len(weights), "devices": len(machines), "verdicts": count, "cpu_s": round(spent_s, 2),
             "cpu_s_of_15000": round(scaled_s, 2), "us_each": round(spent_s / count * 1e6, 1)}  # fmt: skip
    print(json.dumps(found) if arguments.json else ", ".join(f"{name} {value}" for name, value in found.items()))
    return scaled_s < GRID_CPU_S


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--grid", action="store_true", help="every model on every device, nothing is run")
    parser.add_argument("--fill", action="store_true", help="fill the context before the memory is read")
    parser.add_argument("--model", action="append", help="only this one; repeat it for more")
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--slots", type=int, default=1)
    arguments = parser.parse_args()
    return 0 if (grid if arguments.grid else models)(arguments) else 1


if __name__ == "__main__":
    sys.exit(main())
