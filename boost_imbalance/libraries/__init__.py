"""What the two libraries call: their shapes, orders, weights, signatures and starts."""
