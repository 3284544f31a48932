"""What the stores do, written once: plans that yield statements and are sent their rows."""
