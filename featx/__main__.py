"""The command `featx`, and `python -m featx`, which is the same."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is being imported is no traceback."""
    try:
        from featx.cli.main import main as command
    except KeyboardInterrupt:
        sys.exit(130)  # as for a command that is interrupted
    command()


if __name__ == "__main__":
    main()
