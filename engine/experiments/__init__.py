"""Experiments: calibration, sweeps over settings and prompts, and what they say."""
