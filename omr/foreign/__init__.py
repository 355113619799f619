"""Forms and layouts of other programs, converted to templates. Each is read by this engine's own readers."""
