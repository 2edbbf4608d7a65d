"""What an experiment says, for people (report.html) and for other programs (results.csv)."""

from engine.experiments.report.page import write_report
from engine.experiments.report.table import write_csv

__all__ = ["write_csv", "write_report"]
