"""The servers that stand for running systems are shared by the tests of this room and of the collectors'."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "collectors"))
