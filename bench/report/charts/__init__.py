"""Charts as SVG: scales and the drawing of lines; what is drawn is decided by who calls."""
