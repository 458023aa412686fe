"""``python -m optbench`` and the console script."""

from optbench.app import main

if __name__ == "__main__":
    main()
