"""Authentication: principals, API keys, JSON Web Tokens, tickets, and which web pages may use the gateway."""
