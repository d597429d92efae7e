"""Reports that arrive by themselves: asked for or due, made in a process of their own, kept and mailed.

What a report says (`content`) is put together once, in one language, by the same functions the API answers
with; Excel and PDF are drawn from that.
"""
