"""`python -m analyzer.cli`: the command without its script."""

import sys

from analyzer.cli import main

sys.exit(main())
