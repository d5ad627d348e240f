"""What the times in records are worth: they are claims, and out of order."""

#: How far out of order the times in one partition may be: users' phones, several bots, retries.
DISORDER_MS = 10_000


def clamp(claimed_ms: int, record_ms: int, slack_ms: int = 0) -> int:
    """Return the time that a record claims, but no later than `slack_ms` after Kafka got it.

    To wait, with slack: clocks differ, and to wait too long does no harm. To move a clock, without: else who
    relies on it looks too early.

    Args:
        claimed_ms: what the record says.
        record_ms: when Kafka got it; -1 where that is not known, and the claim counts.
        slack_ms: how much later it may claim to be.
    """
    return min(claimed_ms, record_ms + slack_ms) if record_ms >= 0 else claimed_ms
