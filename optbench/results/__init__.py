"""What a task leaves behind, and what is read from it."""
