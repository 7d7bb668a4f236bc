"""The logs of generations in the store: written behind those of this gateway, and read where others run them."""
