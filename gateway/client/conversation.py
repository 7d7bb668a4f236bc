"""A conversation of several turns: the messages so far, and the answer to the last one."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from gateway.client.answer import AsyncAnswer
from gateway.client.answer_state import AnswerState
from gateway.client.client import AsyncClient, Messages
from gateway.client.content import Message
from gateway.client.start_options import StartOptions
from gateway.client.sync import Answer, Client
from gateway.protocol.events import Complete

AnyClient = TypeVar("AnyClient")

ToolResults = Mapping[str, str] | Mapping[str | None, str]
"""Results of tool calls by their ids. The type of an id includes None: only the first delta of a call has it."""


class _History(Generic[AnyClient]):
    """The messages of a conversation, and what its starts have in common."""

    def __init__(
        self,
        client: AnyClient,
        *,
        messages: Messages = (),
        system: str | None = None,
        model: str | None = None,
        options: StartOptions | None = None,
    ) -> None:
        self.model = model
        self.options = options
        self._client = client
        self._messages: list[Message] = [] if system is None else [{"role": "system", "content": system}]
        self._messages += map(dict, messages)
        self._answer: AnswerState | None = None

    @property
    def messages(self) -> list[Message]:
        """Return all messages, with what the last answer has so far: all that is needed to continue elsewhere."""
        answer = self._answer
        if answer is None:
            return [*self._messages]
        given = answer.messages()
        # A call may be cut off if the answer is not complete, and without its result providers refuse it.
        if given and not isinstance(answer.terminal, Complete):
            given[-1] = {name: value for name, value in given[-1].items() if name != "tool_calls"}
            if not given[-1]["content"]:
                given.pop()
        return _alternate([*self._messages, *given])

    def _ask(self, content: str | Sequence[Mapping[str, object]]) -> list[Message]:
        messages = self.messages
        if messages and messages[-1].get("tool_calls"):
            message = "the last answer calls tools: send their results first (send_tool_results)"
            raise ValueError(message)
        asked: Message = {"role": "user", "content": content if isinstance(content, str) else list(content)}
        return _alternate([*messages, asked])

    def _return_results(self, results: ToolResults) -> list[Message]:
        messages = self.messages
        calls = messages[-1].get("tool_calls") if messages else None
        called = [call["id"] for call in calls] if isinstance(calls, list) else []
        if set(called) != results.keys():
            message = f"results: the last answer calls {called}, not {[*results]}: send one result for each call"
            raise ValueError(message)
        return [*messages, *({"role": "tool", "tool_call_id": name, "content": results[name]} for name in called)]

    def _check_ended(self) -> None:
        if self._answer is not None and not self._answer.has_ended:
            message = "the last answer is not read to its end: read it, interrupt it, or close it first"
            raise RuntimeError(message)

    def _remember(self, messages: list[Message], answer: AnswerState) -> None:
        self._messages, self._answer = messages, answer


def _alternate(messages: Sequence[Message]) -> list[Message]:
    """Join texts of the user that follow each other, without an answer between them: providers want roles to alternate.

    Their content parts are left as they are.
    """
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else {}
        texts = [each.get("content") for each in (last, message) if each.get("role") == "user"]
        if len(texts) == 2 and all(isinstance(text, str) for text in texts):
            joined[-1] = {**last, "content": "\n\n".join(map(str, texts))}
        else:
            joined.append(message)
    return joined


class AsyncConversation(_History[AsyncClient]):
    """A conversation through an `AsyncClient`: each message is sent with all earlier ones and their answers.

    Args:
        client: The client to send with.
        messages: Earlier messages, for example `messages` of a conversation that was stored.
        system: A system prompt before them.
        model: A model of the gateway; by default its first.
        options: Options of each start, for example `tools`.
    """

    async def send(self, content: str | Sequence[Mapping[str, object]]) -> AsyncAnswer:
        """Send a user's message, a text or content parts, and return the answer: read it before the next message.

        Raises:
            Refused: if the gateway refuses the request. The message is then not part of the conversation.
            Failed: `network_error`, if the gateway can't be reached.
            RuntimeError: if the last answer was not read to its end.
            ValueError: if the last answer calls tools.
        """
        self._check_ended()
        return await self._start(self._ask(content))

    async def send_tool_results(self, results: ToolResults) -> AsyncAnswer:
        """Send the results of the last answer's tool calls, by their ids, and return the answer to them.

        Raises:
            Refused: if the gateway refuses the request.
            Failed: `network_error`, if the gateway can't be reached.
            RuntimeError: if the last answer was not read to its end.
            ValueError: if it calls other tools.
        """
        self._check_ended()
        return await self._start(self._return_results(results))

    async def _start(self, messages: list[Message]) -> AsyncAnswer:
        answer = await self._client.start(messages, model=self.model, options=self.options)
        self._remember(messages, answer)
        return answer


class Conversation(_History[Client]):
    """A conversation through a `Client`, as `AsyncConversation`."""

    def send(self, content: str | Sequence[Mapping[str, object]]) -> Answer:
        """Send a user's message and return the answer, as `AsyncConversation.send`.

        Raises:
            Refused: if the gateway refuses the request. The message is then not part of the conversation.
            Failed: `network_error`, if the gateway can't be reached.
            RuntimeError: if the last answer was not read to its end.
            ValueError: if the last answer calls tools.
        """
        self._check_ended()
        return self._start(self._ask(content))

    def send_tool_results(self, results: ToolResults) -> Answer:
        """Send the results of the last answer's tool calls, as `AsyncConversation.send_tool_results`.

        Raises:
            Refused: if the gateway refuses the request.
            Failed: `network_error`, if the gateway can't be reached.
            RuntimeError: if the last answer was not read to its end.
            ValueError: if it calls other tools.
        """
        self._check_ended()
        return self._start(self._return_results(results))

    def _start(self, messages: list[Message]) -> Answer:
        answer = self._client.start(messages, model=self.model, options=self.options)
        self._remember(messages, answer)
        return answer
