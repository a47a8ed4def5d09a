"""A scene as one file on disk that can be mapped into memory.

    scene_store     `save_scene`, `load_scene`
    scene_file      the container: arrays and bytes
    scene_codec     values of the scene model to JSON and back; a closed set of types
    scene_checks    what must hold for the arrays, whoever wrote the file
    stored_gltf     what a writer needs of an uploaded glTF
    reader_version  a text that changes with the readers, so that no stored scene outlives them

Who needs which stored scene, and when it goes, is `service.files.references`' business.
"""
