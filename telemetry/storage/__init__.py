"""How long rows are kept and in which partitions, and when the room for them will be full."""
