"""The official SDKs against `assay serve`, before every kind of upstream: recorded answers of real providers.

Whatever the client speaks and whatever the upstream speaks, the SDK must understand what the provider said: text, tool
calls, reasoning and its signatures, refusals, how it ended and what it used; and an error must be raised as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from recorded import (
    FEATURES,
    HERE,
    UPSTREAMS,
    Recording,
    canon,
    changes_its_id,
    deployments,
    pick,
    replaying,
    serving,
    wrong_fields,
)
from sdk_clients import CLIENTS, Failure

pytestmark = [
    pytest.mark.shared,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not HERE, reason="no recordings beside the checkout (ASSAY_SHARED)"),
]
EACH = 3  # recordings of a cell


class Play(NamedTuple):
    """The recordings, and the gateway that has a deployment for each."""

    url: str
    picked: dict[tuple[str, str, bool], list[Recording]]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """A running gateway before the replay server."""
    import gzip
    import json

    from recorded import DATA

    records = []
    for file in sorted(DATA.glob("*.jsonl.gz")):
        with gzip.open(file, "rt") as lines:
            records += [json.loads(line) for line in lines]
    picked = {
        (dialect, feature, stream): pick(records, dialect, feature, stream=stream, most=EACH)
        for dialect in UPSTREAMS
        for feature in FEATURES
        for stream in (False, True)
    }
    by_dialect = {
        dialect: [one for key, found in picked.items() if key[0] == dialect for one in found] for dialect in UPSTREAMS
    }
    folder = tmp_path_factory.mktemp("sdk")
    with replaying(folder) as replay, serving(folder, deployments(by_dialect, replay)) as url:
        yield Play(url, picked)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("feature", [feature for feature in FEATURES if feature != "error"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", CLIENTS)
def test_sdk_understands_what_the_provider_said(
    play: Play, client: str, upstream: str, feature: str, stream: bool
) -> None:
    """Each field that the provider gave arrives, through the gateway and the SDK's own types."""
    found = play.picked[upstream, feature, stream]
    if not found:
        pytest.skip(f"no recording of {upstream} shows this")
    wrong = {}
    for record in found:
        if client == "responses" and upstream == "openai-responses" and changes_its_id(record):
            continue
        want = canon().upstream(record)
        got = CLIENTS[client](play.url, record["id"], feature, stream=stream)
        if isinstance(got, Failure):
            wrong[record["id"]] = got
        elif fields := wrong_fields(want, got):
            wrong[record["id"]] = fields
    assert not wrong


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", CLIENTS)
def test_sdk_raises_what_the_provider_refused(play: Play, client: str, upstream: str, stream: bool) -> None:
    """An error of a provider is an error of the SDK, with a status and the provider's own words."""
    found = play.picked[upstream, "error", False] + play.picked[upstream, "error", True]
    assert found
    for record in found:
        got = CLIENTS[client](play.url, record["id"], "text", stream=stream)
        assert isinstance(got, Failure), record["id"]
        assert got.status >= 400
        # What is wrong with the gateway's own key is not the client's to know.
        if "could not authenticate at its provider" not in got.message:
            assert got.status == record["status"] or got.status in (400, 502), record["id"]
            said = canon().args(record["response_body"])
            said = (said[0] if isinstance(said, list) else said).get("error") or {}
            message = said.get("message") if isinstance(said, dict) else said
            assert str(message or "")[:60] in got.message
