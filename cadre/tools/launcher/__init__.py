"""Runs a command where no namespaces are to be had; a program of its own, started by the sandbox.

It imports little of Python and nothing else of the engine, because each command pays for that.
"""
