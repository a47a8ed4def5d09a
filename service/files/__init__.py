"""Files on their way in: uploads, blobs, which job holds which file."""
