"""What the agent says that it can do. `tests/transports/chat_ui/ag_ui/test_capabilities.py` tries each of it."""

from gateway.dialects.ag_ui.capabilities import capabilities


def test_capabilities_are_by_category() -> None:
    assert set(capabilities()) == {
        *("identity", "transport", "tools", "state", "multiAgent", "reasoning", "execution", "humanInTheLoop"),
        "custom",
    }
