"""All probes, by the name of the fault."""

from . import probes_of_any, probes_of_kato
from .probing import PROBES, Seen

__all__ = ["PROBES", "Seen", "probes_of_any", "probes_of_kato"]
