"""What an agent can do: tools, the shell and its sandbox, the git of the workspace."""
