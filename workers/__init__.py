"""Put a worker together and run it."""
