"""``python -m optbench.commands`` is the console script ``optbench-results``."""

from optbench.commands.cli import main

main()
