"""The process that runs one playbook from its beginning to its end, apart from the service.

It is started by its path, in a session of its own, and imports nothing of this project outside of this
folder: a playbook outlives the worker that asked for it, and costs no second copy of the service. What is to
be done comes as JSON over standard input, because arguments and environment can be read by others. The lock
of the subcloud's folder comes as an open file; whoever can take that lock knows that no playbook runs there.
"""
