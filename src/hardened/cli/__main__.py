"""`python -m hardened.cli`."""

import sys

from hardened.cli import main

if __name__ == "__main__":
    sys.exit(main())
