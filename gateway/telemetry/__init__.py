"""What operators see of the gateway: its log, its metrics, its traces, and the history that the console shows."""
