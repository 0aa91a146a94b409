"""One hookpoint a file: where its neurons are in which structure, as `HOOKPOINT`, plain data.

The file is named as the hookpoint, with "_" in place of the first ".". See hooks/places.py.
"""
