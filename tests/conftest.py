"""For all tests, of both tiers."""

from __future__ import annotations

import signal

# A shell that starts the tests in its background has them ignore Ctrl-C, and with them every
# process that they start; some of these are there to be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)
