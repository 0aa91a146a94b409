"""One scorer a file: statistics -> score per culture and neuron; higher = more sensitive.

A scorer is the public function with its file's name. It takes `Statistics` and its options as
keyword-only arguments (their values come from the config, their types are checked against these
annotations; one with a default may be left out), and returns an array (cultures, units). A score
of -inf means "never select"; NaN is refused.

Not every hookpoint has activation probabilities: heads have none. NO_PROBABILITY, a literal, maps
options to the values with which a scorer needs none; a file without it always does, and is refused
where there are none.
"""
