"""Agreed marks to published scores: composition, verification, release, reports."""
