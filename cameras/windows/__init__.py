"""Windows: times in which cameras are stopped, or in which nobody is notified of them."""
