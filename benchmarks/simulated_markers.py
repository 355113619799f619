"""The simulated markers of `markhall rehearse`, by the name that benchmarks know them by."""

from api.rehearsal.markers import *  # noqa: F403
