"""Addresses of calls: below the configured base URL, for any input of a client."""

import asyncio
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.protocol.commands import Message
from gateway.protocol.errors import Failed, UnsupportedOption
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.endpoint import Endpoint
from gateway.upstreams.formats.base import Quirks, WireFormat
from gateway.upstreams.formats.gemini import GeminiFormat
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.gateway.upstreams.raw_server import COMPLETE, KEY, raw_upstream, respond_stream
from tests.gateway.upstreams.test_contract import PROVIDERS
from tests.start_requests import user_message

BASES = (
    "http://127.0.0.1:8000",
    "https://a.example/v1",
    "https://a.example:444/x%20y/%2e%2e/v1beta/",
    "http://[::1]:9/",
)
WIRE_FORMATS: list[WireFormat] = [make() for make, _ in PROVIDERS.values()] + [
    OpenAIChatFormat(Quirks(continuation="prefix"))
]
HOSTILE_NAMES = [
    *(
        "..",
        ".",
        "../..",
        "..%2f..",
        "%2e%2e",
        "%2E%2E/%2E%2E",
        "a/../../b",
        "models/..",
        "models/../..",
        "tunedModels/.",
    ),
    *("?key=x", "a?alt=json", "a#b", "a;b", "@evil.example", "//evil.example/", "http://evil.example/", "\\\\evil\\x"),
    *(
        "a\r\nHost: evil.example",
        "a b",
        "\x00",
        "\u2028",
        "\uff0e\uff0e",
        "\u202e",
        "\ud800",
        "é",
        "%",
        "%zz",
        "a:b",
        " ",
    ),
]
"""Names of models that would change the address if they were inserted into it unquoted."""

models = st.one_of(
    st.text(min_size=1, max_size=40),
    st.lists(st.sampled_from([*HOSTILE_NAMES, "/", "models/", "x"]), min_size=1, max_size=4).map("".join),
)


def path_of(url: URL) -> str:
    return url.raw_path.rstrip("/")


@given(
    base=st.sampled_from(BASES),
    wire_format=st.sampled_from(WIRE_FORMATS),
    model=models,
    text=st.text(),
    continues=st.booleans(),
)
def test_the_address_is_the_configured_one_for_any_input_of_a_client(
    base: str, wire_format: WireFormat, model: str, text: str, continues: bool
) -> None:
    configured, request = (
        URL(base),
        UpstreamRequest(model, [user_message(text)], {"user": text, "stop": text}, continues=continues),
    )
    try:
        endpoint = wire_format.endpoint(request)
        url = endpoint.resolve(base)
    except UnsupportedOption:
        assert isinstance(wire_format, GeminiFormat)
        assert {".", "..", ""} & {model, model.partition("/")[2]}
        return
    assert (url.origin(), url.user, url.password, url.fragment) == (configured.origin(), None, None, "")
    prefix, added = path_of(configured), url.raw_path[len(path_of(configured)) :]
    assert url.raw_path.startswith(f"{prefix}/")
    # Each segment stays one segment, and none is a dot segment.
    assert added.count("/") == len(endpoint.segments)
    assert not {".", "..", ""} & set(added.split("/")[1:])
    assert url.raw_query_string == endpoint.action.partition("?")[2]
    assert str(url).isascii()
    assert str(url).isprintable()
    assert " " not in str(url)
    # The last segment is the model's name, and unquoting restores it.
    if isinstance(wire_format, GeminiFormat) and "\ud800" not in model and model.isprintable():
        assert unquote(added.rpartition("/")[2].removesuffix(endpoint.action.partition("?")[0])) in model


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_an_empty_or_dot_segment_is_refused(segment: str) -> None:
    with pytest.raises(UnsupportedOption):
        Endpoint(("models", segment)).resolve(BASES[0])


async def test_on_the_socket_the_target_is_a_path_and_the_host_is_the_configured_one() -> None:
    async with raw_upstream(respond_stream(COMPLETE)) as (target_upstream, requests):
        for model in HOSTILE_NAMES:
            for wire_format in WIRE_FORMATS:
                upstream = HttpUpstream("test", target_upstream.base_url, wire_format, KEY)
                request = UpstreamRequest(model, [Message(role="user", content=model.replace("\ud800", ""))], {})
                before = len(requests)
                try:
                    response = await asyncio.wait_for(upstream.open(request), 10)
                    await response.close()
                except (Failed, TypeError):
                    # A lone surrogate can't be encoded; the API accepts none.
                    assert len(requests) == before
                    assert {".", "..", "models/..", "tunedModels/."} | {"\ud800"} >= {model}
                    continue
                finally:
                    await upstream.close()
                lines = requests[-1].partition(b"\r\n\r\n")[0].split(b"\r\n")
                verb, target, version = lines[0].split(b" ")
                assert (verb, version) == (b"POST", b"HTTP/1.1")
                assert target.startswith(b"/v1/")
                names = sorted(line.partition(b":")[0].lower() for line in lines[1:])
                assert names == sorted({*names})
                assert b"Host: 127.0.0.1:%d" % (URL(target_upstream.base_url).port or 0) in lines


async def test_the_gateway_does_not_fetch_images() -> None:
    async with (
        raw_upstream(respond_stream(COMPLETE)) as (image_host, fetched),
        raw_upstream(respond_stream(COMPLETE)) as (upstream, requests),
    ):
        picture = {"type": "image_url", "image_url": {"url": f"{image_host.base_url}cat.png"}}
        request = UpstreamRequest("m", [Message(role="user", content=[picture])], {})  # type: ignore[list-item]
        response = await upstream.open(request)
        await response.close()
        assert (len(requests), fetched) == (1, [])
        assert b"cat.png" in requests[0]


@pytest.mark.parametrize(
    ("base_url", "action", "url"),
    [
        ("https://a.example/v1?api-version=2", "", "https://a.example/v1/chat?api-version=2"),
        ("https://a.example/v1/?api-version=2&x=%26", "", "https://a.example/v1/chat?api-version=2&x=%26"),
        ("https://a.example/v1?api-version=2", ":go?alt=sse", "https://a.example/v1/chat:go?api-version=2&alt=sse"),
        ("https://a.example/v1?alt=json&b", ":go?alt=sse", "https://a.example/v1/chat:go?alt=sse&b"),
        ("https://a.example/v1?", "", "https://a.example/v1/chat"),
    ],
)
def test_the_query_of_the_base_url_is_kept(base_url: str, action: str, url: str) -> None:
    assert str(Endpoint(("chat",), action).resolve(base_url)) == url
