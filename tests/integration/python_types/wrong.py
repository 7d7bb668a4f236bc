"""Wrong uses: a type checker reports each line that names an error code, and no other."""

from typing import assert_never

from dualstream import AsyncClient, Chunk, Client, Complete, Error, Event, Interrupted, StartOptions, Terminal


def describe(event: Event) -> str:
    """A match that forgets events."""
    match event:
        case Chunk(content=text):
            return text
        case _:
            assert_never(event)  # arg-type


def end(event: Terminal) -> None:
    """Fields of other events."""
    match event:
        case Complete():
            print(event.by)  # attr-defined
        case Interrupted():
            event.by = "client"  # misc
        case Error():
            print(event.usage.source)  # union-attr


def synchronous(client: Client) -> None:
    """Wrong arguments and results."""
    Client("http://127.0.0.1:1", transport="pigeon")  # arg-type
    Client("http://127.0.0.1:1", token=b"t")  # arg-type
    Client("http://127.0.0.1:1", base_url="/")  # call-arg
    options: StartOptions = {"temperatur": 0.5}  # typeddict-unknown-key
    client.start("hi", options=options, max_tokens=5)  # call-arg
    client.start("hi", options={"on_disconnect": "never"})  # arg-type
    client.attach("g_1").feedback("x", mode="rewrite")  # arg-type
    print(client.attach("g_1").terminal.type)  # union-attr
    client.attach("g_1").seq = 4  # misc


async def asynchronous(client: AsyncClient) -> None:
    """Forgotten awaits."""
    print(client.start("hi").text)  # attr-defined
    for event in client.attach("g_1"):  # attr-defined
        print(event)
    text: str = client.attach("g_1").read()  # assignment
    print(text)
