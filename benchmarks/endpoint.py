"""A slow, faulty chat endpoint that knows the right answers and counts its calls: `python -m benchmarks.endpoint`.

A prompt holds `item=N`; model `mock-a` knows the answer to even items, `mock-b` to those that 3 does not divide. Of ten
items one, N % 10 == 3, meets the fault that `POST /reset {"faults": ...}` names:

    none | 429 | 500 | timeout | malformed | empty | mix          the first call of an item and model, then it heals
    hard429 | hard500 | hardtimeout | hardmalformed               every call

`mix` is each of the five in turn. `GET /stats` says how many calls came, of how many items and models, and how many
were in flight at most. It prints its port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

ITEM = re.compile(r"item=(\d+)")
MIXED = ("429", "500", "timeout", "malformed", "empty")
HANG_S = 30.0


def answer(item: int) -> str:
    """The right answer."""
    return f"ANS{item * 7919 % 10007}"


def knows(model: str, item: int) -> bool:
    """Whether a model answers an item right."""
    return item % 2 == 0 if model.endswith("a") else item % 3 != 0


def fault_of(faults: str, item: int) -> str | None:
    """The fault that an item meets, without `hard`."""
    if item % 10 != 3 or faults == "none":
        return None
    return MIXED[item // 10 % 5] if faults == "mix" else faults.removeprefix("hard")


@dataclass
class Endpoint:
    """What has come, and how it is answered."""

    latency_s: float
    faults: str = "none"
    tries: dict[tuple[str, int], int] = field(default_factory=dict)
    total: int = 0
    in_flight: int = 0
    most: int = 0

    async def chat(self, request: Any) -> Any:
        """One call."""
        from aiohttp import web

        body = json.loads(await request.read())
        found = ITEM.search(body["messages"][-1]["content"])
        model, item = body["model"], int(found[1]) if found else 0
        tries = self.tries[model, item] = self.tries.get((model, item), 0) + 1
        self.total += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        fault = fault_of(self.faults, item)
        if tries > 1 and not self.faults.startswith("hard"):
            fault = None
        try:
            await asyncio.sleep(HANG_S if fault == "timeout" else self.latency_s)
        finally:
            self.in_flight -= 1
        if fault == "429":
            return web.json_response({"error": {"message": "too many"}}, status=429, headers={"retry-after": "1"})
        if fault == "500":
            return web.json_response({"error": {"message": "server error"}}, status=500)
        if fault == "malformed":
            return web.Response(text='{"id": "x", "choices": [{"index": 0, "mess', content_type="application/json")
        text = "" if fault == "empty" else answer(item) if knows(model, item) else "no idea"
        return web.json_response(_reply(model, text))

    async def stats(self, _: Any) -> Any:
        """What has come so far."""
        from aiohttp import web

        return web.json_response({"total": self.total, "distinct": len(self.tries), "peak_inflight": self.most})

    async def reset(self, request: Any) -> Any:
        """Forget what came; answer otherwise from now on."""
        from aiohttp import web

        wanted = json.loads(await request.read() or b"{}")
        self.tries, self.total, self.most = {}, 0, 0
        self.faults = wanted.get("faults", self.faults)
        self.latency_s = wanted.get("latency", self.latency_s)
        return web.json_response({"ok": True})


def _reply(model: str, text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16},
    }  # fmt: skip


async def serve(latency_s: float) -> None:
    """Serve for ever."""
    from aiohttp import web

    endpoint = Endpoint(latency_s)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.chat)
    app.router.add_get("/stats", endpoint.stats)
    app.router.add_post("/reset", endpoint.reset)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-s", type=float, default=0.05)
    asyncio.run(serve(parser.parse_args().latency_s))


if __name__ == "__main__":
    main()
