"""The number of the form in which this release keeps tasks in Redis; `queue.formats` compares it.

A change raises it if the scripts of the release before would misread what the new ones write, or
the new ones what is there: a key that is gone, renamed or of another type, another meaning of a
field, a list that is packed otherwise. What only comes in addition, and may be missing, does not.
"""

FORMAT = 1
