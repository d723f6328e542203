"""The servers that stand for running systems are shared by the tests of this room."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
