"""What runs in the child process: `python -m assay.providers.local.child`.

The first line on stdin is a `Spec` as JSON; the one line on stdout is a `Ready` or a `NotReady`. The process ends
when stdin does, so that it never outlives its parent, however that one dies. stderr is the engine's log.

The settings give **equal answers to equal requests**, whatever its slots remember, as long as one request runs at a
time. Measured on x86 with one thread: with flash attention, or with keys and values kept as 16-bit floats, a prompt
read in one piece and one read in two (a remembered beginning and the rest) differ by up to 1 nat in the
log-probability of a token; with 32-bit floats, no flash attention and separate memory per slot, they are bitwise
equal, at the same speed and twice the memory for context. Requests that run side by side still differ now and then:
their prompts are cut into pieces together.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from importlib.metadata import version
from typing import Any

import msgspec

from assay.envelope.runtime import PROMPT_PIECE_TOKENS


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to load and how. `context_tokens` is per slot."""

    weights: str
    context_tokens: int
    slots: int
    threads: int
    api_key: str
    alias: str


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The engine listens at `address`."""

    address: str
    version: str
    pid: int


class NotReady(msgspec.Struct, frozen=True, kw_only=True, tag="not-ready"):
    """The engine could not start."""

    message: str


def main() -> None:
    """Serve until stdin ends."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    talk = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever the engine prints must not mix with our line
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    threading.Thread(target=_exit_at_end_of_stdin, daemon=True).start()
    try:
        server = _serve(msgspec.json.decode(line, type=Spec))
    except Exception as error:  # noqa: BLE001 - an outer door: whatever stops the start is told to the parent
        talk.write(msgspec.json.encode(NotReady(message=f"{type(error).__name__}: {error}")) + b"\n")
        os._exit(1)
    ready = Ready(address=server.listening_address, version=version("xllamacpp"), pid=os.getpid())
    talk.write(msgspec.json.encode(ready) + b"\n")
    threading.Event().wait()


def _serve(spec: Spec) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = spec.weights
    params.model_alias = {spec.alias}  # a plain string would be taken as a set of characters
    params.n_ctx = spec.context_tokens * spec.slots
    params.n_parallel = spec.slots
    params.n_batch = params.n_ubatch = PROMPT_PIECE_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = spec.threads
    params.kv_unified = False
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.cache_ram_mib = 0  # it moves states between slots and memory; steering by slot does better
    params.fit_params = False  # it would change the context to fit the memory
    params.ctx_shift = False  # an answer that outgrows its context ends; it never forgets its beginning
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [spec.api_key]
    params.cors_origins = ""
    params.ui = False
    params.offline = True
    params.verbosity = 0
    return xllamacpp.Server(params)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _exit_at_end_of_stdin() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
