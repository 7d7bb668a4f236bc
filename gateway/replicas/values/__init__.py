"""Small things that all gateways share: tickets, aliases, stored responses and inputs of runs."""
