"""Bodies of starts that are not valid, each with the `param` and a part of the message of its refusal."""

from tests.served.clients import BODY

BAD_STARTS: list[tuple[object, str | None, str]] = [
    ([], None, "must be a JSON object, not an array"),
    ("x", None, "must be a JSON object, not a string"),
    (None, None, "must be a JSON object, not null"),
    (True, None, "must be a JSON object, not true or false"),
    ({}, "messages", "messages: is missing"),
    ({"messages": []}, "messages", "at least 1"),
    ({"messages": "hi"}, "messages", "valid list"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "'assistant'"),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "content is missing"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "content is null"),
    ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content", "is empty"),
    (
        {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
        "messages[0].content[0].type",
        "'hologram' is not known; known are: text, image_url",
    ),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "valid string"),
    ({**BODY, "model": 7}, "model", "valid string"),
    ({**BODY, "model": "gpt-9"}, "model", "known are: m"),
    ({**BODY, "temprature": 1}, "temprature", "known are: "),
    ({**BODY, "stream": False}, "stream", "start by POST /api/generations and read GET /api/generations/{id}"),
    ({**BODY, "n": 2}, "n", "must be 1"),
    ({**BODY, "temperature": 9}, "temperature", "less than or equal to 2"),
    ({**BODY, "temperature": 1, "options": {"temperature": 0}}, "temperature", "another value than options.temp"),
    ({**BODY, "options": {"temprature": 1}}, "options.temprature", "known are: temperature"),
    ({**BODY, "options": {"temperature": "hot"}}, "options.temperature", "valid number"),
    ({**BODY, "options": {"temperature": 9}}, "options.temperature", "less than or equal to 2"),
    ({**BODY, "options": {"on_disconnect": "explode"}}, "options.on_disconnect", "'grace', 'cancel' or 'continue'"),
    ({**BODY, "metadata": {"a": 1}}, "metadata.a", "valid string"),
]
