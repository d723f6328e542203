import sys
from pathlib import Path

# Run folders of known content: those of the neighbours' tests.
for room in ("record", "report"):
    sys.path.append(str(Path(__file__).parents[1] / room))
