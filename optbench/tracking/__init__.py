"""Opik: on a server, or embedded in the process."""
