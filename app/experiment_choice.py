"""What a person chose to see of an experiment's results; settings remember it."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.experiment_maps import Maps
from app.experiment_words import AXES
from engine.experiments.results import Definitions, Metric

View = Literal["map", "pairs", "calibration"]
VIEWS: dict[View, str] = {"map": "Map", "pairs": "Pair matrix", "calibration": "Calibration"}
Value = str | int | float | None


class ResultsChoice(msgspec.Struct, frozen=True):
    """rows, columns: keys of `results.KEYS`, "" for those that tell the most. filters: values of
    other keys."""

    view: View = "map"
    metric: Metric = "speedup"
    rows: str = ""
    columns: str = ""
    filters: dict[str, Value] = {}
    efficiency: bool = False
    bonus: bool = True

    @property
    def how(self) -> Definitions:
        return Definitions(self.efficiency, self.bonus)

    @property
    def axes(self) -> tuple[str, str]:
        """The keys of rows and columns."""
        return ("target", "draft") if self.view == "pairs" else (self.rows, self.columns)

    @property
    def applied(self) -> dict[str, Value]:
        """The filters that are no axis of this view."""
        return {key: value for key, value in self.filters.items() if key not in self.axes}

    def fitting(self, maps: Maps) -> ResultsChoice:
        """The same as far as these results have it: axes with nothing to compare are replaced, and
        filters by what is not there are left out."""
        axes = maps.axes
        rows, columns = maps.first_axes()
        if self.rows in axes and self.columns in axes and self.rows != self.columns:
            rows, columns = self.rows, self.columns
        filters = {
            key: value
            for key, value in self.filters.items()
            if key in AXES and len(maps.known[key]) > 1
            and value in maps.known[key]
        }  # fmt: skip
        return msgspec.structs.replace(self, rows=rows, columns=columns, filters=filters)
