"""Transcripts, outputs and run records by reference, on an object store."""
