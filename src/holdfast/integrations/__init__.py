"""holdfast inside other frameworks: `create_agent`, graphs, and agents of any kind."""
