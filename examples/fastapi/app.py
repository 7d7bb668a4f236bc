"""A chat back end in FastAPI: browsers talk to this application only, and it talks to Dualstream.

    uvicorn app:app --port 8000

It has its own sessions, starts generations through the Python client, and streams them to the browser as server-sent
events. An EventSource that reconnects continues where it stopped, because the ids of the events are the gateway's
positions.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from dualstream import (
    AsyncClient,
    Chunk,
    Code,
    Complete,
    Error,
    Gap,
    GatewayError,
    Interrupted,
    Message,
    Queued,
    Refused,
    Revision,
)
from fastapi import Cookie, Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

URL = os.environ.get("DUALSTREAM_URL", "http://127.0.0.1:8080")
TOKEN = os.environ.get("DUALSTREAM_TOKEN")  # a key of the gateway, which browsers never see
SECURE_COOKIES = os.environ.get("SECURE_COOKIES") == "true"  # behind TLS


@dataclass
class Chat:
    """The conversation of one user. Keep it in a database instead, if it must survive a restart."""

    user: str
    messages: list[Message] = field(default_factory=list)
    answer_id: str | None = None
    """The generation that answers the last message, until its text is in `messages`."""
    answer_ids: set[str] = field(default_factory=set)
    """All generations of this user: nobody else may read or stop them."""


class Login(BaseModel):
    """Your own login stands here: a password, OpenID Connect, ..."""

    name: Annotated[str, Field(min_length=1, max_length=64)]


class Question(BaseModel):
    """A message of the user."""

    text: Annotated[str, Field(min_length=1, max_length=32_000)]


class Started(BaseModel):
    """The answer that has begun."""

    answer_id: str


class Turn(BaseModel):
    """One message, as the page shows it."""

    role: Literal["user", "assistant"]
    text: str


class History(BaseModel):
    """What a page needs after it was loaded."""

    user: str
    turns: list[Turn]
    answer_id: str | None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open one client for the whole application; all requests share it."""
    async with AsyncClient(URL, token=TOKEN) as app.state.gateway:
        app.state.chats = {}
        yield


app = FastAPI(title="Chat", lifespan=lifespan)


def get_gateway(request: Request) -> AsyncClient:
    """Return the client of the gateway."""
    gateway: AsyncClient = request.app.state.gateway
    return gateway


def get_chat(request: Request, session: Annotated[str | None, Cookie()] = None) -> Chat:
    """Return the chat of the session that the cookie names."""
    chat: Chat | None = request.app.state.chats.get(session)
    if chat is None:
        raise HTTPException(401, "Log in first.")
    return chat


def get_answer_id(answer_id: str, chat: Annotated[Chat, Depends(get_chat)]) -> str:
    """Return the id of an answer if it is one of this user's."""
    if answer_id not in chat.answer_ids:
        raise HTTPException(404, "There is no such answer.")
    return answer_id


Gateway = Annotated[AsyncClient, Depends(get_gateway)]
UserChat = Annotated[Chat, Depends(get_chat)]
AnswerId = Annotated[str, Depends(get_answer_id)]


@app.exception_handler(GatewayError)
async def on_gateway_error(_request: Request, error: GatewayError) -> JSONResponse:
    """Send what the gateway refuses, and 502 if it can't be reached."""
    status = error.status if isinstance(error, Refused) and error.code is not Code.AUTH_ERROR else 502
    return JSONResponse({"detail": error.message}, status)


@app.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """Send the page."""
    return FileResponse(Path(__file__).with_name("index.html"))


@app.post("/api/login", status_code=204)
async def log_in(login: Login, request: Request, response: Response) -> None:
    """Begin a session."""
    session = secrets.token_urlsafe(32)
    request.app.state.chats[session] = Chat(login.name)
    response.set_cookie("session", session, httponly=True, samesite="lax", secure=SECURE_COOKIES)


