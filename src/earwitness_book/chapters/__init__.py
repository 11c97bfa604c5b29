"""Analyses that belong to one chapter alone."""
