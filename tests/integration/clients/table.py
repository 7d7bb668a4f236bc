"""The drivers, what each must pass, and the columns of the matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PROVIDER_APIS: Final[Mapping[str, str]] = {
    "openai": "v1",
    "openai-responses": "v1",
    "anthropic": "v1",
    "gemini": "v1beta",
}
"""APIs of providers, as in the settings, and the version in their base URL."""

TEXT: Final = ("stream", "usage", "tools")
IMAGE: Final = ("image",)
ENDS: Final = ("error-before", "error-inside", "cut", "abort", "interrupted")
SDK: Final = ("whole", *TEXT, "image", "busy", *ENDS)
FULL: Final = (*SDK, "reasoning")


@dataclass(frozen=True, slots=True)
class Driver:
    """A client: its driver, its pinned package, and the scenarios of each of its APIs."""

    name: str
    client: str
    """Name for readers."""
    package: str
    """The pinned package, `pypi:` before one of PyPI."""
    page: str
    """Its page in docs/clients/."""
    surfaces: Mapping[str, Sequence[str]]
    """Scenarios by the client's API."""
    packages: str = ""
    """The set of packages that it needs (tests/integration/npm/, tests/integration/pypi/); none: the installation."""

    @property
    def is_for_browser(self) -> bool:
        """Return True if the driver operates Chromium."""
        return self.name.endswith("_browser")

    @property
    def is_for_node(self) -> bool:
        """Return True if the driver is a module for Node."""
        return self.name.endswith("_node")

    @property
    def scenarios(self) -> list[str]:
        """Return the names of all scenarios, as the driver prints them."""
        return [f"{surface}/{case}" for surface, cases in self.surfaces.items() for case in cases]


SURFACES: Final[Mapping[str, str]] = {
    "chat": "Chat Completions",
    "compatible": "Chat Completions, `openai-compatible`",
    "responses": "Responses",
    "websocket": "Responses over WebSocket",
    "messages": "Messages",
    "v1beta": "generateContent, `/v1beta`",
    "v1": "generateContent, `/v1`",
    "event-source": "`GET /api/chat/stream`",
    "polyfill": "event-source-polyfill",
    "fetch-event-source": "fetch-event-source",
    "post": "`POST /api/chat/stream`",
    "socket": "`/api/ws`",
    "ag-ui": "`HttpAgent`",
    "tanstack-http": "`fetchServerSentEvents`",
    "tanstack-websocket": "`webSocket`",
    "ui-http": "`DefaultChatTransport`",
    "ui-websocket": "`WebSocketChatTransport`",
    "ui-workflow": "`WorkflowChatTransport`",
}
"""APIs of the clients, for readers."""

_STORED: Final = ("resume", "cancel", "next-turn")
_GEMINI: Final = (*FULL, "count-tokens", "models")

DRIVERS: Final = (
    Driver(
        "codex_cli",
        "Codex",
        "@openai/codex",
        "codex.md",
        {
            "responses": (*TEXT, "reasoning", "image", "busy", *ENDS, "next-turn"),
            "websocket": (*TEXT, "reasoning", "image", "busy", *ENDS, "next-turn"),
        },
    ),
    Driver(
        "claude_code_cli",
        "Claude Code",
        "@anthropic-ai/claude-code",
        "claude-code.md",
        {"messages": (*TEXT, "reasoning", "busy", *ENDS, "next-turn")},
    ),
    Driver(
        "openai_node",
        "openai (Node)",
        "openai",
        "openai.md",
        {
            "chat": (*FULL, "models"),
            "responses": (*FULL, *_STORED),
            "websocket": (*TEXT, "error-before", "error-inside", "abort", "interrupted", "next-turn"),
        },
    ),
    Driver(
        "openai_python",
        "openai (Python)",
        "pypi:openai",
        "openai.md",
        {
            "chat": (*FULL, "models", "embeddings", "moderations"),
            "responses": (*FULL, *_STORED),
            "websocket": ("stream", "usage", "next-turn"),
        },
    ),
    Driver(
        "open_responses_node",
        "Open Responses cases",
        "node",
        "openai.md",
        {"responses": ("whole", "stream", "instructions", "tools", "image", "next-turn")},
    ),
    Driver(
        "anthropic_node",
        "@anthropic-ai/sdk",
        "@anthropic-ai/sdk",
        "anthropic.md",
        {"messages": (*FULL, "beta", "count-tokens", "models")},
    ),
    Driver(
        "anthropic_python",
        "anthropic (Python)",
        "pypi:anthropic",
        "anthropic.md",
        {"messages": (*FULL, "count-tokens", "models")},
    ),
    Driver(
        "google_genai_python",
        "google-genai",
        "pypi:google-genai",
        "google-genai.md",
        {"v1beta": _GEMINI, "v1": _GEMINI},
    ),
    Driver(
        "ai_sdk_node",
        "AI SDK",
        "ai",
        "ai-sdk.md",
        {"chat": SDK, "responses": FULL, "compatible": FULL, "messages": FULL},
    ),
    Driver(
        "langchain_python",
        "LangChain",
        "pypi:langchain-openai",
        "langchain.md",
        {"chat": SDK, "responses": SDK},
    ),
    Driver(
        "litellm_python",
        "LiteLLM",
        "pypi:litellm",
        "litellm.md",
        {
            "chat": ("whole", *TEXT, "image", *ENDS),
            "messages": ("whole", *TEXT, "image", *ENDS),
            "responses": ("stream",),
        },
    ),
    Driver(
        "openai_agents_python",
        "OpenAI Agents",
        "pypi:openai-agents",
        "openai-agents.md",
        {
            "chat": (*TEXT, "image", *ENDS),
            "responses": (*TEXT, "image", *ENDS),
            "websocket": (*TEXT, "image", *ENDS),
        },
    ),
    Driver(
        "pydantic_ai_python",
        "Pydantic AI",
        "pypi:pydantic-ai-slim",
        "pydantic-ai.md",
        {"chat": FULL, "responses": FULL, "messages": FULL},
    ),
    Driver(
        "llm_cli",
        "llm",
        "pypi:llm",
        "llm.md",
        {"chat": ("whole", *TEXT, "image", "busy", *ENDS, "next-turn")},
    ),
)

