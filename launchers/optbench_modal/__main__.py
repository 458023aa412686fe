"""``python -m optbench_modal``, as the console script."""

from optbench_modal.cli import main

main()
