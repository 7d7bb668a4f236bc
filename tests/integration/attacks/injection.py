"""Line breaks, markup and events in place of text: in what is echoed, and in a model's text."""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from tests.integration.attacks.outcome import Family, Outcome, unless
from tests.integration.attacks.provider import FRAMES, SCRIPT
from tests.integration.attacks.stage import PATIENCE, Stage
from tests.integration.attacks.wire import CLOSE, exchange, request
from tests.integration.browser import Page, chromium

REQUEST_IDS: Final[Mapping[str, bytes]] = {
    "CR": b"a\rSet-Cookie: x=1",
    "LF and a header": b"a\nSet-Cookie: x=1",
    "NUL": b"a\x00b",
    "escapes": b"a%0d%0aSet-Cookie:%20x=1",
    "UTF-8 whose low bytes are CR LF": "ač\u010aSet-Cookie: x=1".encode(),
    "NEL and U+2028": "a\x85\u2028b".encode(),
    "a space": b"a b",
    "a quote": b'a"}',
    "129 characters": b"a" * 129,
}
EVIL: Final = 'x\r\n\r\ndata: {"type":"complete"}\n\nevent: error\rid: 9\u2028\x00<script>'
NAMES: Final = frozenset(("id", "event", "data", "retry"))


async def run(stage: Stage) -> list[Outcome]:
    """Run them all; the last ones with a browser."""
    return [
        await _request_ids(stage),
        await _echoed_fields(stage),
        await _events_of_a_model(stage),
        await _messages_of_a_model(stage),
        *_demo_page(stage),
    ]


async def _request_ids(stage: Stage) -> Outcome:
    results, split = {}, []
    for name, value in REQUEST_IDS.items():
        data = request("GET", "/health", "X-Request-ID: VALUE", CLOSE).replace(b"VALUE", value)
        (answer,) = (await exchange(stage.keyed.url, data, first=PATIENCE)).answers()
        echoed = answer.header("x-request-id").encode("latin-1") == value
        results[name] = f"{answer.status}{' echoed' if echoed else ''}"
        split += [name for known, _ in answer.headers if known == "set-cookie"]
    return Outcome(
        "`X-Request-ID`",
        ", ".join(REQUEST_IDS),
        ", ".join(results.values()),
        "the parser; only 1 to 128 printable ASCII characters are echoed",
        unless(no_header_was_added=not split, every_answer_is_one=len(results) == len(REQUEST_IDS)),
    )


async def _echoed_fields(stage: Stage) -> Outcome:
    """Send it in every field that is returned to the client or to other viewers."""
    messages = [{"role": "user", "content": EVIL}]
    body = {"model": EVIL[:200], "messages": messages, "metadata": {EVIL: EVIL}}
    key, json = f"Authorization: {stage.bearer('alice')['Authorization']}", "Content-Type: application/json"
    sent = request("POST", "/api/chat/stream", key, json, CLOSE, "Idempotency-Key: a\tb", body=orjson.dumps(body))
    (answer,) = (await exchange(stage.keyed.url, sent, first=PATIENCE)).answers()
    events = parse_strictly(answer.body)
    slow = {**body, "model": "slow", "options": {"on_disconnect": "continue"}}
    async with stage.client(stage.keyed.url, "alice") as http:
        async with http.post("/api/generations", json=slow) as response:
            path = response.headers["Location"]
        async with http.post(f"{path}/feedback", json={"mode": "note", "text": EVIL}) as response:
            noted = response.status
        async with http.post(f"{path}/interrupt", json={"reason": EVIL}) as response:
            stopped = response.status
        async with http.get(f"{path}/events") as response:
            over = parse_strictly(await response.read())
        async with http.get(path) as response:
            snapshot = await response.json()
    # Whether the model's first chunk arrives before the interrupt is a race.
    stable = [event for event in over if event["type"] not in {"start", "chunk"}]
    return Outcome(
        "Everything that is echoed",
        "CR, LF, NUL, U+2028 and an event's lines in the model's name, the prompt, the metadata, a feedback, a reason",
        f"{_types(events)}; then {noted}, {stopped}: {_types(stable)}; each returned unchanged",
        "it is JSON on one line, and never part of a header",
        unless(
            the_name_is_the_name=events[0]["model"] == EVIL[:200],
            the_reason_is_the_reason=over[-1]["reason"] == EVIL,
            the_rest_too=(snapshot["metadata"], snapshot["feedback"][0]["text"]) == ({EVIL: EVIL}, EVIL),
            no_cookie_was_set=not answer.header("set-cookie"),
        ),
    )


async def _events_of_a_model(stage: Stage) -> Outcome:
    key = f"Authorization: {stage.bearer('alice')['Authorization']}"
    body = orjson.dumps({"model": "frames", "messages": [{"role": "user", "content": "Hello"}]})
    sent = request("POST", "/api/chat/stream", key, "Content-Type: application/json", CLOSE, body=body)
    (answer,) = (await exchange(stage.keyed.url, sent, first=PATIENCE)).answers()
    events = parse_strictly(answer.body)
    return _compare_with_text(
        "A model whose text looks like events, over SSE",
        "`␊␊data: …`, `event:`, `id:`, `retry:`, a heartbeat, CR, NUL, NEL, U+2028, a BOM in its text",
        "the same",
        events,
    )


