"""What comes of a simulation, in numbers."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """What came of it. `sent` counts samples that were answered, `unsent` those that the end cut off.

    `reports` are of how the workers are.
    """

    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    retried: int = 0
    errors: int = 0
    reports: int = 0
    unsent: int = 0

    def __str__(self) -> str:
        text = (
            f"sent {self.sent}, accepted {self.accepted}, duplicates {self.duplicates}, retried {self.retried}, "
            f"errors {self.errors}, reports {self.reports}"
        )
        return f"{text}, unsent {self.unsent}" if self.unsent else text
