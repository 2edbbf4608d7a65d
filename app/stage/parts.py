"""What a stage is made of besides the window's own views: its heading and its plots."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from app import theme
from app.views import format as fmt
from app.views.draft_text import NAMED
from app.views.plots.bars import AcceptanceCard, LengthCard
from app.views.plots.card import Card
from app.views.plots.curves import CurveCard, RateCard, SpeedupCard
from app.views.plots.snapshot import take
from app.views.plots.time_card import TimeCard
from engine.events import ModelInfo
from engine.metrics import Curves
from engine.synthetic import remark
from engine.trace import Run

HEADING = 52


class Heading(QWidget):
    """The prompt, who runs it and how, and at the right the speedup so far."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = self._detail = self._figure = self._kind = ""
        self._slower = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEADING)

    def show_run(self, run: Run, speed: float) -> None:
        """What stays the same while it plays. speed: times the recording's own."""
        self._title = " ".join(run.started.prompt.split())
        words = setting_words(run)
        if speed and abs(speed - 1) > 1e-9:
            words.append(f"played at {speed:g}×")
        self._detail = " · ".join(words)

    def show_figure(self, run: Run, baseline: Run | None) -> None:
        """The measured speedup of the tokens so far."""
        snapshot = take(run, baseline)
        speedup = snapshot.figures.speedup if snapshot is not None else None
        self._figure = fmt.ratio(speedup) if speedup is not None else ""
        self._slower = speedup is not None and speedup < 1
        kind = "simulated" if run.started.models.target.simulated else "measured"
        self._kind = f"speedup, {kind}" if self._figure else ""

    @property
    def key(self) -> object:
        return self._title, self._detail, self._figure, self._kind

    def paintEvent(self, event: QPaintEvent) -> None:
        current = theme.theme()
        painter = QPainter(self)
        right = float(self.width())
        if self._figure:
            font = theme.sans(26, theme.FIGURE.weight, figures=True)
            width = QFontMetricsF(font).horizontalAdvance(self._figure)
            small = theme.font(theme.SMALL)
            kind = QFontMetricsF(small).horizontalAdvance(self._kind)
            painter.setFont(font)
            painter.setPen(current.target_text if self._slower else current.good_text)
            painter.drawText(QPointF(right - width, 24), self._figure)
            painter.setFont(small)
            painter.setPen(current.muted)
            painter.drawText(QPointF(right - kind, 42), self._kind)
            right -= max(width, kind) + 24
        _line(painter, 20, right, theme.sans(17, theme.TITLE.weight), current.text, self._title)
        _line(painter, 42, right, theme.font(theme.BODY), current.muted, self._detail)


def _line(
    painter: QPainter, base: float, room: float, font: object, ink: QColor, text: str
) -> None:
    painter.setFont(font)  # type: ignore[arg-type]
    painter.setPen(ink)
    shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, room)  # type: ignore[arg-type]
    painter.drawText(QPointF(0, base), shown)


def setting_words(run: Run) -> list[str]:
    """Models and settings, as a line names them; no paths, nothing of the person."""
    config, models = run.started.config, run.started.models
    words = [_named(models.target)]
    if config.gamma == 0:
        words.append("plain decoding")
    else:
        draft = _named(models.draft) if models.draft is not None else NAMED.get(config.drafter, "")
        words += [f"draft {draft}" if models.draft is not None else draft, f"γ {config.gamma}"]
        words.append(config.rule)
    words.append("greedy" if config.greedy else f"T {config.temperature:g}")
    words += [models.target.device, remark(models)]
    return [word for word in words if word]


def _named(model: ModelInfo) -> str:
    """Two quantisations of one model are told apart by nothing else."""
    return f"{model.name} {model.quantisation}".strip()


class Caption(QWidget):
    """One line below the views: what the presenter says about them, and the keys just pressed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = self.keys = ""
        self.setFixedHeight(34)

    @property
    def key(self) -> object:
        return self.text, self.keys

    def paintEvent(self, event: QPaintEvent) -> None:
        current = theme.theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = float(self.width())
        if self.keys:
            font = theme.mono(13, theme.HEADING.weight)
            width = QFontMetricsF(font).horizontalAdvance(self.keys) + 24
            pill = QRectF(self.width() - width, 3, width, 28)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(current.text)
            painter.drawRoundedRect(pill, 8, 8)
            painter.setFont(font)
            painter.setPen(current.window)
            painter.drawText(pill, int(Qt.AlignmentFlag.AlignCenter), self.keys)
            room -= width + 16
        if self.text and room > 80:
            font = theme.sans(15, theme.HEADING.weight)
            metrics = QFontMetricsF(font)
            shown = metrics.elidedText(self.text, Qt.TextElideMode.ElideRight, room)
            # In the middle of the stage; beside the keys where they would meet.
            wide = metrics.horizontalAdvance(shown)
            left = max(min((self.width() - wide) / 2, room - wide), 0.0)
            painter.setFont(font)
            painter.setPen(current.text)
            painter.drawText(QPointF(left, 22), shown)


class StagePlots(QWidget):
    """Some plot cards at a moment: in one column, or two where they are all there is."""

    def __init__(self, *, alone: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: tuple[CurveCard, ...] = (SpeedupCard(), RateCard())
        bars: tuple[Card, ...] = (AcceptanceCard(), LengthCard(), TimeCard())
        if alone:
            self.cards: tuple[Card, ...] = (*self._curves, *bars)
            grid = QGridLayout(self)
            grid.setContentsMargins(0, 0, 0, 0)
            grid.setSpacing(24)
            for i, card in enumerate(self.cards[:4]):
                grid.addWidget(card, i // 2, i % 2)
                grid.setRowStretch(i // 2, 1)
            grid.addWidget(self.cards[4], 2, 0, 1, 2)
        else:
            self._curves = self._curves[:1]
            self.cards = (*self._curves, bars[0], bars[1], bars[2])
            column = QVBoxLayout(self)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(16)
            for card, stretch in zip(self.cards, (6, 5, 4, 0), strict=True):
                column.addWidget(card, stretch)

    def show_moment(self, run: Run, baseline: Run | None) -> None:
        """Curves and bars of the run so far."""
        layout = self.layout()
        if layout is not None:
            layout.activate()  # axes go by the room that there is, and nothing here was ever shown
        curves = Curves(run, baseline)
        curves.update()
        snapshot = take(run, baseline)
        for card in self._curves:
            card.ensure_plot().staged = True
            card.set_curves(curves)
        for card in self.cards:
            card.show_snapshot(snapshot)
        for card in self._curves:
            card.advance(hidden=True)

    def sizeHint(self) -> QSize:
        return QSize(320, 600)


def dress(widget: QWidget, colour: QColor) -> None:
    """One flat colour behind a widget."""
    palette = widget.palette()
    palette.setColor(QPalette.ColorRole.Window, colour)
    widget.setPalette(palette)
    widget.setAutoFillBackground(True)
