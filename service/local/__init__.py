"""One machine alone, without containers.

    embedded_redis  a durable Redis as a child process
    supervisor      child processes started, restarted and stopped

Which processes there are is `service.commands.serve`'s to say.
"""
