import sys
from pathlib import Path

# The whole run folders of the report's tests, and the manifests of the record's.
sys.path += [str(Path(__file__).parents[1] / name) for name in ("report", "record")]
