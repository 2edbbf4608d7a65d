"""A suffix automaton that grows token by token."""

from __future__ import annotations

from collections.abc import Iterable

_RECENT = 4
"""Suffixes of the match that also learn where they were seen last."""


class SuffixAutomaton:
    """The longest suffix of a growing text that occurred in it before (Blumer et al. 1985, "The
    smallest automaton recognizing the subwords of a text"; as a drafter: SAM decoding, arXiv
    2411.04975, section 3.1).

    A state stands for all substrings that end at the same places; its suffix link leads to the
    state of the longest shorter suffix that ends at further places. So the link of the state of the
    whole text is the longest suffix that occurred before. At most two states and three transitions
    a token; amortised constant time a token.

    Of each state one place is kept where its substrings end: the latest one known. Exact ones would
    take a walk over all suffix links for each token. Instead the match of each token and its next
    shorter suffixes (four in all) note the place: an occurrence inside a much longer match is
    missed, and an older one is kept.
    """

    def __init__(self) -> None:
        self._next: list[dict[int, int]] = [{}]
        self._link = [-1]
        self._length = [0]  # of the longest substring of each state
        self._end = [0]  # a place after an occurrence of each state's substrings, the latest known
        self._last = 0
        self.match = 0
        """Length of the longest suffix of the text that occurred before, 0 for none."""
        self.after = 0
        """The place after its latest known earlier occurrence; there is a token at it."""

    @property
    def size(self) -> int:
        """Tokens taken in."""
        return self._length[self._last]

    def extend(self, tokens: Iterable[int]) -> None:
        """Append tokens to the text."""
        transitions, links, lengths, ends = self._next, self._link, self._length, self._end
        last = self._last
        for token in tokens:
            new, place = len(lengths), lengths[last] + 1
            transitions.append({})
            links.append(0)
            lengths.append(place)
            ends.append(place)
            state = last
            while state >= 0 and token not in transitions[state]:
                transitions[state][token] = new
                state = links[state]
            match = 0
            if state >= 0:
                match = transitions[state][token]
                if lengths[match] != lengths[state] + 1:
                    match = self._split(match, state, token)
                links[new] = match
            last = new
            self.match, self.after = lengths[match], ends[match]
            for _ in range(_RECENT):
                if match <= 0:
                    break
                ends[match] = place
                match = links[match]
        self._last = last

    def _split(self, state: int, before: int, token: int) -> int:
        """A new state for those substrings of `state` that the token completes at `before` and its
        suffixes: they now end at one place more than the longer ones."""
        clone = len(self._length)
        self._next.append(self._next[state].copy())
        self._link.append(self._link[state])
        self._length.append(self._length[before] + 1)
        self._end.append(self._end[state])
        self._link[state] = clone
        while before >= 0 and self._next[before].get(token) == state:
            self._next[before][token] = clone
            before = self._link[before]
        return clone
