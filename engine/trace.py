"""The one fold of the event stream: every figure and every view reads what `Trace.apply` built.

A stream holds one or more runs (a baseline, then the run measured against it). `Trace.runs` keeps
them in order; `Trace.run` is the newest, `Trace.baseline_of(run)` the one it is measured against.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from enum import IntEnum

import msgspec

from engine.errors import RecordingError
from engine.events import (
    AnyEvent,
    Drafted,
    Judged,
    LengthChosen,
    Notice,
    Prefilled,
    RunFinished,
    RunStarted,
    Totals,
    Verified,
)
from engine.tally import Tally, path_of
from engine.tree import depths

MARK_EVERY = 64
"""Rounds between two marks: what `Run.at` folds again at most."""


class TokenState(IntEnum):
    """What became of a token (see the colour and glyph of each in the app's theme)."""

    PENDING = 0
    ACCEPTED = 1
    REJECTED = 2
    DISCARDED = 3
    RESAMPLED = 4
    BONUS = 5

    @property
    def emitted(self) -> bool:
        return self in _EMITTED


_EMITTED = (TokenState.ACCEPTED, TokenState.RESAMPLED, TokenState.BONUS)


class Cell(msgspec.Struct, frozen=True, gc=False):
    """One token as the views show it. index: place in the proposal; the added token has index γ_r,
    the number of tokens drafted in that round."""

    text: str
    state: TokenState
    round: int
    index: int
    id: int


@dataclass(slots=True)
class Round:
    """One proposal and, once `verified` is set, its verdict.

    length: what the length policy chose, where the run has one that chooses.
    """

    index: int
    drafted: list[Drafted] = field(default_factory=list[Drafted])
    verified: Verified | None = None
    length: LengthChosen | None = None

    @property
    def path(self) -> tuple[int, ...]:
        """Indices of the accepted tokens, in the order of the text."""
        if self.verified is None:
            return ()
        return path_of(self.verified)

    @property
    def is_tree(self) -> bool:
        """Whether any drafted token has a sibling."""
        return any(d.parent != d.index - 1 for d in self.drafted)

    @property
    def parents(self) -> tuple[int, ...]:
        """Of each drafted token the index of the one that it follows, -1 for the context."""
        return tuple([d.parent for d in self.drafted])

    def judged(self, index: int) -> Judged | None:
        """The numbers of the verdict on a drafted token; None if it was not judged. Block
        verification weighs the discarded ones too."""
        verdict = self.verified
        if verdict is None:
            return None
        if verdict.judged_at is not None:
            places = verdict.judged_at
            return verdict.judged[places.index(index)] if index in places else None
        weighed = (*verdict.judged, *verdict.weighed)
        return weighed[index] if index < len(weighed) else None

    @property
    def n_emitted(self) -> int:
        """Tokens that this round added to the output; 0 before the verdict."""
        if self.verified is None:
            return 0
        return self.verified.n_accepted + (self.verified.added_id is not None)

    @property
    def draft_ns(self) -> int:
        """All time of drafting, that of a pass without a token included."""
        return sum([d.draft_ns for d in self.drafted]) + self.wasted_ns

    @property
    def wasted_ns(self) -> int:
        """Time of a draft pass whose token was not proposed."""
        return self.length.draft_ns if self.length is not None else 0

    def state_of(self, index: int) -> TokenState:
        """State of the drafted token at `index`."""
        verdict = self.verified
        if verdict is None:
            return TokenState.PENDING
        if verdict.path is not None and verdict.judged_at is not None:
            if index in verdict.path:
                return TokenState.ACCEPTED
            return TokenState.REJECTED if index in verdict.judged_at else TokenState.DISCARDED
        if index < verdict.n_accepted:
            return TokenState.ACCEPTED
        if index < len(verdict.judged):
            return TokenState.REJECTED
        return TokenState.DISCARDED


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
    which event i was there; a round's events are spread over it by their measured times.

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
        self.rounds: list[Round] = []
        self.columns = Columns()
        self.cells: list[Cell] = []
        self.n_closed_cells = 0
        self.text_parts: list[str] = []
        self.pieces: dict[int, str] = {}
        self.notices: list[Notice] = []
        self.judged_at: list[int] = []
        self.accepted_at: list[int] = []
        self.emitted_histogram: list[int] = []
        self.shapes: dict[tuple[int, ...], int] = {}
        self.n_prefilled = 0
        self.events: list[AnyEvent] = []
        self.clock: array[int] = array("q")
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
    def token_ids(self) -> list[int]:
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
        self.events = other.events[: mark.n_events]
        self.clock = other.clock[: mark.n_events]
        self.rounds = other.rounds[:rounds]
        self.columns = other.columns.first(rounds)
        self.cells = other.cells[: mark.n_cells]
        self.n_closed_cells = mark.n_cells
        self.text_parts = other.text_parts[: mark.n_texts]
        self.pieces = dict(other.pieces)  # those of later tokens too: nobody asks for them yet
        self.notices = other.notices[: mark.n_notices]
        self.judged_at = mark.judged_at[:]
        self.accepted_at = mark.accepted_at[:]
        self.emitted_histogram = mark.emitted_histogram[:]
        self.shapes = dict(mark.shapes)
        self.n_prefilled = mark.n_prefilled
        self._tally = other._tally.since(mark.tally, mark.n_texts)

    def _mark(self) -> None:
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

        del self.cells[self.n_closed_cells :]
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
