"""What is expected, and how it compares with what was found."""
