"""The decisions of `step`, one file a subject: pure functions that yield events."""
