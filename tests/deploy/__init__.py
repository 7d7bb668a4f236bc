"""The files of deploy/: what generates them, and their checks with the programs that read them."""
