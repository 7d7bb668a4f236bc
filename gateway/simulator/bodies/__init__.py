"""What comes in: the body of a request in each wire format, checked and read into the one `Request`."""
