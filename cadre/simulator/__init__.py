"""A local Messages API over HTTP: scripted agents and injected faults."""
