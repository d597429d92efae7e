"""Which site, edges, devices and points there are, and who may be commanded, by the configuration.

The one reader of `site.yaml`. Not here: what is measured, and limits of set-points (signed, at the edge).
"""
