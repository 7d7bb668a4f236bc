"""Routes of the APIs of providers that start no generation: models, counts of tokens, embeddings, stored responses."""
