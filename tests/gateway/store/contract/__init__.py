"""What each store must do, whatever keeps the data."""
