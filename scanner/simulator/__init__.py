"""The paper simulator: from printed pages and told answers to scans with a known truth.

`simulate` is the way in. Nothing here may know a reader: truth is what was told, and the ink that was drawn.
"""

from scanner.simulator.run import SimulationSummary, simulate

__all__ = ["SimulationSummary", "simulate"]
