"""BVH in and out.

    read    a BVH file to a Scene in metres, Y up
    syntax  the text as numbers: hierarchy and channels
    rows    the rows of numbers, by one numpy call
    motion  rows as local rotations and translations; what position channels mean
    write   a clip of any skeleton as BVH

Unit and up axis are guessed in `workers.formats.units`; roles and a better rest pose are `workers.skeleton`'s.
"""
