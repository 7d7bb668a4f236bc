"""The types of options are those that the gateway accepts."""

from typing import get_args

from gateway.client.start_options import OnDisconnect, StartOptions
from gateway.protocol import options


def test_every_option_of_the_protocol_has_a_type() -> None:
    assert StartOptions.__annotations__.keys() == options.OptionFields.model_fields.keys()
    assert get_args(OnDisconnect) == get_args(options.OnDisconnect)
