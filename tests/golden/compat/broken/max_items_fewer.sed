s/max_items: 5/max_items: 4/
