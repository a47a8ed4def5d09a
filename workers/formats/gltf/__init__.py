"""glTF, GLB and VRM in and out."""
