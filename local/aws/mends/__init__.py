"""One file for each gap of the emulator that a fault could hide in. See launcher.py."""
