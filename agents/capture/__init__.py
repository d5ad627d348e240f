"""Events and states become entries: the as-of join, and what acknowledges them."""
