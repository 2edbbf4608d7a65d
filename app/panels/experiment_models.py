"""The models that an experiment compares: a short list to add to and to take from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QIcon,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app import assets, theme
from app.experiment_words import model_labels
from app.models import hub_cache
from app.models.model_list import Entry, embedded_entry, entries_for
from app.panels.fields import MenuButton, Problem, caption
from app.setup import Setup
from app.sources import TOY, why_no_model

_ROWS, _ROW = 3, 28
_SOURCE = Qt.ItemDataRole.UserRole


class ModelsField(QWidget):
    """`value`: the sources, as of a spec. recent(): files that were used before.
    ask_models(title): the files that a person chooses (tests replace it)."""

    changed = Signal()

    def __init__(
        self,
        title: str,
        role: str,
        recent: Callable[[], Sequence[str]],
        ask_models: Callable[[str], Sequence[str]],
        empty: tuple[str, str] = ("None yet", "Add one, or drop a .gguf file or a folder"),
    ) -> None:
        super().__init__()
        self._title, self._recent, self.ask_models = title, recent, ask_models
        self._embedded = embedded_entry()
        self.list = _Models(role, empty)
        self.list.setAccessibleName(title)
        self.list.setToolTip("Del removes what is selected; models can be dropped here")
        self.add_button = MenuButton("Add")
        self.add_button.setAccessibleName(f"Add to the {title.lower()}")
        self.add_button.setToolTip(f"Add to the {title.lower()}")
        self.remove_button = QPushButton("Remove")
        self.remove_button.setProperty("kind", "flat")
        self.remove_button.setFixedHeight(22)
        self.remove_button.setAccessibleName(f"Remove from the {title.lower()}")
        for button in (self.remove_button, self.add_button):  # as low as the heading beside them
            button.setStyleSheet("QPushButton { padding: 0 8px; min-height: 0; }")
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.add_button.setMenu(self.menu)
        self.label = caption(title)
        self.label.setBuddy(self.list)
        self.problem = Problem()
        self._lay_out()
        self.menu.aboutToShow.connect(self.fill)
        self.remove_button.clicked.connect(self.remove)
        self.list.delete.connect(self.remove)
        self.list.dropped.connect(self.add)
        self.list.itemSelectionChanged.connect(self._tell)
        self._tell()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(0)
        top.addWidget(self.label)
        top.addStretch(1)
        top.addWidget(self.remove_button)
        top.addWidget(self.add_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.list)
        layout.addWidget(self.problem)

    @property
    def value(self) -> tuple[str, ...]:
        return tuple(self.list.item(i).data(_SOURCE) for i in range(self.list.count()))

    @value.setter
    def value(self, value: Sequence[str]) -> None:
        self.list.clear()
        labels = model_labels(value)
        for source in dict.fromkeys(value):
            name, tip = labels[source]
            if source == "":
                name = self._embedded.title
            item = QListWidgetItem(name)
            item.setData(_SOURCE, source)
            item.setToolTip(tip)
            item.setSizeHint(QSize(0, _ROW))
            missing = source == "" and self._embedded.reason
            missing = missing or (is_file(source) and not Path(source).is_file())
            self.list.mark(item, bool(missing))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}, {tip}")
            self.list.addItem(item)
        self._tell()

    def add(self, sources: Sequence[str]) -> None:
        """At the end; one that is there already stays where it is."""
        before = self.value
        after = tuple(dict.fromkeys((*before, *sources)))
        if after != before:
            self.value = after
            self.list.setCurrentRow(len(after) - 1)
            self.changed.emit()

    def remove(self) -> None:
        """What is selected."""
        rows = sorted(index.row() for index in self.list.selectedIndexes())
        if not rows:
            return
        self.value = [source for i, source in enumerate(self.value) if i not in rows]
        self.list.setCurrentRow(min(rows[0], self.list.count() - 1))
        self.list.setFocus()  # the button greys when the last one goes
        self.changed.emit()

    def browse(self) -> None:
        self.add(self.ask_models(f"Add to the {self._title.lower()}"))

    def fill(self) -> None:
        """What the menu offers now: what is in the list already is ticked."""
        self.menu.clear()
        recent, hub = list(self._recent()), hub_cache.look()
        known = entries_for("target", recent, self._embedded, setup=Setup(), hub=hub)
        for entry in known:
            if entry.kind == "model":
                self._offer(entry)
        self.menu.addSeparator()
        self.menu.addAction("Choose files…").triggered.connect(self.browse)

    def show_problem(self, text: str) -> None:
        self.problem.show_problem(text)
        self.list.setAccessibleDescription(text)

    def _offer(self, entry: Entry) -> None:
        source = entry.source or ""
        action = self.menu.addAction(entry.title.replace("&", "&&"))
        action.setToolTip(entry.reason or entry.detail)
        here = source in self.value
        action.setCheckable(True)
        action.setChecked(here)
        action.setEnabled(not entry.reason and not here)
        action.triggered.connect(lambda: self.add([source]))

    def _tell(self) -> None:
        self.remove_button.setEnabled(bool(self.list.selectedIndexes()))


def is_file(source: str) -> bool:
    """Whether a source names a model file, whether or not it is there."""
    return source not in ("", TOY) and Path(source).suffix.lower() == ".gguf"


def dropped_models(data: QMimeData) -> list[str]:
    """The local .gguf files and Hugging Face folders among what is dragged."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [str(path) for path in paths if path.suffix.lower() == ".gguf" or not why_no_model(path)]


def _dot(hue: QColor) -> QIcon:
    pixmap = QPixmap(QSize(10, 10) * 2)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(hue)
    painter.drawEllipse(0, 0, 10, 10)
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # else it is tinted with the selection
    return icon


class _Models(QListWidget):
    """Three lines high. dropped: files; delete: the key was pressed."""

    dropped = Signal(object)
    delete = Signal()

    def __init__(self, role: str, empty: tuple[str, str]) -> None:
        super().__init__()
        self._role, self._empty = role, empty
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setAcceptDrops(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(10, 10))
        self.setTabKeyNavigation(False)
        self.setViewportMargins(4, 2, 4, 2)
        self.setFixedHeight(_ROWS * _ROW + 8)
        theme.notifier().changed.connect(self._restyle)

    def mark(self, item: QListWidgetItem, missing: bool) -> None:
        """A dot in the colour of the role; a sign and another colour for one that is missing."""
        now = theme.theme()
        hue = now.target if self._role == "target" else now.draft
        item.setIcon(assets.icon("warning", now.target_text) if missing else _dot(hue))
        item.setForeground(now.target_text if missing else now.text)
        item.setData(_SOURCE + 1, missing)

    def _restyle(self) -> None:
        for i in range(self.count()):
            self.mark(self.item(i), bool(self.item(i).data(_SOURCE + 1)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete.emit()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.isEnabled() and dropped_models(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = dropped_models(event.mimeData())
        if files:
            event.acceptProposedAction()
            self.dropped.emit(files)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.count():
            return
        painter, now = QPainter(self.viewport()), theme.theme()
        area = self.viewport().rect()
        middle = area.center().y()
        centre = int(Qt.AlignmentFlag.AlignHCenter)
        painter.setFont(theme.font(theme.BODY))
        painter.setPen(now.text)
        painter.drawText(area.translated(0, middle - 20), centre, self._empty[0])
        painter.setFont(theme.font(theme.SMALL))
        painter.setPen(now.muted)
        painter.drawText(area.translated(0, middle + 2), centre, self._empty[1])
