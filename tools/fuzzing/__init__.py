"""What tools/fuzz.py runs: the protocol under arbitrary stimuli, and the other targets."""
