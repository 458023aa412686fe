"""Programs under test: what runs a prompt on an item."""
