"""The texts of compared runs beside each other: what differs from the reference's is marked."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QResizeEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.comparison import Compared, Member
from app.comparison_words import OTHER_PROMPT, Said, letter, listed, said
from app.panels.fields import ElidedLabel, muted, set_role
from app.text_difference import TextDifference, compare_texts, pieces_between, text_between
from app.views.run_inks import badge
from engine.trace import Run

COLUMN = 176
ONE = "Add a second run to see where the texts part."
_ROLES = {"good": "good", "warn": "warn", "plain": "muted"}


class CompareTexts(QWidget):
    """`show_compared` compares the texts with the reference's and shows them all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns: list[_Column] = []
        self._compared: Compared | None = None
        self.differences: list[TextDifference | None] = []
        title = QLabel("Text")
        title.setProperty("role", "heading")
        self.key = QLabel()
        self.key.setTextFormat(Qt.TextFormat.RichText)
        self.key.setProperty("role", "muted")
        self.reason = muted(wrap=True)
        self.reason.setAccessibleName("Why the texts differ")
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self.key)
        self._area = _Sideways()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.reason)
        layout.addWidget(self._area, 1)
        theme.notifier().changed.connect(self._restyle)

    @property
    def sentences(self) -> list[str]:
        """What is said of each run, in order; "" of the reference."""
        return [column.sentence.text() for column in self.columns]

    def show_compared(self, compared: Compared | None) -> None:
        self._compared = compared
        members = compared.members if compared is not None else ()
        at = compared.reference if compared is not None else 0
        self.differences = [
            None if i == at else compare_texts(members[at].run, member.run)
            for i, member in enumerate(members)
        ]
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setRowStretch(2, 1)
        self.columns = []
        reasons: dict[str, list[str]] = {}
        for place, (member, found) in enumerate(zip(members, self.differences, strict=True)):
            told = None
            if found is not None:
                told = said(members[at], member, letter(at), letter(place), found)
                reasons.setdefault(told.reason, []).append(letter(place))
            column = _Column(place, member, told)
            column.show_text(members[at], member, found)
            grid.setColumnStretch(place, 1)
            grid.setColumnMinimumWidth(place, COLUMN)
            grid.addWidget(column.head, 0, place)
            grid.addWidget(column.sentence, 1, place, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(column.text, 2, place)
            self.columns.append(column)
        self._area.show_widget(holder)
        self.reason.setText(self._reasons(reasons) if len(members) > 1 else ONE if members else "")
        self.reason.setVisible(bool(self.reason.text()))
        self._show_key()
        for column in self.columns:
            column.go_to_parting()

    def _reasons(self, reasons: dict[str, list[str]]) -> str:
        """Each once. Texts of other prompts have nothing to do with each other: that is all."""
        compared = [found for found in self.differences if found is not None]
        if all(found.why_not for found in compared):
            if all(found.why_not == "prompts" for found in compared):
                return "The runs have different prompts, so their texts are not compared."
            return "The runs have no prompt in common, so their texts are not compared."
        known = {reason: letters for reason, letters in reasons.items() if reason}
        if len(compared) == 1:
            return " ".join(known)
        return " ".join(f"{listed(letters)}: {reason}" for reason, letters in known.items())

    def _show_key(self) -> None:
        marked = any(f is not None and f.spans and not f.same for f in self.differences)
        now, compared = theme.theme(), self._compared
        if marked and compared is not None:
            a = letter(compared.reference)
            self.key.setText(
                f'<span style="color:{now.good_text.name()}"><u>underlined</u></span>: only in '
                f'this run &nbsp;·&nbsp; <span style="color:{now.target_text.name()}"><s>struck'
                f"</s></span>: only in {a}"
            )
        self.key.setVisible(marked)

    def _restyle(self) -> None:
        self._show_key()
        if self._compared is not None:
            members, at = self._compared.members, self._compared.reference
            for column, member, found in zip(self.columns, members, self.differences, strict=True):
                column.show_text(members[at], member, found)
                column.go_to_parting()


class _Sideways(QScrollArea):
    """Scrolls what is too wide; it is never higher than there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_widget(self, widget: QWidget) -> None:
        """In place of the one before, which goes."""
        self.setWidget(widget)
        widget.setAutoFillBackground(False)
        widget.setFixedHeight(self.viewport().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        widget = self.widget()
        if widget is not None:
            widget.setFixedHeight(self.viewport().height())


class _Column:
    """Head, sentence and text of one run; a grid keeps those of all runs level."""

    def __init__(self, place: int, member: Member, told: Said | None) -> None:
        self._place = place
        self._parting: int | None = None
        self.head = QWidget()
        line = QHBoxLayout(self.head)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        self._badge = QLabel()
        name = ElidedLabel(member.name)
        name.setFont(theme.sans(12, QFont.Weight.DemiBold))
        short = QLabel(told.short if told is not None else "reference")
        short.setFont(theme.font(theme.SMALL))
        set_role(short, _ROLES[told.tone] if told is not None else "muted")
        line.addWidget(self._badge)
        line.addWidget(name, 1)
        line.addWidget(short)
        self.sentence = muted(told.whole if told is not None else "", wrap=True)
        # What stands beside the name says as much of another prompt.
        self.sentence.setHidden(told is None or told.short == OTHER_PROMPT)
        self.text = QTextEdit()
        self.text.setReadOnly(True)
        self.text.setUndoRedoEnabled(False)
        self.text.setTabChangesFocus(True)
        self.text.setFont(theme.mono(12))
        self.text.setMinimumHeight(72)
        self.text.setAccessibleName(f"Text of {letter(place)}, {member.name}")
        self.text.setAccessibleDescription(told.whole if told is not None else "reference")

    def show_text(self, reference: Member, member: Member, found: TextDifference | None) -> None:
        """Write the text anew, in the colours of the theme."""
        now = theme.theme()
        self._badge.setPixmap(badge(now, self._place, self._badge.devicePixelRatioF()))
        self.text.clear()
        cursor = QTextCursor(self.text.document())
        self._parting = None
        cursor.beginEditBlock()  # one layout, not one a span
        if found is None or not found.spans:
            cursor.insertText(member.run.text)
        else:
            self._insert_spans(cursor, reference.run, member.run, found, now)
        cursor.endEditBlock()

    def _insert_spans(
        self, cursor: QTextCursor, reference: Run, run: Run, found: TextDifference, now: theme.Theme
    ) -> None:
        plain, (ours, theirs) = QTextCharFormat(), _marks(now)
        for span in found.spans:
            if span.kind == "equal":
                text = text_between(run, span.other_start, span.other_stop)
                cursor.insertText(text, plain)
                continue
            if self._parting is None:
                self._parting = cursor.position()
            if span.stop > span.start:
                lost = pieces_between(reference, span.start, span.stop)
                cursor.insertText(lost.replace("\n", "⏎"), theirs)
            if span.other_stop > span.other_start:
                own = pieces_between(run, span.other_start, span.other_stop)
                cursor.insertText(own.replace("\n", "⏎\n"), ours)
        if not found.whole:
            rest = QTextCharFormat()
            rest.setForeground(now.muted)
            text = text_between(run, found.spans[-1].other_stop, len(run.text_parts))
            cursor.insertText(text, rest)

    def go_to_parting(self) -> None:
        """Scroll to where the text parts from the reference's."""
        cursor = self.text.textCursor()
        cursor.setPosition(self._parting or 0)
        self.text.setTextCursor(cursor)
        self.text.ensureCursorVisible()


def _marks(now: theme.Theme) -> tuple[QTextCharFormat, QTextCharFormat]:
    """Of tokens that only this run has, and of those that only the reference has."""
    ours = QTextCharFormat()
    ours.setForeground(now.good_text)
    ours.setBackground(theme.with_alpha(now.good, 0.14))
    ours.setFontUnderline(True)
    ours.setFontWeight(QFont.Weight.DemiBold)
    theirs = QTextCharFormat()
    theirs.setForeground(now.target_text)
    theirs.setBackground(theme.with_alpha(now.target, 0.1))
    theirs.setFontStrikeOut(True)
    return ours, theirs
