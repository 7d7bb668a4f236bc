"""The request for a stream, as each of the servers expects it. Pure."""

import json

from tests.bench.messages import AnswerSpec, Framing, Request

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


def stream(answer: AnswerSpec) -> Request:
    """Return the request of our own protocol over SSE."""
    return _post("/api/chat/stream", {"model": answer.model_name(), "messages": MESSAGES})


def socket(answer: AnswerSpec) -> Request:
    """Return the request of our own protocol over WebSocket."""
    start = {"type": "start", "model": answer.model_name(), "messages": MESSAGES}
    return Request("websocket", "/api/ws", method="GET", first=json.dumps(start))


def polls(answer: AnswerSpec) -> Request:
    """Return the request that starts a generation for long polls."""
    body = {"model": answer.model_name(), "messages": MESSAGES}
    return Request("poll", "/api/generations", json.dumps(body))


def completions(answer: AnswerSpec) -> Request:
    """Return the request of OpenAI's Chat Completions."""
    return _post("/v1/chat/completions", {"model": answer.model_name(), "messages": MESSAGES, "stream": True})


def anthropic_messages(answer: AnswerSpec) -> Request:
    """Return the request of Anthropic's Messages."""
    body = {"model": answer.model_name(), "messages": MESSAGES, "max_tokens": 4096, "stream": True}
    return _post("/v1/messages", body)


def responses(answer: AnswerSpec) -> Request:
    """Return the request of OpenAI's Responses."""
    return _post("/v1/responses", {"model": answer.model_name(), "input": MESSAGES, "stream": True, "store": False})


def seed_stream(answer: AnswerSpec) -> Request:
    """Return the request of the Express server."""
    return _post("/api/chat/stream", {"messages": MESSAGES, "options": {"model": answer.model_name()}})


def view_request(framing: Framing, generation_id: str) -> Request:
    """Return the request that views a running generation of our gateway."""
    if framing == "sse":
        return Request("sse", f"/api/generations/{generation_id}/events", method="GET")
    attach = {"type": "attach", "generation_id": generation_id}
    return Request("websocket", "/api/ws", method="GET", first=json.dumps(attach))


def _post(path: str, body: dict[str, object]) -> Request:
    return Request("sse", path, json.dumps(body))
