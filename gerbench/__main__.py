"""`python -m gerbench`: the command line."""

from gerbench.cli.main import main

if __name__ == "__main__":
    main()
