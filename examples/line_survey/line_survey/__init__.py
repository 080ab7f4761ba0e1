"""A survey of a repository's longest files. What it offers to Cadre stands in `offers`."""
