"""The JSON manifests of opik-optimizer's benchmark runner: read, run, and written."""
