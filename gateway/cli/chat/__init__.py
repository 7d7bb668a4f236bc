"""`dualstream chat`: a conversation with a gateway in the terminal, over either transport.

In a terminal it is a full screen (`screen`); with a prompt as its argument, in pipes and elsewhere it is plain text
(`plain`). Both drive the same `session`, and render it with the pure modules `turn`, `messages`, `transcript` and
`sanitize`.
"""
