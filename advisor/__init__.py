"""From a run record to findings and recommendations; never touches the target."""
