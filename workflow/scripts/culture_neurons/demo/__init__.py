"""An invented world whose culture neurons are known: a positive control of the pipeline.

Pictures and questions of eight cultures that do not exist, and tiny models of real transformers
classes that are trained to answer through planted neurons. Nothing here is evidence about real
models, and no step of the study imports it, but for the names of models whose truth is known.
"""
