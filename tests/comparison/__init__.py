"""``compare``, its report and the command."""
