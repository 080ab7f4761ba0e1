"""Settings, the Temporal client, the embedded dev server, logging."""
