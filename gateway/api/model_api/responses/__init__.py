"""The state of OpenAI's Responses API: stored responses, conversations by reference, and what is done with them."""
