"""Pure types and pure decisions: no I/O, no clock, no randomness, no Temporal.

Workflows import this package through the sandbox unchanged, so everything here must be
deterministic: time, randomness and limits arrive as arguments.
"""
