"""Measured figures, some of them with a bound that must hold."""


class Expectations:
    """Figures in the order in which they were recorded, and the names of those that miss their bound."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.missed: list[str] = []

    def record(self, name: str, value: object) -> None:
        """Records a figure without a bound."""
        self.lines.append(f"{name}: {value}")

    def expect(self, name: str, value: object, holds: bool) -> None:
        """Records a figure with a bound, and whether it holds."""
        self.record(name, value if holds else f"{value}, MISSED")
        if not holds:
            self.missed.append(name)
