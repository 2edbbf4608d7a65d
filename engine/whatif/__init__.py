"""What if: one round of a run under other settings and the same draws."""
