from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sriovctl.api.contract.problems import Refusal
from sriovctl.api.feed import MOST_FOLLOWERS, Feed
from tests.unit.api.rig import Rig, UnixHTTP, rig_on


class Told(NamedTuple):
    """One event, as a client reads it."""

    id: str | None
    kind: str | None
    data: Any


def parse(block: bytes) -> Told:
    fields = dict(line.partition(": ")[::2] for line in block.decode().splitlines())
    data = json.loads(fields["data"]) if "data" in fields else None
    return Told(fields.get("id"), fields.get("event"), data)


async def told(stream: AsyncGenerator[bytes, None], count: int) -> list[Told]:
    return [parse(await anext(stream)) for _ in range(count)]


def test_a_follower_hears_what_happens_from_then_on() -> None:
    async def follow() -> None:
        feed = Feed("a")
        feed.publish("host", {"n": 0})
        stream = feed.follow(None)
        await anext(stream)
        feed.publish("host", {"n": 1})
        feed.publish("job", {"n": 2})
        assert await told(stream, 2) == [
            Told("a-2", "host", {"n": 1}),
            Told("a-3", "job", {"n": 2}),
        ]
        await stream.aclose()

    asyncio.run(follow())


def test_who_comes_back_hears_what_was_meanwhile() -> None:
    async def follow() -> None:
        feed = Feed("a")
        for number in range(3):
            feed.publish("host", {"n": number})
        stream = feed.follow("a-1")
        _, *events = await told(stream, 3)
        assert [one.data["n"] for one in events] == [1, 2]

    asyncio.run(follow())


@pytest.mark.parametrize("last_id", ["b-1", "nonsense", "a-x", "", "a-" + "9" * 30, "a--1"])
def test_who_was_somewhere_else_is_told_to_read_anew(last_id: str) -> None:
    async def follow() -> None:
        feed = Feed("a")
        feed.publish("host", {})
        (first,) = await told(feed.follow(last_id), 1)
        assert (first.id, first.kind, first.data) == (None, "missed", {"events": None})

    asyncio.run(follow())


def test_a_slow_follower_keeps_nothing_and_is_told_what_it_missed() -> None:
    async def follow() -> None:
        feed = Feed("a", kept=4)
        stream = feed.follow(None)
        await anext(stream)
        for number in range(10):
            feed.publish("host", {"n": number})
        missed, *events = await told(stream, 5)
        assert (missed.kind, missed.data) == ("missed", {"events": 6})
        assert [one.data["n"] for one in events] == [6, 7, 8, 9]

    asyncio.run(follow())


def test_silence_is_not_death() -> None:
    async def follow() -> None:
        stream = Feed("a", beat_s=0).follow(None)
        await anext(stream)
        assert await anext(stream) == b": still here\n\n"

    asyncio.run(follow())


def test_too_many_followers_are_refused_until_others_leave() -> None:
    async def follow() -> None:
        feed = Feed("a")
        streams = [feed.follow(None) for _ in range(MOST_FOLLOWERS)]
        for stream in streams:
            await anext(stream)
        with pytest.raises(Refusal, match="follow already"):
            feed.follow(None)
        await streams[0].aclose()
        feed.follow(None)

    asyncio.run(follow())


def test_changes_are_told_over_http(rig: Rig) -> None:
    connection = UnixHTTP(rig.path)
    connection.request("GET", "/v1/events")
    response = connection.getresponse()
    assert response.headers["content-type"] == "text/event-stream"
    assert response.readline() == b"retry: 2000\n"
    rig.apply()
    lines = [response.readline().decode().strip() for _ in range(7)]
    assert "event: job" in lines
    states = [json.loads(line[6:])["state"] for line in lines if line.startswith("data: ")]
    assert states[0] == "queued"
    response.close()
    connection.close()
    assert rig.get("/v1/health").status == 200


def test_a_follower_that_goes_away_is_noticed(rig: Rig) -> None:
    connections = [UnixHTTP(rig.path) for _ in range(3)]
    for connection in connections:
        connection.request("GET", "/v1/events")
        connection.getresponse().close()
        connection.close()
    for _ in range(1000):
        if rig.get("/v1/health").status == 200 and not rig.service.feed.followers:
            return
    raise AssertionError(rig.service.feed.followers)


def test_a_server_that_ends_says_nothing_of_those_who_follow(
    short_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with rig_on(short_path) as rig:
        followed = UnixHTTP(rig.path)
        followed.request("GET", "/v1/events")
        response = followed.getresponse()
        assert response.readline() != b""
    followed.close()
    assert caplog.records == []
