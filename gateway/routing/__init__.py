"""Which upstream is asked next: what each of a model's targets is, how it did of late, in which order to ask. Pure."""
