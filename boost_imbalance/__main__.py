"""The command, as ``python -m boost_imbalance``."""

from boost_imbalance._cli import main

if __name__ == "__main__":
    main()
