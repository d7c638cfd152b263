s/min_items: 1/min_items: 2/
