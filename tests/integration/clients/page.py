"""docs/clients/index.md: what each client gets through the gateway, over providers of each API."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.integration.clients.installation import version
from tests.integration.clients.stage import Verdict
from tests.integration.clients.table import DRIVERS, PROVIDER_APIS, SURFACES, UI_API, UI_DRIVERS, Driver

PAGE: Final = Path(__file__).parents[3] / "docs" / "clients" / "index.md"

COLUMNS: Final = (
    "whole",
    "stream",
    "usage",
    "tools",
    "reasoning",
    "image",
    "abort",
    "busy",
    "error-before",
    "error-inside",
    "cut",
    "interrupted",
    "next-turn",
    "resume",
)
UI_COLUMNS: Final = (
    "stream",
    "usage",
    "tools",
    "reasoning",
    "next-turn",
    "error-before",
    "error-inside",
    "cut",
    "refused",
    "limited",
    "retry",
    "stop",
    "abort",
    "interrupted",
    "feedback",
    "failover",
    "queued",
    "resume",
    "viewers",
    "foreign",
)
COUNTED: Final = frozenset({"busy", "error-before", "error-inside", "cut", "interrupted"})
"""Columns that show how many requests the provider has received."""
NONE: Final = frozenset[str]()
PROVIDERS: Final[Mapping[str, str]] = {
    "openai": "Chat Completions",
    "openai-responses": "Responses",
    "anthropic": "Messages",
    "gemini": "generateContent",
}

INTRODUCTION: Final = """\
# Clients

Existing clients work unmodified: they get the gateway's address as their base URL, and nothing else changes. This page
is written by `make clients`, which runs the real packages at the versions below through a gateway, in front of a
provider that answers from a script; `make test` runs them too and compares. Each client has a page with the lines that
it needs: [Codex](codex.md), [Claude Code](claude-code.md), [openai](openai.md),
[anthropic](anthropic.md), [google-genai](google-genai.md), [AI SDK](ai-sdk.md),
[LangChain](langchain.md), [LiteLLM](litellm.md), [OpenAI Agents](openai-agents.md),
[Pydantic AI](pydantic-ai.md), [llm](llm.md); for chat UIs [AI SDK UI](ai-sdk-ui.md),
[AG-UI](ag-ui.md), [TanStack AI](tanstack.md); and for the gateway's own events
[EventSource and its relatives](event-source.md), [Python readers](python-sse.md),
[WebSocket clients](websocket.md).

## Before the first request

The pages assume a gateway at `http://127.0.0.1:8080`. `make run` starts one with a simulated provider, and
`dualstream serve --upstream …` one with yours, whichever of the APIs that has.

- **Base URL.** It ends in `/v1` for clients of OpenAI's APIs, and has no path for those of Anthropic's and Google's.
  `dualstream serve` prints both.
- **Model.** The names on the pages (`gpt-5`, `claude-sonnet-4-5`, …) stand for a model of your gateway. With the
  simulator it is `sim`; with `--upstream` alone, any model of the provider, by the provider's name; with `[models]` in
  the configuration file, one of those. `GET /v1/models`, from which clients fill their model pickers, lists them; a
  gateway that serves any name lists what the provider does (it asks at most every five minutes).
- **Aliases.** Clients that have names of models built in, such as Claude Code, work with an alias for each of them.
  They may ask for more output than your model has: `max_output_tokens` lowers that.
