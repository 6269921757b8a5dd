"""From stored samples to what people read: spans, rollups, series and gaps. Knows nothing of `ingest`."""
