"""What the engine must know of each file before it retargets.

    prepare           PreparedCharacter and PreparedMotion: roles, rest pose, measures, contacts
    mapping_choice    whose word counts on a mapping: override, definition, preset
    apply_definition  a definition applied to its file
    time_axis         the rate a motion was sampled at, and that of the result
    several_characters  one of the characters of a file
    partial_skin      motions whose skin covers part of the body
    change_units      a scene in other units or with another axis up, a mesh in another rest pose

Reading files is left to `workers.formats`.
"""
