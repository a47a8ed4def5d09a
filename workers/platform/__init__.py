"""What the operating system can tell and do about our processes.

    processes  death with the parent, memory limits, memory in use

Starting and stopping processes is left to those who need one.
"""
