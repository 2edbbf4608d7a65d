"""What passes cost, as measured before an experiment's runs: a card a pair."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from app import theme
from app.experiment_words import NO_DRAFT
from app.panels.fields import muted
from app.views.plots.calibration_card import CalibrationCard
from engine.events import Calibration, ModelInfo
from engine.experiments.results import Results

GAP, PAD = 16, 16
LEAST_WIDTH, HEIGHT = 520, 320
NOTHING = (
    "No pass was measured yet",
    "What passes cost is measured before the first run of each pair, and shown here.",
)


class Calibrations(QScrollArea):
    """`show_results` makes the cards. failed(ErrorInfo): one could not be saved."""

    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known: dict[str, Calibration] = {}
        self.cards: list[CalibrationCard] = []
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._grid = _Grid()
        self.setWidget(self._grid)
        self._empty = _Empty()
        self._empty.setParent(self.viewport())

    def show_results(self, results: Results | None) -> None:
        known = dict(results.calibrations) if results is not None else {}
        self._empty.setVisible(not known)
        if known == self._known:
            return
        self._known = known
        self.cards = []
        frames: list[QWidget] = []
        for calibration in known.values():
            card = CalibrationCard(pair_name(calibration), calibration)
            card.failed.connect(self.failed)
            self.cards.append(card)
            frame = _Frame()
            inside = QVBoxLayout(frame)
            inside.setContentsMargins(16, 12, 12, 8)
            inside.addWidget(card)
            frames.append(frame)
        self._grid.show_frames(frames)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._empty.setGeometry(self.viewport().rect())


def pair_name(calibration: Calibration) -> str:
    """`Qwen 1.5B Q4_K_M + Qwen 0.5B Q8_0`."""

    def name(model: ModelInfo) -> str:
        return " ".join(filter(None, (model.name, model.quantisation)))

    draft = calibration.draft
    return f"{name(calibration.target)} + {name(draft) if draft is not None else NO_DRAFT.lower()}"


class _Grid(QWidget):
    """Frames of one size, as many side by side as fit."""

    def __init__(self) -> None:
        super().__init__()
        self._frames: list[QWidget] = []

    def show_frames(self, frames: list[QWidget]) -> None:
        for old in self._frames:
            old.hide()
            old.deleteLater()
        self._frames = frames
        for frame in frames:
            frame.setParent(self)
            frame.show()
        self._place()

    def _columns(self) -> int:
        fit = max((self.width() - 2 * PAD + GAP) // (LEAST_WIDTH + GAP), 1)
        return min(fit, max(len(self._frames), 1), 3)

    def _place(self) -> None:
        n = self._columns()
        width = min((self.width() - 2 * PAD - (n - 1) * GAP) // n, 880)
        for i, frame in enumerate(self._frames):
            at = QRect(PAD + i % n * (width + GAP), PAD + i // n * (HEIGHT + GAP), width, HEIGHT)
            frame.setGeometry(at)
        lines = -(-len(self._frames) // n)
        self.setMinimumHeight(2 * PAD + lines * (HEIGHT + GAP) - GAP if lines else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place()

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH + 2 * PAD, self.minimumHeight())


class _Empty(QWidget):
    def __init__(self) -> None:
        super().__init__()
        title, words = QLabel(NOTHING[0]), muted(NOTHING[1])
        title.setProperty("role", "title")
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(2)
        for label in (title, words):
            column.addWidget(label, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)


class _Frame(QFrame):
    """What a plot lies on: it paints the panel's colour itself."""

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = theme.theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(now.line)
        painter.setBrush(now.panel)
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
