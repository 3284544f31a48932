"""`python -m holdfast` is the command line."""

from holdfast.cli import app

if __name__ == "__main__":
    app()
