"""Dead letters as people see, replay and drop them."""
