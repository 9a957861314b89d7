"""data/ in, model/ out. Start with `train.py`; `data.py` says what a row is."""
