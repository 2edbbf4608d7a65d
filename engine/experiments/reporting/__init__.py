"""The report of an experiment: one page for people, one table for spreadsheets."""

from engine.experiments.reporting.page import write_report
from engine.experiments.reporting.table import write_csv

__all__ = ["write_csv", "write_report"]
