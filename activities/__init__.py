"""Thin Temporal activities: all I/O of a run happens here."""
