"""Where jobs run: on this machine's cores and GPUs (`local`); more than one machine comes with its own file."""
