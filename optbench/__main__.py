"""``python -m optbench``, the same as the console script."""

from optbench.app import main

if __name__ == "__main__":
    main()
