"""The losslessness lab: whether a rule, with a drafter, emits what the target alone would."""