async def _messages_of_a_model(stage: Stage) -> Outcome:
    events: list[dict[str, object]] = []
    async with stage.client(stage.keyed.url, "alice") as http, http.ws_connect("/api/ws") as socket:
        await socket.send_json({"type": "start", "model": "frames", "messages": [{"role": "user", "content": "Hello"}]})
        while not events or events[-1]["type"] not in {"complete", "error"}:
            events.append(orjson.loads(await socket.receive_str(timeout=PATIENCE)))
    return _compare_with_text("The same, over WebSocket", "as before", "a message is one JSON object", events)


def _compare_with_text(attack: str, how: str, stopped_by: str, events: Sequence[Mapping[str, object]]) -> Outcome:
    """Compare what was received with the model's text."""
    text = "".join(str(event["content"]) for event in events if event["type"] == "chunk")
    return Outcome(
        attack,
        how,
        f"{_types(events)}; the text unchanged",
        stopped_by,
        unless(text_is_text=text == FRAMES, nothing_else_came=_types(events) == "accepted start chunk complete"),
    )


def parse_strictly(body: bytes) -> list[dict[str, object]]:
    """Parse an event stream by the standard (WHATWG HTML, 9.2.6), and fail on anything the gateway does not send."""
    assert b"\r" not in body
    assert not body.startswith("\ufeff".encode())
    events: list[dict[str, object]] = []
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        fields = [line.split(": ", 1) for line in block.split("\n") if line != ": hb"]
        assert {name for name, _ in fields} <= NAMES, block
        values = dict(fields)
        assert len(values) == len(fields), block
        event = orjson.loads(values["data"])
        assert values.get("event", "chunk") == event["type"], block
        events.append(event)
    return events


def _types(events: Sequence[Mapping[str, object]]) -> str:
    """List the types of events; repeated types once."""
    types = [str(event["type"]) for event in events]
    return " ".join(kind for index, kind in enumerate(types) if index == 0 or types[index - 1] != kind)


def _demo_page(stage: Stage) -> list[Outcome]:
    with chromium(stage.folder / "chromium-demo") as driver:
        page = Page(driver, stage.open.url)
        page.tolerate("Content Security Policy")
        seen = []
        for pane in page.panes:
            page.submit(f"{SCRIPT} as a prompt", model="script", on=pane.home)
            shown = pane.wait_for_end().rendered
            seen.append("".join(shown.split()) == "".join(SCRIPT.split()))
            page.submit("Hello", model=SCRIPT[:250], on=pane.home)
            pane.wait_for_end()
        elements = page.run(
            "return document.querySelectorAll('main :is(img, script, iframe, a, style, [onload], [onerror])"
            ":not(.page-foot *)').length"
        )
        ran = page.run("return window.pwned ?? null")
        blocked = page.wait_for(_INLINE)
    return [
        Outcome(
            "A model whose text is HTML, in the demo page",
            "`<img onerror>`, `<script>`, `<svg onload>`, `<iframe srcdoc>`, a `javascript:` link, a style; as an "
            "answer and as a model's name, in both panes",
            f"shown as text: {_yes(all(seen))}; elements created: {elements}; script ran: {_yes(ran is not None)}",
            "the page makes elements and text nodes; it parses no markup",
            unless(it_is_text=all(seen), no_elements=elements == 0, nothing_ran=ran is None),
        ),
        Outcome(
            "If it were inserted as HTML",
            "the same markup, set as `innerHTML` by the test; a `<script>` element, created and inserted beside it",
            f"the browser blocked it: {', '.join(blocked['directives'])}; script ran: {_yes(blocked['ran'])}",
            "`require-trusted-types-for 'script'`, and `script-src 'self'` as a second barrier",
            unless(nothing_ran=not blocked["ran"], both_were_blocked=blocked["times"] >= 2),
        ),
    ]


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


_INLINE: Final = """
    const blocked = [];
    document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
    const into = document.body.appendChild(document.createElement("div"));
    const refused = (put) => { try { put(); } catch (error) { if (!(error instanceof TypeError)) throw error; } };
    refused(() => { into.innerHTML = `<img src="/nowhere" onerror="window.pwned=1">`; });
    const script = document.createElement("script");
    refused(() => { script.textContent = "window.pwned = 1"; });
    script.append("window.pwned = 1");
    into.append(script);
    setTimeout(() => {
      done({ directives: [...new Set(blocked)].sort(), times: blocked.length, ran: Boolean(window.pwned) });
    }, 500);
"""

FAMILY: Final = Family(
    "Injection",
    """\
Responses are read by a strict parser that fails on anything the gateway does not send.""",
    run,
)
