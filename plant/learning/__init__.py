"""Curves from what was measured: rows → sifted → a physical form fitted robustly → judged on days not seen.

Pure, numpy only. What belongs here: judging rows, fitting, judging a fit. Reading a store or a file does not;
the document that comes of it is `plant/learnt.py`.
"""
