"""The column of plots: speedup, rates, acceptance, lengths, and where the time goes."""

from app.views.plots.panel import PlotsPanel

__all__ = ["PlotsPanel"]
