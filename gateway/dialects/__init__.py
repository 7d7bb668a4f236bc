"""Dialects: APIs of providers and protocols of chat UIs, spoken to clients. Pure: a request in, a log out.

Each is a folder with a `Dialect` (see `base.py`), found by the entry-point group `dualstream.dialects`. The same role
has the same name in all of them. The way in, from a body to a start:

- `request.py`: `parse_call`, and what goes to a provider with the same API (`VerbatimRequest`)
- `conversation.py`: the messages, in the form of chat completions (`Conversation`)
- `options.py`, `tools.py`: the options, and the tools among them (`read_options`, `read_tools`)

The way out, from entries of the log to events:

- `projection.py`: what each entry becomes, and the ends (`...Projection`)
- `content.py`: content of ours (`Content`); `parts.py` and `calls.py`: what of it is not text
- `verbatim.py`: events of a provider with the same API, passed on as they came (`VerbatimEvents`)
- `writer.py`: the JSON of events, and what they have in common (`EventWriter`)
- `usage.py`: the usage figures
- `document.py`: the response that is not streamed, made of the events (`document`)

And for both: `errors.py` (bodies of refusals, `refusal`) and `dialect.py` (the facts). An API that needs less of these
lacks the file; one that needs more has it beside them, such as `gemini/schema.py`. Beside the folders stands what all
dialects share. docs/design.md, "Dialects", gives the reasons; docs/reference/model-apis.md, "Adding a dialect", the
steps.
"""
