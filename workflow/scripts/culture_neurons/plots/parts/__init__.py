"""What families of figures share: style, grids, words, reading."""