_PLAIN: Final = "event_sources"
_FAILURES: Final = ("error-before", "error-inside", "cut", "refused", "limited", "retry")
_SHARED: Final = ("interrupted", "feedback", "failover", "queued", "resume", "viewers")
_SOURCE: Final = ("stream", "usage", "reasoning", *_FAILURES, "stop", *_SHARED, "end")
_READER: Final = (*TEXT, "reasoning", "next-turn", *_FAILURES, "stop", "abort", *_SHARED, "foreign")
# A page reads one answer here, and does not leave.
_PAGE: Final = tuple(case for case in _READER if case not in {"viewers", "abort"})
_PAGE_SOURCE: Final = tuple(case for case in _PAGE if case not in {"tools", "next-turn"})
_CHAT: Final = (*_READER, "refresh", "nothing")

UI_API: Final = "openai"
"""API of the provider behind chat UIs and plain readers: they get the gateway's own events, over any API."""
UI_DRIVERS: Final = (
    Driver(
        "ai_sdk_ui_node",
        "AI SDK UI",
        "ai",
        "ai-sdk-ui.md",
        {"ui-http": _CHAT, "ui-workflow": _CHAT},
        "chat_uis",
    ),
    Driver("ai_sdk_socket_node", "AI SDK UI", "ai", "ai-sdk-ui.md", {"ui-websocket": _CHAT}, "chat_uis"),
    Driver("ai_sdk_ui_v6_node", "AI SDK UI", "ai6", "ai-sdk-ui.md", {"ui-http": _CHAT}, "chat_uis"),
    Driver("ag_ui_node", "AG-UI", "@ag-ui/client", "ag-ui.md", {"ag-ui": (*_READER, "capabilities")}, "chat_uis"),
    Driver(
        "tanstack_node",
        "TanStack AI",
        "@tanstack/ai-client",
        "tanstack.md",
        {"tanstack-http": _READER, "tanstack-websocket": _READER},
        "chat_uis",
    ),
    Driver(
        "page_browser",
        "Chromium",
        "chromium",
        "event-source.md",
        {
            "event-source": _PAGE_SOURCE,
            "polyfill": _PAGE_SOURCE,
            "fetch-event-source": (*_PAGE, "hidden-tab"),
            "socket": _PAGE,
        },
    ),
    Driver("eventsource_node", "eventsource", "eventsource", "event-source.md", {"event-source": _SOURCE}, _PLAIN),
    Driver("undici_node", "undici", "undici", "event-source.md", {"event-source": _SOURCE}, _PLAIN),
    Driver(
        "fetch_event_source_node",
        "fetch-event-source",
        "@microsoft/fetch-event-source",
        "event-source.md",
        {"post": (*_READER, "hidden-tab")},
        _PLAIN,
    ),
    Driver(
        "httpx_sse_python",
        "httpx-sse",
        "pypi:httpx-sse",
        "python-sse.md",
        {"post": (*_READER, "silence", "timeout", "end")},
        "readers",
    ),
    Driver(
        "aiohttp_sse_python",
        "aiohttp-sse-client2",
        "pypi:aiohttp-sse-client2",
        "python-sse.md",
        {"event-source": (*_SOURCE, "foreign")},
        "readers",
    ),
    Driver("ws_node", "ws", "ws", "websocket.md", {"socket": (*_READER, "several")}, _PLAIN),
    Driver("web_socket_node", "WebSocket of Node", "node", "websocket.md", {"socket": (*_READER, "several")}, "node"),
    Driver(
        "websockets_python",
        "websockets",
        "pypi:websockets",
        "websocket.md",
        {"socket": (*_READER, "several")},
        "readers",
    ),
)
"""Chat UIs, and plain readers of event streams and WebSockets."""

QUICK: Final = ("openai_node", "openai_python", "anthropic_python", "google_genai_python")
"""Drivers of the short form, in `make check`."""
QUICK_CASES: Final = frozenset({"stream", "tools", "error-before", "error-inside", "cut"})
"""Its scenarios: those that wait for nothing."""
