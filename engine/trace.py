"""The one fold of the event stream: every figure and every view reads what `Trace.apply` built.

A stream holds one or more runs (a baseline, then the run measured against it). `Trace.runs` keeps
them in order; `Trace.run` is the newest, `Trace.baseline_of(run)` the one it is measured against.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from engine.errors import RecordingError
from engine.events import (
    AnyEvent,
    Drafted,
    LengthChosen,
    Notice,
    Prefilled,
    RunFinished,
    RunStarted,
    Totals,
    Verified,
)
from engine.history import EventLog, Pages, RoundLog
from engine.rounds import Cell, Round, TokenState
from engine.shared_list import SharedList
from engine.tally import Tally
from engine.tree import depths

MARK_EVERY = 64
"""Rounds between two marks: what `Run.at` folds again at most, and what a page of history holds."""


@dataclass(slots=True)
class Columns:
    """One entry a finished round; `numpy.frombuffer` gives a view without a copy.

    wasted_ns is the part of draft_ns that led to no token (a length policy's last pass).
    end_ns and end_tokens are cumulative: decode time (draft + verify + host) and tokens emitted.
    """

    drafted: array[int] = field(default_factory=lambda: array("q"))
    accepted: array[int] = field(default_factory=lambda: array("q"))
    rejected: array[int] = field(default_factory=lambda: array("q"))
    emitted: array[int] = field(default_factory=lambda: array("q"))
    draft_ns: array[int] = field(default_factory=lambda: array("q"))
    target_ns: array[int] = field(default_factory=lambda: array("q"))
    host_ns: array[int] = field(default_factory=lambda: array("q"))
    wasted_ns: array[int] = field(default_factory=lambda: array("q"))
    end_ns: array[int] = field(default_factory=lambda: array("q"))
    end_tokens: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.drafted)

    def first(self, rounds: int) -> Columns:
        """Those of the first rounds."""
        return Columns(*[getattr(self, field.name)[:rounds] for field in fields(self)])


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a run was after some round, where that is not the beginning of a list."""

    n_events: int
    n_cells: int
    n_texts: int
    n_notices: int
    n_prefilled: int
    judged_at: list[int]
    accepted_at: list[int]
    emitted_histogram: list[int]
    shapes: dict[tuple[int, ...], int]
    tally: Tally


class Run:
    """Everything known of one run so far.

    events: all that was applied. clock[i]: decode time (draft + verify + host, nanoseconds) at
    which event i was there; a round's events are spread over it by their measured times. wall[i]:
    time since the run's start at which it was recorded, pauses and prompt included.

    rounds: finished rounds and, last, the open one. cells: the token stream; the cells of the open
    round (from `n_closed_cells` on) are replaced when its verdict arrives.
    judged_at[i], accepted_at[i]: tokens judged and accepted at proposal position i (in a tree: at
    depth i + 1, siblings each counted).
    emitted_histogram[n]: finished rounds that emitted n tokens.
    shapes: finished rounds by the parents of their proposal, for the rounds with siblings.
    """

    def __init__(self, started: RunStarted) -> None:
        self.started = started
        self.finished: RunFinished | None = None
        self._pages = Pages(MARK_EVERY)
        self.rounds = RoundLog(self._pages)
        self.columns = Columns()
        self.cells: SharedList[Cell] = SharedList()
        self.n_closed_cells = 0
        self.text_parts: SharedList[str] = SharedList()
        self.pieces: dict[int, str] = {}
        self.notices: list[Notice] = []
        self.judged_at: list[int] = []
        self.accepted_at: list[int] = []
        self.emitted_histogram: list[int] = []
        self.shapes: dict[tuple[int, ...], int] = {}
        self.n_prefilled = 0
        self.events = EventLog(self._pages)
        self.clock: array[int] = array("q")
        self.wall: array[int] = array("q")
        self._tally = Tally()
        self._marks: list[_Mark] = []

    @property
    def n_events(self) -> int:
        return len(self.events)

    @property
    def totals(self) -> Totals:
        return self._tally.totals()

    @property
    def tally(self) -> Tally:
        """The running counts; cheaper than `totals`, which copies them."""
        return self._tally

    @property
    def token_ids(self) -> Sequence[int]:
        """Ids of the emitted tokens."""
        return self._tally.token_ids

    @property
    def text(self) -> str:
        return "".join(self.text_parts)

    @property
    def n_finished_rounds(self) -> int:
        return len(self.columns)

    @property
    def is_baseline(self) -> bool:
        return self.started.role == "baseline"

    def label(self, token_id: int) -> str:
        """The token's own text, with bytes of partial characters as <0xNN>."""
        return self.pieces.get(token_id, f"[{token_id}]")

    def apply(self, event: AnyEvent) -> None:
        if self.finished is not None:
            raise RecordingError(f"An event follows the end of run {self.started.run_id}.")
        if event.seq != self.n_events:
            raise RecordingError(
                f"Event {event.seq} of run {self.started.run_id} stands where event "
                f"{self.n_events} was expected.",
                "The recording was edited or has lost lines.",
            )
        self._tally.apply(event)
        self.events.append(event)
        now = self.clock[-1] if self.clock else 0
        match event:
            case Drafted():
                now += event.draft_ns
                self._drafted(event)
            case Verified():
                now += event.target_ns + event.host_ns
                self._verified(event)
            case LengthChosen():
                current = self._open_round(event.round)
                if current.length is not None:
                    raise RecordingError(f"Round {event.round} chooses its length twice.")
                current.length = event
                now += event.draft_ns
            case Prefilled():
                self.n_prefilled += event.tokens if event.target_ns else 0
            case Notice():
                self.notices.append(event)
            case RunFinished():
                self.finished = event
            case RunStarted():
                pass
        self.clock.append(now)
        self.wall.append(event.t_ns - self.started.t_ns)
        if isinstance(event, Verified) and len(self.rounds) % MARK_EVERY == 0:
            self._mark()

    def at(self, n_events: int) -> Run:
        """The run as it was after its first `n_events` events (at least one).

        Takes milliseconds in a run of any length: the lists are cut at a mark and the few events
        from there on are folded again. Finished rounds are shared, for nothing changes them.
        """
        n_events = min(max(n_events, 1), len(self.events))
        past = Run(self.started)
        at = bisect_right(self._marks, n_events, key=lambda mark: mark.n_events)
        if at:
            past._begin_at(self, self._marks[at - 1], at * MARK_EVERY)
            past._marks = self._marks[:at]
        for event in self.events[past.n_events : n_events]:
            past.apply(event)
        return past

    def _begin_at(self, other: Run, mark: _Mark, rounds: int) -> None:
        self._pages = other._pages.first(rounds // MARK_EVERY)
        self.events, self.rounds = EventLog(self._pages), RoundLog(self._pages)
        self.clock = other.clock[: mark.n_events]
        self.wall = other.wall[: mark.n_events]
        self.columns = other.columns.first(rounds)
        self.cells = other.cells.first(mark.n_cells)
        self.n_closed_cells = mark.n_cells
        self.text_parts = other.text_parts.first(mark.n_texts)
        self.pieces = dict(other.pieces)  # those of later tokens too: nobody asks for them yet
        self.notices = other.notices[: mark.n_notices]
        self.judged_at = mark.judged_at[:]
        self.accepted_at = mark.accepted_at[:]
        self.emitted_histogram = mark.emitted_histogram[:]
        self.shapes = dict(mark.shapes)
        self.n_prefilled = mark.n_prefilled
        self._tally = other._tally.since(mark.tally, mark.n_texts)

    def _mark(self) -> None:
        self._pages.add(self.events.open, self.rounds.open)
        self.events.open, self.rounds.open = [], []
        self._marks.append(
            _Mark(
                len(self.events),
                len(self.cells),
                len(self.text_parts),
                len(self.notices),
                self.n_prefilled,
                self.judged_at[:],
                self.accepted_at[:],
                self.emitted_histogram[:],
                dict(self.shapes),
                self._tally.mark(),
            )
        )

    def _open_round(self, index: int) -> Round:
        if not self.rounds or self.rounds[-1].verified is not None:
            self.rounds.append(Round(len(self.rounds)))
        current = self.rounds[-1]
        if current.index != index:
            raise RecordingError(
                f"Round {index} of run {self.started.run_id} stands where round "
                f"{current.index} was expected."
            )
        return current

    def _drafted(self, event: Drafted) -> None:
        current = self._open_round(event.round)
        if event.index != len(current.drafted) or not -1 <= event.parent < event.index:
            raise RecordingError(f"Round {event.round} has a drafted token out of order.")
        self.pieces.update(event.pieces)
        current.drafted.append(event)
        text = event.piece or self.label(event.id)
        self.cells.append(Cell(text, TokenState.PENDING, event.round, event.index, event.id))

    def _verified(self, event: Verified) -> None:
        current = self._open_round(event.round)
        _check_verdict(event, current)
        self.pieces.update(event.pieces)
        current.verified = event

        self.cells.cut(self.n_closed_cells)
        for drafted in current.drafted:
            state = current.state_of(drafted.index)
            text = drafted.piece or self.label(drafted.id)
            self.cells.append(Cell(text, state, event.round, drafted.index, drafted.id))
            if state is TokenState.ACCEPTED:
                self.text_parts.append(drafted.piece)
        if event.added_id is not None:
            state = TokenState.BONUS if event.added_kind == "bonus" else TokenState.RESAMPLED
            text = event.added_piece or self.label(event.added_id)
            self.cells.append(Cell(text, state, event.round, len(current.drafted), event.added_id))
            self.text_parts.append(event.added_piece)
        self.n_closed_cells = len(self.cells)

        positions: Iterable[int] = range(len(event.judged))
        if event.judged_at is not None and current.is_tree:
            parents = current.parents
            self.shapes[parents] = self.shapes.get(parents, 0) + 1
            below = depths(parents)
            positions = [below[i] - 1 for i in event.judged_at]
        for i in positions:
            while i >= len(self.judged_at):
                self.judged_at.append(0)
                self.accepted_at.append(0)
            self.judged_at[i] += 1
        for i in range(event.n_accepted):
            self.accepted_at[i] += 1
        emitted = current.n_emitted
        while len(self.emitted_histogram) <= emitted:
            self.emitted_histogram.append(0)
        self.emitted_histogram[emitted] += 1

        columns = self.columns
        draft_ns = current.draft_ns
        columns.drafted.append(len(current.drafted))
        columns.accepted.append(event.n_accepted)
        columns.rejected.append(len(event.judged) - event.n_accepted)
        columns.emitted.append(emitted)
        columns.draft_ns.append(draft_ns)
        columns.target_ns.append(event.target_ns)
        columns.host_ns.append(event.host_ns)
        columns.wasted_ns.append(current.wasted_ns)
        before = columns.end_ns[-1] if columns.end_ns else 0
        columns.end_ns.append(before + draft_ns + event.target_ns + event.host_ns)
        columns.end_tokens.append(len(self.token_ids))


def _check_verdict(event: Verified, current: Round) -> None:
    """Raise RecordingError for a verdict that does not fit the proposal."""
    drafted = len(current.drafted)
    fits = event.n_accepted <= len(event.judged) <= drafted
    if event.path is None and event.judged_at is None:
        fits = fits and not current.is_tree
    else:
        path, judged_at = event.path or (), event.judged_at or ()
        fits = fits and len(path) == event.n_accepted and len(judged_at) == len(event.judged)
        fits = fits and all(0 <= i < drafted for i in judged_at) and set(path) <= set(judged_at)
        follows = zip((-1, *path), path, strict=False)
        fits = fits and all(current.drafted[i].parent == before for before, i in follows)
    if not fits:
        raise RecordingError(f"The verdict of round {event.round} judges undrafted tokens.")


class Trace:
    """Fold of a whole stream. `n_events` counts what was applied."""

    def __init__(self, events: Iterable[AnyEvent] = ()) -> None:
        self.runs: list[Run] = []
        self.n_events = 0
        for event in events:
            self.apply(event)

    @property
    def run(self) -> Run | None:
        """The newest run."""
        return self.runs[-1] if self.runs else None

    def baseline_of(self, run: Run) -> Run | None:
        """The run that `run` is measured against, where it is part of this stream."""
        wanted = run.started.baseline
        return next((r for r in self.runs if r.started.run_id == wanted), None)

    def apply(self, event: AnyEvent) -> None:
        """Add one event. Raises RecordingError when it does not fit what came before."""
        if isinstance(event, RunStarted):
            if self.runs and self.runs[-1].finished is None:
                raise RecordingError(f"Run {event.run_id} starts before the last one ended.")
            self.runs.append(Run(event))
        elif not self.runs:
            raise RecordingError(
                "The stream does not begin with RunStarted.",
                "Open a file that Draftscope recorded.",
            )
        try:
            self.runs[-1].apply(event)
        except OverflowError:
            raise RecordingError(
                f"Event {event.seq} of run {self.runs[-1].started.run_id} holds a number that is "
                "too large.",
                "The recording was edited or damaged.",
            ) from None
        self.n_events += 1
