"""Text is legible on what it stands on: WCAG 2.2, 1.4.3 (4.5:1), by day and by night."""

import re

import pytest

from frontend.node import FRONTEND

TOKENS = dict(
    re.findall(r"--([\w-]+):\s*light-dark\(([^)]+)\)", (FRONTEND / "static" / "css" / "tokens.css").read_text())
)
TEXT_ON_GROUND = [
    *[(text, ground) for text in ("ink", "faded", "press", "live", "trouble") for ground in ("paper", "sheet")],
    ("ink", "fresh"),
    ("on-press", "press"),
]


def luminance(colour: str) -> float:
    digits = colour.strip().lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("text", "ground"), TEXT_ON_GROUND)
@pytest.mark.parametrize("hour", [0, 1], ids=["day", "night"])
def test_contrast(text, ground, hour):
    one, other = sorted(luminance(TOKENS[name].split(",")[hour]) for name in (text, ground))
    assert (other + 0.05) / (one + 0.05) >= 4.5
