"""Earwitness: explainable AI for audio, reproducible, audible and teachable."""

__version__ = "0.1.0"
