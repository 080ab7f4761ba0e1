"""The Messages API: requests, the stream parser, error kinds, models and prices."""
