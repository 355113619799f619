"""The whole main job on one machine, on simulated paper, ending in a comparison that shares nothing with the engine."""
