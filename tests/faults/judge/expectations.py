"""What a measurement found, against what it has to be."""


class Found:
    """What was measured, in order, and which of it is not what it has to be."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.missed: list[str] = []

    def say(self, name: str, value: object) -> None:
        self.lines.append(f"{name}: {value}")

    def want(self, name: str, value: object, holds: bool) -> None:
        """A figure with a target."""
        self.say(name, value if holds else f"{value}, MISSED")
        if not holds:
            self.missed.append(name)
