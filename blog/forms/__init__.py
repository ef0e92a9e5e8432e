"""The forms of the pages. Their fields normalise: NFC, so that a word has one spelling; LF ends lines."""
