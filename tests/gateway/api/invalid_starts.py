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
    ({"messages": [{"role": "user"}]}, "messages[0]", "content is missing"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "valid string"),
    ({**BODY, "model": 7}, "model", "valid string"),
    ({**BODY, "model": "gpt-9"}, "model", "known are: m"),
    ({**BODY, "stream": True}, "stream", "known are: messages, model, options, metadata"),
    ({**BODY, "options": {"temprature": 1}}, "options.temprature", "known are: temperature"),
    ({**BODY, "options": {"temperature": "hot"}}, "options.temperature", "valid number"),
    ({**BODY, "options": {"temperature": 9}}, "options.temperature", "less than or equal to 2"),
    ({**BODY, "options": {"on_disconnect": "explode"}}, "options.on_disconnect", "'grace', 'cancel' or 'continue'"),
    ({**BODY, "metadata": {"a": 1}}, "metadata.a", "valid string"),
]
