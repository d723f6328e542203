"""A KATO deployment described by Docker Compose files: what they say, and what the engine says of it live.

`reading` and what it uses turn files into services as Compose does
(https://docs.docker.com/reference/compose-file/ and the behaviour of Compose 2); `parts` finds KATO and its
stores among them, `settings` their knobs; `engine` and `live` ask the Docker Engine API; `target` is the
target of a run."""
