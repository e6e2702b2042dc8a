"""The servers that are compared: how each is found, configured and started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MODELS = ("m", "m-d50", "m-i10", "m-f5")


class Place(NamedTuple):
    """Where a server is to run.

    Attributes:
        folder: its own, empty.
        port: to listen on.
        upstream: `http://127.0.0.1:N/v1`.
        ca_file: of the upstream's authority, where it speaks TLS.
    """

    folder: Path
    port: int
    upstream: str
    ca_file: str | None = None


class Server(NamedTuple):
    """A server ready to be started.

    Attributes:
        command: runs it in the foreground.
        headers: that clients must send.
        path: of chat completions.
        model: what clients call the upstream's model `m`, with `{m}` for that.
    """

    command: list[str]
    headers: dict[str, str]
    path: str = "/v1/chat/completions"
    model: str = "{m}"
    env: dict[str, str] = {}


Make = Callable[[Place], Server]


def ours(place: Place, *, workers: int = 1) -> Server:
    """Assay with everything on: a virtual key with budget and rate limit, routes, cost, rows durable at commit."""
    price = "price_usd_per_mtok = { input = 1.0, output = 2.0 }"
    authority = f'ca_file = "{place.ca_file}"\n' if place.ca_file else ""
    lines = [
        f'[deployments.at-{name}]\nmodel = "bench/{name}"\ndialect = "openai"\nbase_url = "{place.upstream}"\n'
        f'upstream_model = "{name}"\nconcurrency = 2048\n{price}\n{authority}'
        f'[routes.{name}]\ncandidates = ["at-{name}"]\n'
        for name in MODELS
    ]
    limits = '[constraints]\nusd_per_month = 500000\n[budgets.bench]\nteam = "bench"\nusd = 400000\n'
    (place.folder / "assay.toml").write_text("".join(lines) + limits + '[ledger]\ndurability = "commit"\n', "utf-8")
    assay = str(Path(sys.executable).with_name("assay"))
    asked = [assay, "keys", "add", "bench", "--team", "bench", "--usd", "300000", "--rpm", "100000000", "--json"]
    made = json.loads(subprocess.run(asked, cwd=place.folder, check=True, capture_output=True).stdout)
    more = ["--workers", str(workers)] if workers > 1 else []
    config = str(place.folder / "assay.toml")
    command = [assay, "serve", "--port", str(place.port), "--config", config, *more]
    return Server(command, {"authorization": f"Bearer {made['key']}"})


_NGINX = """worker_processes 1; pid {folder}/pid; error_log {folder}/error; daemon off;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
 uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; client_body_buffer_size 1m; keepalive_requests 10000000;
 upstream up {{ server {upstream}; keepalive 512; keepalive_requests 10000000; }}
 server {{ listen 127.0.0.1:{port} backlog=4096;
  location / {{ proxy_pass {scheme}://up; proxy_http_version 1.1; proxy_set_header Connection "";
   proxy_buffering off; }} }} }}
"""


def nginx(place: Place) -> Server:
    """Nginx that hands on and does nothing else: the limit. Against a TLS upstream it keeps sessions, as we do."""
    scheme, _, rest = place.upstream.partition("://")
    text = _NGINX.format(folder=place.folder, port=place.port, scheme=scheme, upstream=rest.removesuffix("/v1"))
    (place.folder / "nginx.conf").write_text(text, "utf-8")
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    return Server([program, "-c", str(place.folder / "nginx.conf"), "-e", str(place.folder / "error")], {})


def litellm(place: Place) -> Server:
    """LiteLLM's proxy, one worker, with a key and prices, without a database: no budgets and no rows."""
    models = "".join(
        f"  - model_name: {name}\n    litellm_params: {{model: openai/{name}, api_base: {place.upstream}, api_key: k, "
        "input_cost_per_token: 1.0e-6, output_cost_per_token: 2.0e-6}\n"
        for name in MODELS
    )
    config = place.folder / "litellm.yaml"
    config.write_text(f"model_list:\n{models}general_settings:\n  master_key: sk-bench\n", "utf-8")
    program = os.environ.get("BENCH_LITELLM") or shutil.which("litellm") or "litellm"
    command = [program, "--config", str(config), "--port", str(place.port), "--host", "127.0.0.1"]
    return Server(command, {"authorization": "Bearer sk-bench"}, env={"LITELLM_MODE": "PRODUCTION"})


def portkey(place: Place) -> Server:
    """Portkey's gateway on node, without logs and keys."""
    program = os.environ.get("BENCH_PORTKEY", "")
    headers = {"authorization": "Bearer k", "x-portkey-provider": "openai", "x-portkey-custom-host": place.upstream}
    hosts = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    return Server(["node", program, f"--port={place.port}", "--headless"], headers, env=hosts)


def found() -> dict[str, Make]:
    """The peers that are installed here. `BENCH_LITELLM` and `BENCH_PORTKEY` name programs that are not on the path."""
    peers: dict[str, Make] = {}
    if shutil.which("nginx") or os.path.exists("/usr/sbin/nginx"):
        peers["nginx"] = nginx
    if os.environ.get("BENCH_LITELLM") or shutil.which("litellm"):
        peers["litellm"] = litellm
    if os.environ.get("BENCH_PORTKEY") and shutil.which("node"):
        peers["portkey"] = portkey
    return peers


def other(command: str) -> Make:
    """A server that a person names: `{port}`, `{upstream}` and `{folder}` stand in the command."""

    def make(place: Place) -> Server:
        words = [word.format(port=place.port, upstream=place.upstream, folder=place.folder) for word in command.split()]
        return Server(words, {"authorization": "Bearer sk-bench"})

    return make
