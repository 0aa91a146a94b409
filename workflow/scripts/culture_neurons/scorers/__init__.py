"""One scorer a file: statistics -> score per culture and neuron; higher = more sensitive.

A scorer is the public function with its file's name. It takes `Statistics` and its options as
keyword-only arguments without defaults (their values come from the config, their types are
checked against these annotations), and returns an array (cultures, units). A score of
-inf means "never select"; NaN is refused.
"""
