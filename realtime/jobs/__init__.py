"""Jobs: tasks whose state is a row, moved by a state machine and announced at each step."""