- **Key.** Any text will do if the gateway requires no keys, else a key of the gateway
  ([security.md](../security.md#api-keys)). It never reaches the provider, whose own key only the gateway has.

```toml
[models.chat]
provider = "openai"                  # any provider; its key: OPENAI_API_KEY
upstream_model = "gpt-4.1"
max_output_tokens = 32768            # Claude Code asks for up to 128,000

[aliases]
"gpt-5" = "chat"
"claude-sonnet-4-5" = "chat"
"claude-haiku-4-5" = "chat"
```

## What was measured

| column | what happens |
|---|---|
| whole | an answer that is not streamed |
| stream | a streamed answer arrives in pieces, with the right end |
| usage | the client reports the provider's figures: input, cached input and output tokens |
| tools | the model calls a tool, the client runs it, the model answers with its result |
| reasoning | the client shows the model's reasoning apart from the answer |
| image | an image in the prompt reaches the provider unchanged |
| abort | the client stops reading: the gateway closes the provider's socket |
| busy | the provider refuses the first request with 429 and `Retry-After`; the answer comes nevertheless |
| error-before | the provider refuses with 400: the client reports that |
| error-inside | the provider sends an error after some text: the client reports it |
| cut | the provider's connection is lost after some text: the client notices |
| interrupted | another client interrupts the answer: the client ends its turn normally |
| next-turn | a second turn, with the history as this client sends it |
| resume | the client reads on after a lost connection, with its API's own means |

✓: it holds. A number: it holds, and the provider received so many requests; Codex and Claude Code retry once here, as
configured, and the other clients as they do by default. Empty: the client has no such thing, or its driver does not try
it. **fails**: it does not hold; the test fails too. [Further below](#chat-uis-and-plain-readers) are chat UIs, and
readers of event streams and WebSockets.
"""

UI_TITLE: Final = "## Chat UIs and plain readers, row by row"
UI_INTRODUCTION: Final = """\
## Chat UIs and plain readers

Chat UIs, and readers of `text/event-stream` and WebSockets. They get the gateway's own events, or those of their
library, over any provider; the one here has Chat Completions. `make clients` writes this table too.
A reader that knows nothing but text, or whose retries depend on the status of a response, reads `/api/chat/text`
([protocol.md](../reference/protocol.md#text-only)).

| column | what happens |
|---|---|
| stream, usage, tools, reasoning, next-turn | as above; in a next turn, the provider gets the whole conversation |
| error-before, error-inside, cut | as above: the client gets the code, and whether a retry may help |
| refused | a wrong key: the client reports it, and does not try again |
| limited | the gateway refuses a start because of the rate limit: the client gets the time to wait |
| retry | the answer ends in a retryable error: the client waits for the time it names, and starts again |
| stop | the client stops the answer by a command: it ends as stopped, and the provider's socket is closed |
| abort | the client leaves: the provider's socket is closed, if the start asks for that (`on_disconnect`) |
| interrupted | another client stops the answer: the client ends its turn normally |
| feedback | another client sends feedback: a new text replaces what is shown |
| failover | the provider's connection breaks, another one answers: no text is shown twice |
| queued | the client shows that it waits for a slot, and then gets its answer |
| resume | the client's connection breaks: it reads on, and gets every character once |
| viewers | a second client reads the same answer while it is written |
| foreign | another principal can't read the answer |
| also: end | a client that comes back after the end learns that there is nothing more |
"""

Verdicts = Mapping[tuple[str, str], Sequence[Verdict]]
"""Verdicts by the driver's name and the provider's API."""


def rows(driver: Driver, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the rows of one driver over one API, one for each API of the client."""
    found = {verdict.scenario: verdict for verdict in verdicts}
    return [f"{beginning(driver, surface)} {_cells(driver, surface, found)}" for surface in driver.surfaces]


def beginning(driver: Driver, surface: str) -> str:
    """Return the cells that identify a row."""
    return f"| {driver.client} {version(driver)}".rstrip() + f" | {SURFACES[surface]} |"


def _cells(driver: Driver, surface: str, found: Mapping[str, Verdict]) -> str:
    is_ui = driver in UI_DRIVERS
    columns, counted = (UI_COLUMNS, NONE) if is_ui else (COLUMNS, COUNTED)
    cells = [_cell(found.get(f"{surface}/{column}"), is_counted=column in counted) for column in columns]
    others = [case for case in driver.surfaces[surface] if case not in columns]
    also = ", ".join(f"{case} {_cell(found.get(f'{surface}/{case}'))}" for case in others)
    return f"{' | '.join(cells)} | {also} |"


def _cell(verdict: Verdict | None, *, is_counted: bool = False) -> str:
    if verdict is None:
        return ""
    if not verdict.holds:
        return "**fails**"
    return str(verdict.requests) if is_counted else "✓"


def write(verdicts: Verdicts) -> None:
    """Write the page. Rows without new verdicts are kept as they are."""
    before = PAGE.read_text("utf-8") if PAGE.exists() else ""
    tables = [
        _table(f"## Over a provider with {PROVIDERS[api]}", COLUMNS, DRIVERS, api, verdicts, before)
        for api in PROVIDER_APIS
    ]
    ui_table = _table(UI_TITLE, UI_COLUMNS, UI_DRIVERS, UI_API, verdicts, before)
    PAGE.write_text("\n\n".join([INTRODUCTION.strip(), *tables, UI_INTRODUCTION.strip(), ui_table]) + "\n", "utf-8")


def _table(
    title: str, columns: Sequence[str], drivers: Sequence[Driver], api: str, verdicts: Verdicts, before: str
) -> str:
    """Return a section with one row for each API of each driver."""
    kept = before.partition(f"{title}\n")[2].partition("\n## ")[0].splitlines()
    lines = [f"| client | its API | {' | '.join(columns)} | also |", f"|{'---|' * (len(columns) + 3)}"]
    for driver in drivers:
        if (driver.name, api) in verdicts:
            lines += rows(driver, verdicts[driver.name, api])
        else:
            begun = tuple(beginning(driver, surface) for surface in driver.surfaces)
            lines += [line for line in kept if line.startswith(begun)]
    return "\n".join([title, "", *lines])
