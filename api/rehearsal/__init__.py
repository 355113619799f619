"""A rehearsal: the whole exam as a load test, on an installation of its own, marked by simulated people."""
