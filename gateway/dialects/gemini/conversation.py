"""Convert the turns of a Gemini request to messages in the form of OpenAI's chat completions. Pure.

Source: ai.google.dev/api/caching, "Content" and "Part".
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.dialects.fields import malformed
from gateway.dialects.gemini.fields import Fields
from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.gemini_thoughts import unpack

_AUDIO_FORMATS: Final = {"wav": "wav", "x-wav": "wav", "mp3": "mp3", "mpeg": "mp3"}
"""Formats of `input_audio`, by the subtype of a media type."""

_PROVIDERS_OWN: Final = (
    "https://generativelanguage.googleapis.com/",
    "gs://",
    "https://www.youtube.com/",
    "https://youtu.be/",
)
"""Addresses that only Google's servers can read."""

_IN_ALL_PARTS: Final = ("thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata")
"""Fields beside the content of a part. Those without a counterpart do not change what the part contains."""


@dataclass(slots=True)
class Conversation:
    """Collects the messages of a request. `untranslated` are the paths of what has no counterpart in them."""

    untranslated: list[str]
    messages: list[JsonObject] = field(default_factory=list)
    _unanswered: dict[str, OrderedDict[str, None]] = field(default_factory=dict)
    """Ids of calls without a result, by the function's name."""
    _call_count: int = 0

    def add_system(self, content: JsonValue) -> None:
        """Add `systemInstruction`: a content, or a text, which some libraries send."""
        if isinstance(content, str):
            texts = [content]
        else:
            texts = [part.text("text") for part in Fields.of(content, "systemInstruction").messages("parts")]
        if any(texts):
            self.messages.append({"role": "system", "content": "\n\n".join(filter(None, texts))})

    def add(self, content: Fields) -> None:
        """Add a turn.

        Raises:
            Refused: it has a form that no server of this API would read.
        """
        role = content.text("role") or "user"
        parts = [*content.messages("parts")]
        if role == "model":
            self._add_answer(parts)
        elif role in {"user", "function"}:
            self._add_question(parts)
        else:
            path = content.path_of("role")
            raise malformed(path, "must be user or model")

    def _add_question(self, parts: list[Fields]) -> None:
        content: list[JsonValue] = []
        for part in parts:
            if (result := part.message("functionResponse")) is not None:
                self.messages.append(self._result(result))
            else:
                content += self._content(part)
            self._check_rest(part)
        if len(content) == 1 and isinstance(only := content[0], dict) and only["type"] == "text":
            self.messages.append({"role": "user", "content": only["text"]})
        elif content:
            self.messages.append({"role": "user", "content": content})

    def _add_answer(self, parts: list[Fields]) -> None:
        content: list[JsonValue] = []
        calls: list[JsonValue] = []
        details: list[JsonValue] = []
        thoughts = ""
        for part in parts:
            signature = part.text("thoughtSignature")
            details += (packed := unpack(signature))
            if (call := part.message("functionCall")) is not None:
                calls.append(self._call(call, "" if packed else signature))
            elif part.take("thought") is True:
                thoughts += part.text("text")
            else:
                content += self._content(part)
            self._check_rest(part)
        message: JsonObject = {"role": "assistant", "content": _joined(content)}
        if calls:
            message["tool_calls"] = calls
        if details:
            message["reasoning_details"] = details
        elif thoughts:
            message["reasoning_content"] = thoughts
        if content or calls:
            self.messages.append(message)

    def _call(self, call: Fields, signature: str) -> JsonObject:
        name, arguments = call.required("name"), call.take("args")
        self._call_count += 1
        call_id = call.text("id") or f"call_{self._call_count}"
        self._unanswered.setdefault(name, OrderedDict())[call_id] = None
        function: JsonObject = {"name": name, "arguments": orjson.dumps(arguments or {}).decode()}
        found: JsonObject = {"id": call_id, "type": "function", "function": function}
        if signature:
            found["extra_content"] = {"google": {"thought_signature": signature}}
        return found

    def _result(self, result: Fields) -> JsonObject:
        """Return the message of a function's result; without an id, it answers the first call of that function."""
        name, call_id = result.required("name"), result.text("id")
        unanswered = self._unanswered.get(name, OrderedDict())
        if not call_id:
            call_id = unanswered.popitem(last=False)[0] if unanswered else f"call_{name}"
        else:
            unanswered.pop(call_id, None)
        text = orjson.dumps(result.take("response") or {}).decode()
        media = [each for part in result.messages("parts") for each in self._content(part)]
        content: JsonValue = [{"type": "text", "text": text}, *media] if media else text
        return {"role": "tool", "tool_call_id": call_id, "content": content}

    def _content(self, part: Fields) -> list[JsonValue]:
        """Return the content parts that a part stands for; none for what has no counterpart."""
        if text := part.text("text") or _code(part):
            return [{"type": "text", "text": text}]
        if (inline := part.message("inlineData")) is not None:
            return [_inline(inline)]
        if (file := part.message("fileData")) is not None:
            address, kind = file.text("fileUri"), file.text("mimeType")
            if kind.startswith("image/") and address.startswith("https://") and not address.startswith(_PROVIDERS_OWN):
                return [{"type": "image_url", "image_url": {"url": address}}]
            self.untranslated.append(file.path)
        return []

    def _check_rest(self, part: Fields) -> None:
        part.taken.update(_IN_ALL_PARTS)
        self.untranslated += part.rest()


def _inline(inline: Fields) -> JsonObject:
    kind, data = inline.text("mimeType"), inline.text("data")
    # Google's libraries write the alphabet of RFC 4648 that is safe in URLs; others read only the first one.
    data = data.replace("-", "+").replace("_", "/")
    family, _, subtype = kind.partition("/")
    url = f"data:{kind};base64,{data}"
    if family == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if family == "audio" and subtype in _AUDIO_FORMATS:
        return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO_FORMATS[subtype]}}
    if family == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    name = inline.text("displayName") or f"file.{subtype.rpartition('.')[2] or 'bin'}"
    return {"type": "file", "file": {"filename": name, "file_data": url}}


def _code(part: Fields) -> str:
    """Return code that the provider ran, or its output, as Markdown, as other dialects' clients get it."""
    if (code := part.message("executableCode")) is not None:
        return f"\n```{code.text('language').lower()}\n{code.text('code')}\n```\n"
    if (result := part.message("codeExecutionResult")) is not None:
        return f"\n```\n{result.text('output')}\n```\n"
    return ""


def _joined(content: list[JsonValue]) -> JsonValue:
    """Return the content of an answer: its text as one, as it was before it was streamed."""
    texts = [each["text"] for each in content if isinstance(each, dict) and each["type"] == "text"]
    if len(texts) < len(content):
        return content
    return "".join(text for text in texts if isinstance(text, str))
