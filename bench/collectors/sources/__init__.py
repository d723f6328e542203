"""One file a source; each names its class as `COLLECTOR`."""
