"""OpenAI's Responses API as far as it keeps a state: stored responses over HTTP, and its WebSocket mode."""
