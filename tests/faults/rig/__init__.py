"""What starts the stack, writes to it and breaks it."""
