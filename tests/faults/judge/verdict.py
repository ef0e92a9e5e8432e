"""The verdict of a fault run."""

from collections import Counter
from dataclasses import dataclass, field

MAX_SENTENCES = 12  # mistakes that are printed


@dataclass
class Verdict:
    """Counts of mistakes by kind, the first of them in sentences, and counts of what was compared."""

    mistakes: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    sentences: list[str] = field(default_factory=list)

    def counts(self) -> list[tuple[str, int]]:
        """Returns what was compared, and then the number of mistakes of each kind, 0 included."""
        names = ("phantom", "lost", "twice", "out of order", "leaked", "gap", "reset", "late", "mild")
        return [*self.seen.most_common(), *((name, self.mistakes[name]) for name in names)]

    def add(self, kind: str, where: str) -> None:
        """Counts a mistake; keeps its sentence if it is one of the first."""
        self.mistakes[kind] += 1
        if len(self.sentences) < MAX_SENTENCES:
            self.sentences.append(f"{kind}: {where}")
