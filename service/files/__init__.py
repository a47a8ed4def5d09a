"""Files on their way in, and where their bytes are kept.

    form             multipart bodies, streamed, counted and hashed
    reception        who may send a body now, and how slowly
    input_file       an uploaded file as a record names it
    first_look       what is obviously no scene is refused before it is stored
    gltf_neighbours  a .gltf whose buffers did not come with it is refused
    definition_part  a definition that came with a request
    blobs            bytes by key: a local folder, memory or S3
    store_marker     proof that all processes see the same store
    references       which job, asset or stored scene needs which blob

What the files hold is the workers' to judge; when blobs are removed, `service.upkeep`'s.
"""
