"""The encoded conversation: what goes in comes out, in less memory."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.usage import estimate_input
from gateway.generation.prompt import Prompt
from gateway.protocol.commands import Message
from tests.start_requests import user_message

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}), max_size=3)
MESSAGES = st.builds(
    lambda role, content, extra: Message.model_validate({"role": role, "content": content, **extra}),
    st.sampled_from(["user", "assistant", "tool"]),
    TEXTS | PARTS,
    st.fixed_dictionaries({}, optional={"name": TEXTS, "tool_calls": st.lists(st.fixed_dictionaries({"id": TEXTS}))}),
)


@given(st.lists(MESSAGES), st.lists(st.lists(MESSAGES, min_size=1), max_size=3))
def test_messages_come_out_as_they_went_in(first: list[Message], further: list[list[Message]]) -> None:
    prompt, messages = Prompt(first), list(first)
    for batch in further:
        prompt, messages = prompt.followed_by(*batch), messages + batch
    assert [*prompt] == messages
    assert [message.model_fields_set for message in prompt] == [message.model_fields_set for message in messages]
    assert prompt.objects() == [message.model_dump(exclude_unset=True) for message in messages]
    assert (len(prompt), prompt.tokens("m")) == (len(messages), estimate_input(messages, "m"))


def test_a_prompt_that_grows_leaves_the_shorter_one_as_it_was() -> None:
    one = Prompt([user_message("one")])
    two = one.followed_by(user_message("two"))
    assert [message.content for message in one] == ["one"]
    assert (two[-1].content, [message.content for message in two[:1]]) == ("two", ["one"])
    assert two.size > one.size


def test_a_text_takes_its_utf_8_bytes_and_not_four_for_each_character() -> None:
    text = "a" * 100_000 + "\N{GRINNING FACE}"
    assert sys.getsizeof(text) > 400_000
    assert len(text) < Prompt([user_message(text)]).size < len(text) + 100
