"""A loopback server of Modal's gRPC protocol, for tests that run the real client and container.

Nothing of ``modal`` is patched: the client, its command line and the container runner find
this server by ``MODAL_SERVER_URL``. A test uses it through ``modal_loopback.peer``.
"""
