"""From what was asked to which knob has which value, and who set it. Pure."""
