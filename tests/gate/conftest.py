"""The makers of run folders stand beside the tests of the record and of the report."""

import sys
from pathlib import Path

for room in ("record", "report"):
    sys.path.append(str(Path(__file__).parents[1] / room))
