import sys
from pathlib import Path

# Real servers to take the patches, and run folders of known content: those of the neighbours' tests.
for room in ("collectors", "record", "report"):
    sys.path.append(str(Path(__file__).parents[1] / room))
