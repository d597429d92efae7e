"""What is needed to have the hub again on another machine: archive, manifest, restore, drill, and the mark.

Not here: how the stores keep what they keep. Keys are no part of a backup unless a passphrase is given.
"""
