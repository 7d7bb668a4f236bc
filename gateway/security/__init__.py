"""Who may come in, and what they may do: principals, keys, tokens, and the gate that asks for them."""
