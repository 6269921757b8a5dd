"""From the bytes that a worker sends to committed rows, and back to its receipts."""
