"""Cadre's library: everything that knows nothing of workflows."""

__version__ = "0.1.0"
