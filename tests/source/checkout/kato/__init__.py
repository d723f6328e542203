"""An application in the shape of KATO, for the tests of `--kato-source`: the same module path, the same
clients of the same versions, the same keys, tables and collections. Its predictions are no better than they
need to be."""

__version__ = "3.10.1"
