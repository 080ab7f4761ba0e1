"""The agent loop, one file for each pattern, and the gateway to everything outside."""
