"""The PostgreSQL store: its tables, its statements, and how a transaction runs."""
