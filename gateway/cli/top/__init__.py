"""`dualstream top`: what runs on a gateway, live in the terminal."""
