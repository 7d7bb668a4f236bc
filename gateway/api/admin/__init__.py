"""The admin API: keys, budgets and reloads, for principals with the role `operate`. Each change is logged."""
