"""What users script against: it may be extended, never broken. Imports neither numpy nor torch.

    engine_version  the number in each report that follows results: raised when they change
    errors       the one tree of typed errors, with code, HTTP status and exit code
    options      JobOptions: the options of a job, for command line, HTTP and OpenAPI alike
    option_errors  what is wrong with options, one plain sentence a field
    stages       the stages of a job in their order
    definitions  character definitions: what the user knows of a file and the file does not say
    axes         the names of the axes that may be up
    json_lines   strict JSON that remembers on which line each value stands
    roles        the names of the humanoid roles, and which of them are needed

What the options do is left to the engine, finding the roles to `workers.skeleton.find_roles`.
"""
