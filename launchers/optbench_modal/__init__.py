"""The Modal engine: the app that runs tasks in the cloud, and what this machine does for it.

Beside Hydra's plugins and not among them: Hydra imports all of those at every start.
"""
