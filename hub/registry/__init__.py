"""Which site, edges, devices and points there are, who may be commanded, and what each edge shall go by.

The one reader of `site.yaml`, and the one keeper of configurations wanted of edges beside what they report.
Not here: what is measured, and limits of set-points (signed, at the edge).
"""
