"""What Cadre costs, measured: see docs/performance.md."""
