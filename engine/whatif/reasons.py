"""Why a recording does not tell what would have happened: sentences for people."""

DRAFT = "The recorded candidates of the draft do not tell which token it would draw."
LENGTH = "The length policy would decide anew, from distributions that were not recorded whole."
JUDGED = "The recorded candidates do not tell whether a token would be accepted."
ADDED = "The recorded candidates do not tell which token would be added."
BEHIND = "The distributions after the rejected token were not recorded."
OTHER = "Another token would be drafted, and the distributions after it were not recorded."
LONGER = "More tokens would be drafted than were recorded."
SIBLINGS = "The distributions of siblings under these settings were not recorded."
BLOCK = (
    "Block verification looks at every token, and the distributions of the last were not recorded."
)

THROUGHPUT = "What decides the length goes by the rounds before, so the recorded length was kept."
"""A note: no reason for anything to be unknown."""
