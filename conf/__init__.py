"""What a user can choose: the config groups of optbench."""
