"""Energy, cost and carbon accounts of a site: the documents they go by and the files they are made from.

What a figure is worked out by stands in the package `accounts`; here is only what reads and writes.
"""
