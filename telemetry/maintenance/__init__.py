"""The work that keeps the service healthy while nobody looks: loops of steps, none of which waits for another."""
