"""`python -m featx` is the same as `featx`."""

from featx.cli.main import main

if __name__ == "__main__":
    main()
