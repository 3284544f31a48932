"""Where agents live: holdfast behind the interfaces of frameworks and protocols."""
