"""The protocols of chat UIs as transports, one folder each."""
