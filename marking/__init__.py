"""Regions to agreed marks: schemes, hand-out, submission, adjudication."""
