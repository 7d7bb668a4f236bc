"""Requests that are sent again to another gateway than the first time."""

import pytest

from gateway.dialects.sent_request import SentRequest
from gateway.generation.generation import Generation
from gateway.pipeline.hub import RetentionPolicy
from gateway.protocol.events import Interrupted
from gateway.replicas.messaging.resends import decode_sent, encode_sent
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Gateway, deployment
from tests.start_requests import ANONYMOUS, start_request

FIRST = SentRequest(b"digest", stream=True, is_retry=False, session="")
RETRY = FIRST._replace(is_retry=True)


async def start(gateway: Gateway, sent: SentRequest) -> Generation:
    """Start a generation as a request to the API of a provider does."""
    generation = await gateway.generations.start(start_request(), request_id="r", principal=ANONYMOUS, sent=sent)
    await settle()
    return generation


async def test_a_request_that_lost_its_reader_is_found_on_the_other_gateway() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await start(first, FIRST)
        first.hub.add_viewer(generation.id)
        other = await start(second, FIRST)
        assert other.id != generation.id
        first.hub.remove_viewer(generation.id)
        assert (await start(second, FIRST)).id == generation.id
        for gateway, ended in ((first, generation), (second, other)):
            gateway.hub.delete(ended.id, ANONYMOUS)


async def test_a_retry_attaches_to_what_runs_on_the_other_gateway() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        generation = await start(first, FIRST)
        assert (await start(second, RETRY)).id == generation.id
        assert (await start(third, RETRY)).id == generation.id
        first.upstream.last.finish()
        await settle()
        assert (await start(second, RETRY)).id != generation.id


async def test_what_is_sent_again_may_stop_the_first_one() -> None:
    async with deployment(retention_policy=RetentionPolicy(on_resend="cancel")) as shared:
        first, second = shared.gateways
        generation = await start(first, FIRST)
        assert (await start(second, RETRY)).id != generation.id
        assert isinstance(generation.end, Interrupted)


@pytest.mark.parametrize("policy", [RetentionPolicy(on_resend="ignore"), RetentionPolicy()])
async def test_other_requests_start_their_own(policy: RetentionPolicy) -> None:
    async with deployment(retention_policy=policy) as shared:
        first, second = shared.gateways
        generation = await start(first, FIRST)
        sent = RETRY if policy.on_resend == "ignore" else FIRST
        assert (await start(second, sent)).id != generation.id


async def test_a_dead_gateway_is_not_asked() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await start(first, FIRST)
        first.kill()
        await shared.advance(6)
        assert (await start(second, RETRY)).id != generation.id


def test_what_a_request_says_of_itself_is_passed_on() -> None:
    sent = SentRequest(bytes(range(32)), stream=False, is_retry=True, session="s", is_background=True)
    assert decode_sent(encode_sent(sent)) == sent
    with pytest.raises(ValueError, match="valid tuple"):
        decode_sent({})
