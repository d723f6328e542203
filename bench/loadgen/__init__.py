"""The load child: due times, sessions, connections, and what came back."""
