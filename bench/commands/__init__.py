"""The commands of the command line, one module a topic; each module's `app` joins the root in `bench.cli`."""
