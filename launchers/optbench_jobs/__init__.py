"""A job in a process of its own: what launchers on this machine share with containers at Modal."""
