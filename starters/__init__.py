"""The command line: start, watch, list, show and cancel runs."""
