"""A provider for benchmarks, as a process: it has three APIs, and is as cheap as Python allows.

`server` streams what the model's name specifies (`messages.AnswerSpec`), written by one of the `apis`; it records each
client that disconnects, and `GET /stats` returns that. `GET /release` lets the streams go on that are held.
"""
