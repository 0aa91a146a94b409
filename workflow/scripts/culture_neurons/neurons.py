"""Which neurons a hookpoint has: layers, their widths, and where each neuron stands in an array."""
