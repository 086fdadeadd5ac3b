"""How public corpora lie in a folder as they are downloaded, and the manifest that follows from it.

Each layout is a module of this package, named as ``kedro manifest --layout`` names it.
"""

# In the order in which they are tried. Plain folders last: their names are in the other layouts too.
NAMES = ("faceforensics", "celebdf", "fakeavceleb", "dfdc", "fvc", "uadfv", "folders")
