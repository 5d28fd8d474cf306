"""The command line: one file per verb, each parse -> call -> render, with no decisions of its own.

A verb's module exports ``SUMMARY`` (one line), ``EXAMPLES`` (shown below its help),
``configure(parser)`` and ``run(args, context) -> exit code``.  Only the module of the verb that
was asked for is imported.
"""