@app.get("/api/chat")
async def read_chat(chat: UserChat) -> History:
    """Return the turns so far, and the answer that may still be streaming."""
    turns = [
        Turn.model_validate({"role": message["role"], "text": message["content"]})
        for message in chat.messages
        if message["role"] in {"user", "assistant"} and isinstance(message["content"], str)
    ]
    return History(user=chat.user, turns=turns, answer_id=chat.answer_id)


@app.delete("/api/chat", status_code=204)
async def clear_chat(chat: UserChat, gateway: Gateway) -> None:
    """Begin a new conversation."""
    await end_answer(gateway, chat)
    chat.messages.clear()


@app.post("/api/messages", status_code=201)
async def send(question: Question, chat: UserChat, gateway: Gateway) -> Started:
    """Start the answer to a message. If an earlier answer still runs, it is stopped."""
    await end_answer(gateway, chat)
    asked: Message = {"role": "user", "content": question.text}
    messages = [*chat.messages, asked]
    # The browser reads it next, from the gateway. If no browser does, it ends after `grace`, a setting of the gateway.
    async with await gateway.start(messages, metadata={"user": chat.user}) as answer:
        chat.messages, chat.answer_id = messages, answer.id
        chat.answer_ids.add(answer.id)
    return Started(answer_id=answer.id)


@app.get("/api/answers/{answer_id}/events", response_class=EventSourceResponse)
async def stream(
    answer_id: AnswerId,
    chat: UserChat,
    gateway: Gateway,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Stream an answer, after the event that the browser received last.

    A browser that leaves ends this function, and with it the connection to the gateway. If it does not come back, the
    gateway stops the provider.
    """
    yield ServerSentEvent(comment="", retry=500)  # milliseconds; Chromium's default is three seconds
    try:
        async with gateway.attach(answer_id, after=last_event_id) as answer:
            async for event in answer:
                match event:
                    case Queued(position=place):
                        yield ServerSentEvent(event="queued", id=answer.position, data={"place": place})
                    case Chunk(content=text):
                        yield ServerSentEvent(event="text", id=answer.position, data={"text": text})
                    case Revision():  # a new text replaces what was sent: feedback, or another provider took over
                        yield ServerSentEvent(event="replace", id=answer.position, data={"text": ""})
                    case Gap(text=text):
                        yield ServerSentEvent(event="replace", id=answer.position, data={"text": text})
                    case Complete() | Interrupted() | Error():
                        await keep_answer(gateway, chat, answer_id)
                        message = event.message if isinstance(event, Error) else None
                        yield ServerSentEvent(
                            event="end", id=answer.position, data={"state": event.type, "message": message}
                        )
                    case _:
                        pass
    except GatewayError as error:
        yield ServerSentEvent(event="end", data={"state": "error", "message": error.message})


@app.post("/api/answers/{answer_id}/stop", status_code=204)
async def stop(answer_id: AnswerId, gateway: Gateway) -> None:
    """Stop an answer: the gateway closes the connection to the provider at once. Its stream then ends."""
    with suppress(Refused):  # it ended long ago
        await gateway.attach(answer_id).interrupt("stopped by the user")


async def end_answer(gateway: AsyncClient, chat: Chat) -> None:
    """Stop the last answer if it still runs, and keep its text."""
    if chat.answer_id is not None:
        await stop(chat.answer_id, gateway)
        await keep_answer(gateway, chat, chat.answer_id)


async def keep_answer(gateway: AsyncClient, chat: Chat, answer_id: str) -> None:
    """Add an answer that has ended to the conversation. The gateway has its whole text, whoever has read it."""
    answer = gateway.attach(answer_id)
    with suppress(GatewayError):  # of an answer that failed, the text that it had is kept
        await answer.read()
    if chat.answer_id == answer_id:  # another tab may have kept it meanwhile
        chat.answer_id = None
        chat.messages += answer.messages()
