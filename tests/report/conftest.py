import sys
from pathlib import Path

# The example manifest and the rows of a plausible run are those of the record's tests.
sys.path.append(str(Path(__file__).parents[1] / "record"))
