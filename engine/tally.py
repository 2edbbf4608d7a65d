"""Running counts of one run: the cheap part of the fold, used where no history is kept."""

from __future__ import annotations

from copy import copy

from engine.events import AnyEvent, Drafted, LengthChosen, Prefilled, Totals, Verified
from engine.shared_list import SharedList


def path_of(verdict: Verified) -> tuple[int, ...]:
    """Indices of the accepted tokens: a chain's are its first ones."""
    return tuple(range(verdict.n_accepted)) if verdict.path is None else verdict.path


class Tally:
    """The counts so far, and the ids of the emitted tokens."""

    def __init__(self) -> None:
        self.rounds = 0
        self.drafted = self.accepted = self.rejected = self.discarded = 0
        self.resampled = self.bonus = 0
        self.prefill_ns = self.draft_ns = self.verify_ns = self.host_ns = 0
        self.token_ids: SharedList[int] = SharedList()
        self._proposal: list[int] = []

    @property
    def tokens(self) -> int:
        return len(self.token_ids)

    @property
    def decode_ns(self) -> int:
        """Draft, verify and host time; prefill excluded."""
        return self.draft_ns + self.verify_ns + self.host_ns

    def apply(self, event: AnyEvent) -> None:
        match event:
            case Drafted():
                self.drafted += 1
                self._proposal.append(event.id)
                self.draft_ns += event.draft_ns
            case LengthChosen():
                self.draft_ns += event.draft_ns
            case Verified():
                rejected = len(event.judged) - event.n_accepted
                self.rounds += 1
                self.token_ids.extend([self._proposal[i] for i in path_of(event)])
                if event.added_id is not None:
                    self.token_ids.append(event.added_id)
                self.accepted += event.n_accepted
                self.rejected += rejected
                self.discarded += len(self._proposal) - event.n_accepted - rejected
                self.resampled += event.added_kind == "resampled"
                self.bonus += event.added_kind == "bonus"
                self.verify_ns += event.target_ns
                self.host_ns += event.host_ns
                self._proposal.clear()
            case Prefilled():
                self.prefill_ns += event.target_ns + event.draft_ns
            case _:
                pass

    def mark(self) -> Tally:
        """The counts as they are now, without the ids: for `since`. Between rounds only."""
        mark = copy(self)
        mark.token_ids, mark._proposal = SharedList(), []
        return mark

    def since(self, mark: Tally, n_tokens: int) -> Tally:
        """These counts as they were at a mark, when `n_tokens` had been emitted."""
        past = copy(mark)
        past.token_ids, past._proposal = self.token_ids.first(n_tokens), []
        return past

    def totals(self) -> Totals:
        return Totals(
            tokens=self.tokens,
            rounds=self.rounds,
            drafted=self.drafted,
            accepted=self.accepted,
            rejected=self.rejected,
            discarded=self.discarded,
            resampled=self.resampled,
            bonus=self.bonus,
            prefill_ns=self.prefill_ns,
            draft_ns=self.draft_ns,
            verify_ns=self.verify_ns,
            host_ns=self.host_ns,
        )
