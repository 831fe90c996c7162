"""`python -m jigsmith_demo`."""

import sys

from jigsmith_demo.main import main

sys.exit(main())
